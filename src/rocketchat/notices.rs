//! Says once what an operator must mend, and once that it is mended; not per request.

use std::sync::{Mutex, PoisonError};

use crate::rocketchat::operation::Operation;

/// What was said last, per operation.
#[derive(Debug, Default)]
pub(in crate::rocketchat) struct Notices {
    said: [Mutex<Option<&'static str>>; Operation::ALL.len()],
}

impl Notices {
    /// The service account may not do this; `mend` says what to do.
    pub(in crate::rocketchat) fn refused(&self, operation: Operation, mend: &'static str) {
        if self.swap(operation, Some(mend)) != Some(mend) {
            tracing::error!(
                "Rocket.Chat does not permit the service account to {}: {mend}",
                operation.verb()
            );
        }
    }

    /// It may.
    pub(in crate::rocketchat) fn permitted(&self, operation: Operation) {
        if self.swap(operation, None).is_some() {
            tracing::info!(
                "Rocket.Chat permits the service account to {} again",
                operation.verb()
            );
        }
    }

    /// What is to be done about this operation, as said last.
    pub(in crate::rocketchat) fn mend(&self, operation: Operation) -> Option<&'static str> {
        *self.said[operation as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn swap(&self, operation: Operation, mend: Option<&'static str>) -> Option<&'static str> {
        let mut said = self.said[operation as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *said, mend)
    }
}

//! What the log says about the file: one line when it fails, and one when it is written again.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tracing::{error, info};

use crate::session::store::StoreError;
use crate::telemetry::logging::chain;

/// A failure that comes and goes is not told of more often than this: on a disk that is nearly full, one batch finds room and the next
/// does not.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// Speaks of changes.
#[derive(Debug, Default)]
pub(super) struct Report {
    told: Mutex<Option<SystemTime>>,
    failing: AtomicBool,
}

impl Report {
    /// The file could not be opened, read or written.
    pub(super) fn failed(&self, path: &Path, why: &StoreError, now: SystemTime) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Nor does a clock that was set back silence it.
        let lately = |told: SystemTime| now.duration_since(told).is_ok_and(|ago| ago < TOLD_AGAIN);
        if told.is_some_and(lately) {
            return;
        }
        *told = Some(now);
        self.failing.store(true, Ordering::Relaxed);
        error!(
            error = chain(why),
            "the session file {} cannot be read or written: who has a session goes on, nobody new gets in, and what ends is written \
             later, unless Gantry is restarted before; if the disk is full, make room, and nothing else is to be done",
            path.display()
        );
    }

    /// Something was written.
    pub(super) fn recovered(&self, path: &Path) {
        if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
            info!("the session file {} is written again", path.display());
        }
    }
}

//! A note on a verified token: what a layer above found for it, so that the next request with it need not look again.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

/// Remembers one thing, and does not keep it alive.
#[derive(Default)]
pub struct Memo(OnceLock<Weak<dyn Any + Send + Sync>>);

impl Memo {
    /// What was found for the token, if it is there still. Whether it is still right, only who noted it can say.
    #[must_use]
    pub fn recall<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::downcast(self.0.get()?.upgrade()?).ok()
    }

    /// Notes what was found. The first note stays.
    pub fn note<T: Any + Send + Sync>(&self, found: &Arc<T>) {
        let found: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(found);
        let _first = self.0.set(Arc::downgrade(&found));
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_first_is_recalled_while_it_lives() {
        let memo = Memo::default();
        assert_eq!(memo.recall::<u8>(), None);
        let first = Arc::new(1_u8);
        memo.note(&first);
        memo.note(&Arc::new(2_u8));
        assert_eq!(memo.recall(), Some(Arc::clone(&first)));
        assert_eq!(memo.recall::<u16>(), None);
        drop(first);
        assert_eq!(memo.recall::<u8>(), None);
    }
}

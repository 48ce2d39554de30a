//! How many logouts are owed to each Rocket.Chat user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts of all users; cheap to clone. A user to whom nothing is owed takes no room.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(Arc<Mutex<HashMap<String, usize>>>);

/// Counts one logout for as long as it is held, so that whatever becomes of it, the count is right.
#[derive(Debug)]
pub(super) struct Tally {
    all: Tallies,
    user_id: String,
}

impl Tallies {
    /// Counts one more.
    pub(super) fn count(&self, user_id: &str) -> Tally {
        *self.users().entry(user_id.to_owned()).or_default() += 1;
        Tally {
            all: self.clone(),
            user_id: user_id.to_owned(),
        }
    }

    /// Those of one user.
    pub(super) fn of(&self, user_id: &str) -> usize {
        self.users().get(user_id).copied().unwrap_or_default()
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let mut users = self.all.users();
        if let Some(count) = users.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                users.remove(&self.user_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_counted_no_more_and_leaves_nothing() {
        let tallies = Tallies::default();
        let held = [tallies.count("a"), tallies.count("a"), tallies.count("b")];
        assert_eq!(
            [tallies.of("a"), tallies.of("b"), tallies.of("c")],
            [2, 1, 0]
        );
        drop(held);
        assert!(tallies.users().is_empty());
    }
}

//! Sessions by a name that several of them may bear.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::session::record::Session;

/// Sessions by principal or by session claim; a name without sessions takes no room.
#[derive(Debug)]
pub(super) struct Index<K: Eq + Hash>(DashMap<K, Vec<Arc<Session>>>);

impl<K: Eq + Hash> Index<K> {
    /// Adds a session and returns those that bore the name before.
    pub(super) fn add(&self, name: K, session: &Arc<Session>) -> Vec<Arc<Session>> {
        let mut sessions = self.0.entry(name).or_default();
        let others = sessions.clone();
        sessions.push(Arc::clone(session));
        others
    }

    pub(super) fn remove(&self, name: K, session: &Arc<Session>) {
        if let Entry::Occupied(mut occupied) = self.0.entry(name) {
            occupied
                .get_mut()
                .retain(|other| !Arc::ptr_eq(other, session));
            if occupied.get().is_empty() {
                occupied.remove();
            }
        }
    }

    /// All that bear the name.
    pub(super) fn find(&self, name: &K) -> Vec<Arc<Session>> {
        self.0
            .get(name)
            .map(|sessions| sessions.clone())
            .unwrap_or_default()
    }
}

impl<K: Eq + Hash> Default for Index<K> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

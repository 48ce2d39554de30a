//! Sessions by a name that several of them may bear: principal, session claim, or their own id.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use smallvec::SmallVec;

use crate::session::record::Session;

/// Sessions under the beginning of a name's digest; a name without sessions takes no room. Other names may begin alike: whoever looks
/// a name up says which sessions bear it.
#[derive(Debug, Default)]
pub(super) struct Index(DashMap<u64, SmallVec<[Arc<Session>; 1]>>);

impl Index {
    /// Adds a session and returns those that were under the same beginning before.
    pub(super) fn add(&self, name: &[u8], session: &Arc<Session>) -> Vec<Arc<Session>> {
        let mut sessions = self.0.entry(beginning(name)).or_default();
        let others = sessions.to_vec();
        sessions.push(Arc::clone(session));
        others
    }

    pub(super) fn remove(&self, name: &[u8], session: &Arc<Session>) {
        if let Entry::Occupied(mut occupied) = self.0.entry(beginning(name)) {
            occupied
                .get_mut()
                .retain(|other| !Arc::ptr_eq(other, session));
            if occupied.get().is_empty() {
                occupied.remove();
            }
        }
    }

    /// All that bear the name.
    pub(super) fn find(
        &self,
        name: &[u8],
        bears_it: impl Fn(&Session) -> bool,
    ) -> Vec<Arc<Session>> {
        let Some(sessions) = self.0.get(&beginning(name)) else {
            return Vec::new();
        };
        let named = sessions.iter().filter(|session| bears_it(session));
        named.map(Arc::clone).collect()
    }
}

/// Digests and random texts are spread evenly from their first byte on.
fn beginning(name: &[u8]) -> u64 {
    name.first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first))
}

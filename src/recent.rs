//! A bounded map that forgets: the least recently used entry when it is full, and each entry when its time is over.
//!
//! For what may be forgotten at any time. Looking and keeping take one short lock, so it is for places that are off the warm path.

use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use lru::LruCache;

use crate::clock::Clock;

/// What was used lately, at most so many entries; grows with what it holds.
pub struct Recent<K, V> {
    // Keyed with random bits of this process: clients choose some of the keys, and could make them collide otherwise.
    entries: Mutex<LruCache<K, Entry<V>, RandomState>>,
    limit: usize,
    life: Option<(Duration, Clock)>,
}

struct Entry<V> {
    value: V,
    /// Over at this time, if ever.
    until: Option<SystemTime>,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// At most `limit` entries.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            entries: Mutex::new(LruCache::unbounded_with_hasher(RandomState::new())),
            limit,
            life: None,
        }
    }

    /// At most `limit` entries, each for so long after it was put in.
    #[must_use]
    pub fn lasting(limit: usize, life: Duration, clock: Clock) -> Self {
        Self {
            life: Some((life, clock)),
            ..Self::new(limit)
        }
    }

    /// The value of a key, which counts as a use.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let now = self.now();
        let mut entries = self.entries();
        match entries.get(key) {
            Some(entry) if entry.lives(now) => Some(entry.value.clone()),
            Some(_) => {
                entries.pop(key);
                None
            }
            None => None,
        }
    }

    /// Puts a value in, in place of what the key had.
    pub fn insert(&self, key: K, value: V) {
        let life = self.life.as_ref().map(|(life, _)| *life);
        self.put(key, value, life);
    }

    /// As [`Recent::insert`], for so long instead of the usual time; without a clock, for ever.
    pub fn insert_for(&self, key: K, value: V, life: Duration) {
        self.put(key, value, Some(life));
    }

    fn put(&self, key: K, value: V, life: Option<Duration>) {
        let now = self.now();
        let until = now.zip(life).map(|(now, life)| now + life);
        let mut entries = self.entries();
        entries.put(key, Entry { value, until });
        // What is over goes as others come, so that a quiet hour after a storm does not keep its memory.
        while let Some((_, oldest)) = entries.peek_lru()
            && (entries.len() > self.limit || !oldest.lives(now))
        {
            entries.pop_lru();
        }
    }

    /// Takes a value out: of many who try at once, one has it.
    pub fn take<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let now = self.now();
        let entry = self.entries().pop(key)?;
        entry.lives(now).then_some(entry.value)
    }

    fn now(&self) -> Option<SystemTime> {
        self.life.as_ref().map(|(_, clock)| clock.now())
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<K, Entry<V>, RandomState>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Entry<V> {
    fn lives(&self, now: Option<SystemTime>) -> bool {
        match (self.until, now) {
            (Some(until), Some(now)) => now < until,
            _ => true,
        }
    }
}

impl<K, V> fmt::Debug for Recent<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Recent")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let recent = Recent::new(2);
        recent.insert("a", 1);
        recent.insert("b", 2);
        assert_eq!(recent.get("a"), Some(1));
        recent.insert("c", 3);
        assert_eq!(recent.get("b"), None);
        assert_eq!((recent.get("a"), recent.get("c")), (Some(1), Some(3)));
    }

    #[test]
    fn an_entry_is_over_at_its_time() {
        let (clock, hand) = Clock::manual();
        let recent = Recent::lasting(9, Duration::from_secs(60), clock);
        recent.insert("a", 1);
        recent.insert("b", 2);
        hand.advance(Duration::from_secs(59));
        assert_eq!(recent.get("a"), Some(1));
        hand.advance(Duration::from_secs(1));
        assert_eq!((recent.get("a"), recent.take("b")), (None, None));
    }

    #[test]
    fn an_entry_may_have_a_time_of_its_own() {
        let (clock, hand) = Clock::manual();
        let recent = Recent::lasting(9, Duration::from_secs(60), clock);
        recent.insert_for("a", 1, Duration::from_secs(90));
        hand.advance(Duration::from_secs(89));
        assert_eq!(recent.get("a"), Some(1));
        hand.advance(Duration::from_secs(1));
        assert_eq!(recent.get("a"), None);
    }

    #[test]
    fn what_is_taken_is_gone() {
        let recent = Recent::new(2);
        recent.insert("a", 1);
        assert_eq!((recent.take("a"), recent.take("a")), (Some(1), None));
    }
}

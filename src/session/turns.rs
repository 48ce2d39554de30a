//! One at a time per key: those who come for the same key wait, those who come for different keys do not.

use std::hash::Hash;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The keys somebody works on or waits for; nothing is kept of the others.
#[derive(Debug)]
pub(in crate::session) struct Turns<K: Eq + Hash>(DashMap<K, Arc<Mutex<()>>>);

/// The right to work on a key, for as long as it is held.
#[derive(Debug)]
pub(in crate::session) struct Turn<'a, K: Eq + Hash> {
    /// Dropped before `place`, so that the place can see whether it was the last.
    _guard: OwnedMutexGuard<()>,
    _place: Place<'a, K>,
}

#[derive(Debug)]
struct Place<'a, K: Eq + Hash> {
    turns: &'a Turns<K>,
    key: K,
    mutex: Option<Arc<Mutex<()>>>,
}

impl<K: Clone + Eq + Hash> Turns<K> {
    pub(in crate::session) fn new() -> Self {
        Self(DashMap::new())
    }

    /// Waits for the turn on this key. Cancel-safe: who gives up leaves nothing behind.
    pub(in crate::session) async fn take(&self, key: K) -> Turn<'_, K> {
        let mutex = Arc::clone(self.0.entry(key.clone()).or_default().value());
        let place = Place {
            turns: self,
            key,
            mutex: Some(Arc::clone(&mutex)),
        };
        Turn {
            _guard: mutex.lock_owned().await,
            _place: place,
        }
    }
}

impl<K: Eq + Hash> Drop for Place<'_, K> {
    fn drop(&mut self) {
        drop(self.mutex.take());
        self.turns
            .0
            .remove_if(&self.key, |_, mutex| Arc::strong_count(mutex) == 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_turn_on_a_key_waits_and_another_key_does_not() {
        let turns = Arc::new(Turns::new());
        let first = turns.take("a").await;
        let second = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move {
                turns.take("a").await;
            }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        let _other = turns.take("b").await;
        drop(first);
        second.await.expect("the second gets its turn");
    }

    #[tokio::test]
    async fn nothing_is_left_of_turns_that_ended_or_were_given_up() {
        let turns = Turns::new();
        let first = turns.take("a").await;
        {
            let given_up = turns.take("a");
            tokio::pin!(given_up);
            tokio::select! {
                biased;
                _turn = &mut given_up => panic!("the key is taken"),
                () = std::future::ready(()) => {}
            }
        }
        drop(first);
        assert!(turns.0.is_empty());
    }
}

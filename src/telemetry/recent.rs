//! What failed lately: kinds of failures with their times, in a small ring. Kinds are fixed slugs, so nothing in it is anybody's.
//!
//! A kind that comes again within a minute is counted in the entry that it has: a client that fails in a loop takes one place.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Entries kept: what a person looks through.
const MOST: usize = 32;

/// Within this, the same failure is the same entry.
const TOGETHER: Duration = Duration::from_secs(60);

/// Results that are no failures.
const GOOD: [&str; 3] = ["ok", "kept", "cached"];

/// The ring.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Noted>>);

/// A kind of failure, and when it was.
#[derive(Clone, Debug)]
pub struct Noted {
    /// What failed.
    pub what: &'static str,
    /// How, as in logs and metrics.
    pub kind: &'static str,
    /// How often within the entry's time.
    pub count: u64,
    /// When it began.
    pub first: Instant,
    /// The last time.
    pub last: Instant,
}

impl Recent {
    /// Notes a result, unless it is a good one.
    pub fn note(&self, what: &'static str, kind: &'static str) {
        if GOOD.contains(&kind) {
            return;
        }
        let now = Instant::now();
        let mut entries = self.entries();
        let same = |entry: &Noted| {
            entry.what == what && entry.kind == kind && now - entry.first < TOGETHER
        };
        let mut noted = Noted {
            what,
            kind,
            count: 0,
            first: now,
            last: now,
        };
        if let Some(entry) = entries
            .iter()
            .position(same)
            .and_then(|index| entries.remove(index))
        {
            noted = entry;
        }
        noted.count += 1;
        noted.last = now;
        entries.push_front(noted);
        entries.truncate(MOST);
    }

    /// All entries, the latest first.
    #[must_use]
    pub fn list(&self) -> Vec<Noted> {
        self.entries().iter().cloned().collect()
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(recent: &Recent) -> Vec<(&'static str, u64)> {
        let entries = recent.list();
        entries
            .iter()
            .map(|entry| (entry.kind, entry.count))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_failure_is_counted_for_a_minute_and_then_noted_anew() {
        let recent = Recent::default();
        recent.note("minting", "timeout");
        recent.note("minting", "ok");
        recent.note("request", "overloaded");
        tokio::time::advance(TOGETHER / 2).await;
        recent.note("minting", "timeout");
        assert_eq!(shown(&recent), [("timeout", 2), ("overloaded", 1)]);
        tokio::time::advance(TOGETHER / 2).await;
        recent.note("minting", "timeout");
        assert_eq!(
            shown(&recent),
            [("timeout", 1), ("timeout", 2), ("overloaded", 1)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_are_forgotten() {
        let recent = Recent::default();
        for _ in 0..=MOST {
            recent.note("minting", "timeout");
            tokio::time::advance(TOGETHER).await;
        }
        assert_eq!(recent.list().len(), MOST);
    }
}

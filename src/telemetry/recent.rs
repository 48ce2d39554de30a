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
        if !GOOD.contains(&kind) {
            self.add(what, kind, Instant::now());
        }
    }

    fn add(&self, what: &'static str, kind: &'static str, now: Instant) {
        let mut entries = self.entries();
        let is_same = |entry: &Noted| {
            entry.what == what && entry.kind == kind && now - entry.first < TOGETHER
        };
        let same = entries.iter().position(is_same);
        let mut noted = same
            .and_then(|index| entries.remove(index))
            .unwrap_or(Noted {
                what,
                kind,
                count: 0,
                first: now,
                last: now,
            });
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

    #[test]
    fn the_same_failure_is_counted_for_a_minute_and_then_noted_anew() {
        let (recent, now) = (Recent::default(), Instant::now());
        recent.add("minting", "timeout", now);
        recent.add("request", "timeout", now);
        recent.add("minting", "overloaded", now);
        recent.add("minting", "timeout", now + TOGETHER / 2);
        let first = [("timeout", 2), ("overloaded", 1), ("timeout", 1)];
        assert_eq!(shown(&recent), first);
        recent.add("minting", "timeout", now + TOGETHER);
        assert_eq!(shown(&recent)[0], ("timeout", 1));
        assert_eq!(shown(&recent)[1..], first);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let (recent, mut now) = (Recent::default(), Instant::now());
        for _ in 0..=MOST {
            recent.add("minting", "timeout", now);
            now += TOGETHER;
        }
        assert_eq!(recent.list().len(), MOST);
    }

    #[test]
    fn what_went_well_is_no_failure() {
        let recent = Recent::default();
        for result in GOOD {
            recent.note("minting", result);
        }
        assert!(recent.list().is_empty());
    }
}

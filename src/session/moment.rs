//! Times as sessions keep them: milliseconds since 1970, small enough for an atomic.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::clock;

/// A point in wall time, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::session) struct Moment(u64);

impl Moment {
    /// Later than every calendar: the deadline of what has none.
    pub(in crate::session) const NEVER: Self = Self(u64::MAX);

    /// Earlier than everything that happens.
    pub(in crate::session) const BEGINNING: Self = Self(0);

    pub(in crate::session) fn of(time: SystemTime) -> Self {
        Self(clock::unix_millis(time))
    }

    pub(in crate::session) fn of_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// This much later, at most [`Moment::NEVER`].
    pub(in crate::session) fn after(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How much later it is than an earlier one; nothing when it is not.
    pub(in crate::session) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Milliseconds since 1970.
    pub(in crate::session) fn millis(self) -> u64 {
        self.0
    }

    pub(in crate::session) fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0)
    }
}

/// A moment that many threads read and move; each is independent of the others, so relaxed ordering is enough.
#[derive(Debug)]
pub(in crate::session) struct Mark(AtomicU64);

impl Mark {
    pub(in crate::session) fn new(moment: Moment) -> Self {
        Self(AtomicU64::new(moment.0))
    }

    pub(in crate::session) fn load(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }

    pub(in crate::session) fn store(&self, moment: Moment) {
        self.0.store(moment.0, Ordering::Relaxed);
    }

    /// Moves it later, never earlier. Reads first: on the warm path nothing changes, and a read leaves the cache line shared.
    /// True when it moved.
    pub(in crate::session) fn raise(&self, moment: Moment) -> bool {
        self.load() < moment && self.0.fetch_max(moment.0, Ordering::Relaxed) < moment.0
    }

    /// Moves it earlier, never later; true when it moved.
    pub(in crate::session) fn lower(&self, moment: Moment) -> bool {
        self.0.fetch_min(moment.0, Ordering::Relaxed) > moment.0
    }
}

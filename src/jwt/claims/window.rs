//! The span of time in which a token may be used: `exp`, `nbf`, `iat`, the issuer's `max_age` and leeway in one.
//!
//! It is worked out once, so that a token known from before is judged again on every request by two comparisons.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::jwt::VerifyError;

/// When a token may be used. Bounds are times since 1970; the leeway is counted in, so no sum can leave the calendar.
#[derive(Clone, Copy, Debug)]
pub(in crate::jwt) struct Window {
    /// `nbf` less leeway.
    starts: Duration,
    /// `iat` less leeway.
    issued: Duration,
    /// `exp` plus leeway; excluded, as RFC 7519 §4.1.4 has it.
    expires: Duration,
    /// `iat` plus `max_age` plus leeway; excluded.
    outdated: Duration,
}

/// The dates of a token as it gives them, since 1970.
#[derive(Clone, Copy, Debug)]
pub(in crate::jwt) struct Dates {
    pub expires: Duration,
    pub starts: Option<Duration>,
    pub issued: Option<Duration>,
}

impl Window {
    pub(super) fn new(dates: Dates, leeway: Duration, max_age: Duration) -> Self {
        let early = |time: Option<Duration>| {
            time.map_or(Duration::ZERO, |time| time.saturating_sub(leeway))
        };
        Self {
            starts: early(dates.starts),
            issued: early(dates.issued),
            expires: dates.expires.saturating_add(leeway),
            outdated: dates.issued.map_or(Duration::MAX, |issued| {
                issued.saturating_add(max_age).saturating_add(leeway)
            }),
        }
    }

    /// Whether the token may be used now, and if not, why.
    pub(super) fn check(&self, now: SystemTime) -> Result<(), VerifyError> {
        let now = since_epoch(now);
        if now >= self.expires {
            return Err(VerifyError::Expired);
        }
        if now < self.starts {
            return Err(VerifyError::NotYetValid);
        }
        if now < self.issued {
            return Err(VerifyError::IssuedInFuture);
        }
        if now >= self.outdated {
            return Err(VerifyError::TooOld);
        }
        Ok(())
    }

    /// Whether the token may be used now.
    pub(in crate::jwt) fn contains(&self, now: SystemTime) -> bool {
        self.check(now).is_ok()
    }

    /// Whether no later time can make the token usable.
    pub(in crate::jwt) fn is_over(&self, now: SystemTime) -> bool {
        since_epoch(now) >= self.end()
    }

    /// From when on it never can be used any more, since 1970.
    pub(in crate::jwt) fn end(&self) -> Duration {
        self.expires.min(self.outdated)
    }
}

/// A clock before 1970 is broken; it reads as the end of all time, where every token has expired.
pub(in crate::jwt) fn since_epoch(now: SystemTime) -> Duration {
    now.duration_since(UNIX_EPOCH).unwrap_or(Duration::MAX)
}

//! When a silent connection is pinged and when it is given up (RC §6.1).
//!
//! Anything heard counts as a sign of life. Knows the time only as told, so it needs no waiting in
//! tests.

use std::time::Duration;

use tokio::time::Instant;

/// How long a connection may be silent before it is pinged, and then again until it is given up.
pub(super) const SILENCE: Duration = Duration::from_secs(15);

/// What to do about a connection that has been silent for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Ask for a sign of life.
    Ping,
    /// It was asked and stayed silent.
    GiveUp,
}

/// The watch over one connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    due: Instant,
    pinged: bool,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now + SILENCE,
            pinged: false,
        }
    }

    /// When something must be done, unless something is heard before.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Something was heard.
    pub(super) fn heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Nothing was heard until the due time.
    pub(super) fn silent(&mut self, now: Instant) -> Beat {
        self.due = now + SILENCE;
        if std::mem::replace(&mut self.pinged, true) {
            Beat::GiveUp
        } else {
            Beat::Ping
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc_6_1_a_silent_connection_is_pinged_after_15_s_and_given_up_after_30() {
        let begun = Instant::now();
        let mut heartbeat = Heartbeat::new(begun);
        assert_eq!(heartbeat.due(), begun + Duration::from_secs(15));
        assert_eq!(heartbeat.silent(heartbeat.due()), Beat::Ping);
        assert_eq!(heartbeat.due(), begun + Duration::from_secs(30));
        assert_eq!(heartbeat.silent(heartbeat.due()), Beat::GiveUp);
    }

    #[test]
    fn rc_6_1_anything_heard_begins_the_silence_anew() {
        let begun = Instant::now();
        let mut heartbeat = Heartbeat::new(begun);
        assert_eq!(heartbeat.silent(heartbeat.due()), Beat::Ping);
        heartbeat.heard(begun + Duration::from_secs(20));
        assert_eq!(heartbeat.due(), begun + Duration::from_secs(35));
        assert_eq!(heartbeat.silent(heartbeat.due()), Beat::Ping);
    }
}

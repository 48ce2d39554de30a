//! Growing pauses after refused logins, so that a wrong password never locks anybody out (RC §5.5).

use std::time::{Duration, SystemTime};

/// First pause. Rocket.Chat blocks a user at 10 failures and an address at 50, counted since the last success.
const FIRST: Duration = Duration::from_secs(30);
/// Longest pause: a password that stays wrong makes 24 failures a day, and each try meets an unblocked account.
const LONGEST: Duration = Duration::from_secs(3600);
/// Pause after Rocket.Chat says it has blocked us: its five minutes, and a little.
const LOCKED_OUT: Duration = Duration::from_secs(330);

/// Counts refusals in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::rocketchat) struct Brake {
    refusals: u32,
    not_before: Option<SystemTime>,
}

impl Brake {
    /// How long until the next try may be made; `None` when it may be made now.
    pub(in crate::rocketchat) fn wait(&self, now: SystemTime) -> Option<Duration> {
        self.not_before
            .and_then(|not_before| not_before.duration_since(now).ok())
            .filter(|wait| !wait.is_zero())
    }

    /// A try was refused. The pause until the next.
    pub(in crate::rocketchat) fn refused(&mut self, now: SystemTime) -> Duration {
        let pause = FIRST
            .saturating_mul(1 << self.refusals.min(16))
            .min(LONGEST);
        self.pause(now, pause)
    }

    /// A try met a lock-out. The pause until the next.
    pub(in crate::rocketchat) fn locked_out(&mut self, now: SystemTime) -> Duration {
        let pause = FIRST
            .saturating_mul(1 << self.refusals.min(16))
            .clamp(LOCKED_OUT, LONGEST);
        self.pause(now, pause)
    }

    /// A try went well.
    pub(in crate::rocketchat) fn accepted(&mut self) {
        *self = Self::default();
    }

    fn pause(&mut self, now: SystemTime, pause: Duration) -> Duration {
        self.refusals = self.refusals.saturating_add(1);
        self.not_before = Some(now + pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_a_success_ends_them() {
        let now = SystemTime::UNIX_EPOCH;
        let mut brake = Brake::default();
        assert_eq!(brake.wait(now), None);
        let pauses: Vec<u64> = (0..40).map(|_| brake.refused(now).as_secs()).collect();
        assert_eq!(pauses[..8], [30, 60, 120, 240, 480, 960, 1920, 3600]);
        assert!(pauses[8..].iter().all(|pause| *pause == 3600));
        assert_eq!(brake.wait(now), Some(LONGEST));
        assert_eq!(brake.wait(now + LONGEST), None);
        brake.accepted();
        assert_eq!(brake.wait(now), None);
        assert_eq!(brake.refused(now), FIRST);
    }

    #[test]
    fn a_lock_out_is_left_alone_until_it_is_over() {
        let mut brake = Brake::default();
        assert_eq!(brake.locked_out(SystemTime::UNIX_EPOCH), LOCKED_OUT);
    }
}

//! What becomes of a session as time passes: plain values in, the next step out; no clock, no atomics, no I/O.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::config;
use crate::session::EndCause;
use crate::session::moment::Moment;

/// What bounds one session's life.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Bounds {
    /// The moment it began, with `max_lifetime`.
    pub(in crate::session) hard_end: Moment,
    pub(in crate::session) grace: Duration,
    pub(in crate::session) idle_timeout: Duration,
    pub(in crate::session) end_on_last_socket: Option<Duration>,
}

/// The bounds that all live sessions of this process share; they may be set anew while sessions live. Each is independent of the others,
/// so relaxed ordering is enough.
#[derive(Debug)]
pub(in crate::session) struct Span {
    /// Milliseconds, as the others.
    grace: AtomicU64,
    idle_timeout: AtomicU64,
    /// [`NONE`] without one.
    end_on_last_socket: AtomicU64,
}

/// No delay is this long.
const NONE: u64 = u64::MAX;

/// Where a session stands now.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Times {
    pub(in crate::session) last_used: Moment,
    /// The latest `exp` among its JWTs.
    pub(in crate::session) token_expires: Moment,
    /// [`Moment::NEVER`] while a refresh runs.
    pub(in crate::session) refresh_due: Moment,
    pub(in crate::session) sockets: usize,
    /// [`Moment::NEVER`] until a socket closed.
    pub(in crate::session) last_socket_closed: Moment,
}

/// What to do with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Step {
    End(EndCause),
    Refresh,
    /// Nothing before this moment, unless its times change.
    Wait(Moment),
}

impl Span {
    pub(in crate::session) fn new(rules: &config::session::Sessions) -> Self {
        let span = Self {
            grace: AtomicU64::new(0),
            idle_timeout: AtomicU64::new(0),
            end_on_last_socket: AtomicU64::new(NONE),
        };
        span.set(rules);
        span
    }

    /// Takes these from now on.
    pub(in crate::session) fn set(&self, rules: &config::session::Sessions) {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(NONE);
        self.grace.store(millis(rules.grace), Ordering::Relaxed);
        self.idle_timeout
            .store(millis(rules.idle_timeout), Ordering::Relaxed);
        self.end_on_last_socket.store(
            rules.end_on_last_socket.map_or(NONE, millis),
            Ordering::Relaxed,
        );
    }

    /// Those of a session that ends at `hard_end` whatever happens.
    pub(in crate::session) fn bounds(&self, hard_end: Moment) -> Bounds {
        let load = |millis: &AtomicU64| millis.load(Ordering::Relaxed);
        let last_socket = load(&self.end_on_last_socket);
        Bounds {
            hard_end,
            grace: Duration::from_millis(load(&self.grace)),
            idle_timeout: Duration::from_millis(load(&self.idle_timeout)),
            end_on_last_socket: (last_socket != NONE).then(|| Duration::from_millis(last_socket)),
        }
    }
}

impl Bounds {
    /// The step that is due at `now`.
    pub(in crate::session) fn step(&self, times: &Times, now: Moment) -> Step {
        let (end, cause) = self.end(times);
        if end <= now {
            return Step::End(cause);
        }
        if times.refresh_due <= now {
            return Step::Refresh;
        }
        Step::Wait(end.min(times.refresh_due))
    }

    /// The earliest moment that ends it as things stand, and why.
    pub(in crate::session) fn end(&self, times: &Times) -> (Moment, EndCause) {
        let mut end = (self.hard_end, EndCause::MaxLifetime);
        let mut or = |moment: Moment, cause| {
            if moment < end.0 {
                end = (moment, cause);
            }
        };
        or(times.token_expires.after(self.grace), EndCause::Expired);
        // An open socket is use.
        if times.sockets == 0 {
            or(times.last_used.after(self.idle_timeout), EndCause::Idle);
            if let Some(delay) = self.end_on_last_socket {
                or(times.last_socket_closed.after(delay), EndCause::LastSocket);
            }
        }
        end
    }

    /// The latest moment it may live to, however much it is used, unless a newer JWT comes.
    pub(in crate::session) fn latest_end(&self, token_expires: Moment) -> Moment {
        self.hard_end.min(token_expires.after(self.grace))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::of(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn bounds() -> Bounds {
        Bounds {
            hard_end: at(1000),
            grace: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(100),
            end_on_last_socket: None,
        }
    }

    fn times() -> Times {
        Times {
            last_used: at(0),
            token_expires: at(300),
            refresh_due: at(800),
            sockets: 0,
            last_socket_closed: Moment::NEVER,
        }
    }

    fn check(bounds: &Bounds, times: &Times, now: u64, expected: Step) {
        let step = bounds.step(times, at(now));
        assert_eq!(step, expected, "at {now} with {times:?}");
    }

    #[test]
    fn an_unused_session_ends_after_the_idle_timeout() {
        check(&bounds(), &times(), 99, Step::Wait(at(100)));
        check(&bounds(), &times(), 100, Step::End(EndCause::Idle));
    }

    #[test]
    fn a_used_session_ends_when_its_newest_jwt_expired_and_the_grace_passed() {
        let used = Times {
            last_used: at(320),
            ..times()
        };
        check(&bounds(), &used, 329, Step::Wait(at(330)));
        check(&bounds(), &used, 330, Step::End(EndCause::Expired));
    }

    #[test]
    fn a_newer_jwt_extends_it_up_to_its_maximum_life() {
        let renewed = Times {
            last_used: at(999),
            token_expires: at(5000),
            refresh_due: Moment::NEVER,
            ..times()
        };
        check(&bounds(), &renewed, 999, Step::Wait(at(1000)));
        check(&bounds(), &renewed, 1000, Step::End(EndCause::MaxLifetime));
    }

    #[test]
    fn an_open_socket_counts_as_use_and_does_not_outlive_the_jwt() {
        let connected = Times {
            sockets: 1,
            ..times()
        };
        check(&bounds(), &connected, 200, Step::Wait(at(330)));
        check(&bounds(), &connected, 330, Step::End(EndCause::Expired));
    }

    #[test]
    fn the_last_socket_ends_it_only_when_so_configured() {
        let left = Times {
            last_used: at(200),
            last_socket_closed: at(200),
            ..times()
        };
        check(&bounds(), &left, 260, Step::Wait(at(300)));
        let strict = Bounds {
            end_on_last_socket: Some(Duration::from_secs(60)),
            ..bounds()
        };
        check(&strict, &left, 259, Step::Wait(at(260)));
        check(&strict, &left, 260, Step::End(EndCause::LastSocket));
        let reconnected = Times { sockets: 1, ..left };
        check(&strict, &reconnected, 299, Step::Wait(at(330)));
        check(&strict, &times(), 60, Step::Wait(at(100)));
    }

    #[test]
    fn credentials_are_refreshed_when_due_but_not_for_an_ended_session() {
        let due = Times {
            last_used: at(50),
            refresh_due: at(60),
            ..times()
        };
        check(&bounds(), &due, 59, Step::Wait(at(60)));
        check(&bounds(), &due, 60, Step::Refresh);
        check(&bounds(), &due, 150, Step::End(EndCause::Idle));
    }

    #[test]
    fn no_use_moves_the_latest_end() {
        assert_eq!(bounds().latest_end(at(300)), at(330));
        assert_eq!(bounds().latest_end(at(5000)), at(1000));
        assert_eq!(bounds().latest_end(Moment::NEVER), at(1000));
    }
}

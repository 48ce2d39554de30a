//! Obeys Rocket.Chat's rate limiter (RC §5.1, §5.2): after a 429, calls of the same route wait for the window's reset.
//!
//! `X-RateLimit-Reset` is an absolute time; it is compared with our clock and bounded, so that a clock that runs apart can
//! neither stop us for long nor make us hammer. A route that was refused once goes one call at a time for a while and heeds
//! `X-RateLimit-Remaining`: however many wait, the next window costs at most one refused call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;

use crate::clock::Clock;
use crate::rocketchat::ApiError;
use crate::rocketchat::operation::Operation;

/// Shortest wait after a refusal: the reset may already have passed by our clock.
const SHORTEST: Duration = Duration::from_secs(1);
/// Longest wait that we believe. Rocket.Chat's default window is one minute; a longer one costs one refused call per this.
const LONGEST: Duration = Duration::from_secs(300);
/// The wait when a refusal names no time; no Rocket.Chat does that, something before it may.
const UNNAMED: Duration = Duration::from_secs(10);
/// How long a route goes one by one after its window's reset: two default windows.
const PACED: Duration = Duration::from_secs(120);

/// What an answer said about its limiter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::rocketchat) struct Quota {
    remaining: Option<u64>,
    reset: Option<SystemTime>,
    retry_after: Option<Duration>,
}

impl Quota {
    /// Reads the headers; what cannot be understood is as if absent.
    pub(in crate::rocketchat) fn read(headers: &HeaderMap) -> Self {
        let number = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .and_then(|text| text.trim().parse::<u64>().ok())
        };
        Self {
            remaining: number("x-ratelimit-remaining"),
            reset: number("x-ratelimit-reset")
                .and_then(|millis| UNIX_EPOCH.checked_add(Duration::from_millis(millis))),
            retry_after: number("retry-after").map(Duration::from_secs),
        }
    }

    /// Calls left in the window, where calls are counted at all.
    pub(in crate::rocketchat) fn remaining(self) -> Option<u64> {
        self.remaining
    }

    fn wait(self, now: SystemTime) -> Duration {
        let named = match (self.reset, self.retry_after) {
            (Some(reset), _) => reset.duration_since(now).unwrap_or(SHORTEST),
            (None, Some(after)) => after,
            (None, None) => UNNAMED,
        };
        named.clamp(SHORTEST, LONGEST)
    }
}

/// The state of every route.
#[derive(Debug)]
pub(in crate::rocketchat) struct Limits {
    clock: Clock,
    lanes: [Lane; Operation::ALL.len()],
}

#[derive(Debug, Default)]
struct Lane {
    times: Mutex<Times>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Times {
    blocked_until: Option<SystemTime>,
    paced_until: Option<SystemTime>,
}

/// Leave to make one call; held until its answer was [heard](Limits::heard).
#[derive(Debug)]
pub(in crate::rocketchat) struct Leave<'a> {
    _turn: Option<tokio::sync::MutexGuard<'a, ()>>,
}

impl Limits {
    /// Nothing is limited yet.
    pub(in crate::rocketchat) fn new(clock: Clock) -> Self {
        Self {
            clock,
            lanes: std::array::from_fn(|_| Lane::default()),
        }
    }

    /// Waits until a call may be made, not beyond `deadline`; `patience` bounds the wait for other callers in real time.
    ///
    /// # Errors
    /// [`ApiError::RateLimited`] with the time still to wait.
    pub(in crate::rocketchat) async fn leave(
        &self,
        operation: Operation,
        deadline: SystemTime,
        patience: Duration,
    ) -> Result<Leave<'_>, ApiError> {
        let lane = self.lane(operation);
        loop {
            if let Some(wait) = lane.blocked(self.clock.now()) {
                if self.clock.now() + wait > deadline {
                    return Err(ApiError::RateLimited(wait));
                }
                self.clock.sleep(wait).await;
                continue;
            }
            if !lane.paced(self.clock.now()) {
                return Ok(Leave { _turn: None });
            }
            let Ok(turn) = tokio::time::timeout(patience, lane.turn.lock()).await else {
                return Err(ApiError::RateLimited(SHORTEST));
            };
            // The one before may have used the window up.
            if lane.blocked(self.clock.now()).is_none() {
                return Ok(Leave { _turn: Some(turn) });
            }
        }
    }

    /// Takes note of an answer. The wait when it was a refusal.
    pub(in crate::rocketchat) fn heard(
        &self,
        operation: Operation,
        status: u16,
        quota: Quota,
    ) -> Option<Duration> {
        let now = self.clock.now();
        let mut times = self.lane(operation).times();
        if status == 429 {
            let wait = quota.wait(now);
            times.blocked_until = times.blocked_until.max(Some(now + wait));
            times.paced_until = times.blocked_until.map(|until| until + PACED);
            return Some(wait);
        }
        // Outside the paced time the header is not heeded: it counts the calls of others behind our address as well.
        let paced = times.paced_until.is_some_and(|until| now < until);
        if paced && quota.remaining == Some(0) && quota.reset.is_some_and(|reset| reset > now) {
            times.blocked_until = times.blocked_until.max(Some(now + quota.wait(now)));
            times.paced_until = times.blocked_until.map(|until| until + PACED);
        }
        None
    }

    fn lane(&self, operation: Operation) -> &Lane {
        &self.lanes[operation as usize]
    }
}

impl Lane {
    fn blocked(&self, now: SystemTime) -> Option<Duration> {
        self.times()
            .blocked_until
            .and_then(|until| until.duration_since(now).ok())
            .filter(|wait| !wait.is_zero())
    }

    fn paced(&self, now: SystemTime) -> bool {
        self.times().paced_until.is_some_and(|until| now < until)
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, unix_millis};

    const CALL: Duration = Duration::from_secs(10);

    fn quota(remaining: Option<u64>, reset: Option<SystemTime>) -> Quota {
        Quota {
            remaining,
            reset,
            retry_after: None,
        }
    }

    fn limits() -> (Limits, Clock, ManualClock) {
        let (clock, hand) = Clock::manual();
        (Limits::new(clock.clone()), clock, hand)
    }

    async fn ask(limits: &Limits, operation: Operation) -> Result<Leave<'_>, ApiError> {
        let deadline = limits.clock.now() + CALL;
        limits.leave(operation, deadline, CALL).await
    }

    #[test]
    fn headers_that_are_no_numbers_are_as_if_absent() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-reset", "soon".parse().unwrap());
        headers.insert("x-ratelimit-remaining", "-1".parse().unwrap());
        headers.insert(
            "retry-after",
            "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap(),
        );
        assert_eq!(Quota::read(&headers), Quota::default());
        headers.insert("x-ratelimit-reset", u64::MAX.to_string().parse().unwrap());
        assert_eq!(Quota::read(&headers).wait(UNIX_EPOCH), LONGEST);
    }

    #[test]
    fn the_wait_is_the_absolute_reset_within_bounds() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let check = |reset: Option<Duration>, wait: Duration| {
            let quota = quota(None, reset.map(|after| UNIX_EPOCH + after));
            assert_eq!(quota.wait(now), wait);
        };
        check(
            Some(Duration::from_secs(1_000_037)),
            Duration::from_secs(37),
        );
        check(Some(Duration::from_secs(999_000)), SHORTEST);
        check(Some(Duration::from_secs(2_000_000)), LONGEST);
        check(None, UNNAMED);
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-ratelimit-reset",
            unix_millis(now + CALL).to_string().parse().unwrap(),
        );
        assert_eq!(Quota::read(&headers).wait(now), CALL);
    }

    #[tokio::test]
    async fn a_refused_route_is_closed_until_its_reset_and_others_are_not() {
        let (limits, clock, hand) = limits();
        let reset = clock.now() + Duration::from_secs(37);
        limits.heard(Operation::CreateToken, 429, quota(None, Some(reset)));
        let refused = ask(&limits, Operation::CreateToken)
            .await
            .expect_err("closed");
        assert!(matches!(refused, ApiError::RateLimited(wait) if wait == Duration::from_secs(37)));
        assert!(ask(&limits, Operation::UserInfo).await.is_ok());
        hand.advance(Duration::from_secs(37));
        assert!(ask(&limits, Operation::CreateToken).await.is_ok());
    }

    #[tokio::test]
    async fn a_caller_waits_for_a_reset_within_its_patience() {
        let (limits, clock, hand) = limits();
        let reset = clock.now() + Duration::from_secs(4);
        limits.heard(Operation::Login, 429, quota(None, Some(reset)));
        let limits = std::sync::Arc::new(limits);
        let waiter = std::sync::Arc::clone(&limits);
        let waiting = tokio::spawn(async move { ask(&waiter, Operation::Login).await.is_ok() });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        hand.advance(Duration::from_secs(4));
        assert!(waiting.await.expect("ends"));
    }

    #[tokio::test]
    async fn after_a_refusal_the_next_window_is_used_up_without_another() {
        let (limits, clock, hand) = limits();
        let reset = clock.now() + Duration::from_secs(5);
        limits.heard(Operation::CreateToken, 429, quota(None, Some(reset)));
        hand.advance(Duration::from_secs(5));
        let first = ask(&limits, Operation::CreateToken)
            .await
            .expect("open again");
        let second = ask(&limits, Operation::CreateToken);
        tokio::pin!(second);
        let early = tokio::time::timeout(Duration::ZERO, &mut second).await;
        assert!(early.is_err(), "the second goes only after the first");
        let next = clock.now() + Duration::from_secs(60);
        limits.heard(Operation::CreateToken, 200, quota(Some(0), Some(next)));
        drop(first);
        let refused = second.await.expect_err("the window is used up");
        assert!(matches!(refused, ApiError::RateLimited(wait) if wait == Duration::from_secs(60)));
    }

    #[tokio::test]
    async fn an_empty_quota_alone_closes_nothing() {
        let (limits, clock, _hand) = limits();
        let reset = clock.now() + Duration::from_secs(60);
        limits.heard(Operation::UserInfo, 200, quota(Some(0), Some(reset)));
        assert!(ask(&limits, Operation::UserInfo).await.is_ok());
    }
}

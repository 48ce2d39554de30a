//! The only reader of wall time, and the timers that follow it.
//!
//! Everything that compares times takes `now` from a [`Clock`]; a test swaps in a [`ManualClock`], which starts at the real
//! present and only moves forward, because the JWT library keeps its own second look at the system's time.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// Wall time for the whole program; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<watch::Sender<SystemTime>>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at the present until its [`ManualClock`] moves it.
    #[must_use]
    pub fn manual() -> (Self, ManualClock) {
        let sender = Arc::new(watch::Sender::new(system_now()));
        (
            Self(Source::Manual(Arc::clone(&sender))),
            ManualClock(sender),
        )
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Waits until `duration` has passed on this clock.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(duration).await,
            Source::Manual(_) => self.sleep_until(self.now() + duration).await,
        }
    }

    /// Waits until this clock shows `until`; unlike [`Clock::sleep`] it misses nothing when the clock moved since the caller
    /// looked at it.
    pub async fn sleep_until(&self, until: SystemTime) {
        match &self.0 {
            Source::System => {
                let left = until.duration_since(system_now()).unwrap_or_default();
                tokio::time::sleep(left).await;
            }
            Source::Manual(time) => {
                let mut moves = time.subscribe();
                // The sender is held by this clock, so waiting can only end by reaching the time.
                let _reached = moves.wait_for(|now| *now >= until).await;
            }
        }
    }
}

/// Moves a manual [`Clock`] forward.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<SystemTime>>);

impl ManualClock {
    /// Moves the clock forward and wakes every sleeper whose time has come.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }
}

/// Whole seconds since 1970; 0 for times before it.
#[must_use]
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970; 0 for times before it, [`u64::MAX`] far beyond any calendar.
#[must_use]
pub fn unix_millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the system's clock"
)]
fn system_now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_manual_clock_reaches_its_time() {
        let (clock, hand) = Clock::manual();
        let sleeper = clock.clone();
        let asleep = tokio::spawn(async move { sleeper.sleep(Duration::from_secs(5)).await });
        tokio::task::yield_now().await;
        hand.advance(Duration::from_secs(4));
        tokio::task::yield_now().await;
        assert!(!asleep.is_finished());
        hand.advance(Duration::from_secs(1));
        asleep.await.expect("the sleeper ends");
    }
}

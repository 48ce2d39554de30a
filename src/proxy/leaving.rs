//! When sockets are closed because the service stops: each at a moment of its own.
//!
//! Every client comes back elsewhere with a login. All at once, they would be a storm for Rocket.Chat and for the next Gantry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// Odd, and 2^32 divided by the golden ratio: its multiples, taken modulo 2^32, lie evenly however many there are, and neighbours in
/// time are none in order of coming.
const STRIDE: u32 = 0x9E37_79B9;

/// Tells sockets when to leave; cheap to clone.
#[derive(Clone, Debug)]
pub struct Leaving(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begun: CancellationToken,
    hurry: CancellationToken,
    spread: Duration,
    clock: Clock,
    told: AtomicU32,
}

impl Leaving {
    /// Once begun, sockets leave over `spread`; once `hurry` is cancelled, those that are left leave at once.
    #[must_use]
    pub fn new(spread: Duration, hurry: CancellationToken, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            begun: CancellationToken::new(),
            hurry,
            spread,
            clock,
            told: AtomicU32::new(0),
        }))
    }

    /// Begins.
    pub fn begin(&self) {
        self.0.begun.cancel();
    }

    /// Waits for the beginning, and then for this socket's own moment. A socket that opens later has come too late to wait.
    pub async fn turn(&self) {
        let inner = &*self.0;
        if inner.begun.is_cancelled() {
            return;
        }
        inner.begun.cancelled().await;
        let moment = moment(inner.told.fetch_add(1, Ordering::Relaxed), inner.spread);
        // Boxed, so that a resting socket does not keep room for it.
        Box::pin(async {
            tokio::select! {
                () = inner.clock.sleep(moment) => {}
                () = inner.hurry.cancelled() => {}
            }
        })
        .await;
    }
}

/// When the `n`th socket that was told leaves: within `spread`.
fn moment(n: u32, spread: Duration) -> Duration {
    let share = f64::from(n.wrapping_mul(STRIDE)) / (f64::from(u32::MAX) + 1.0);
    spread.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPREAD: Duration = Duration::from_secs(10);

    #[test]
    fn moments_lie_evenly_however_many_there_are() {
        for count in [1, 2, 3, 10, 60, 1000, 20_000] {
            let mut moments: Vec<Duration> = (0..count).map(|n| moment(n, SPREAD)).collect();
            moments.sort();
            moments.push(SPREAD);
            let widest = moments.windows(2).map(|pair| pair[1] - pair[0]).max();
            // Twice the even distance and a little; random moments would leave many times as much.
            let bound = SPREAD.mul_f64(2.7 / f64::from(count));
            assert!(widest <= Some(bound), "{count}: {widest:?} > {bound:?}");
        }
    }

    #[test]
    fn neighbours_in_order_of_coming_are_none_in_time() {
        for n in 0..1000 {
            assert!(
                moment(n, SPREAD).abs_diff(moment(n + 1, SPREAD)) > SPREAD / 4,
                "{n}"
            );
        }
    }

    #[tokio::test]
    async fn who_comes_after_the_beginning_leaves_at_once() {
        let (clock, _hand) = Clock::manual();
        let leaving = Leaving::new(SPREAD, CancellationToken::new(), clock);
        leaving.begin();
        leaving.turn().await;
    }
}

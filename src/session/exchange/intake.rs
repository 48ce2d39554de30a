//! The bound on work at Rocket.Chat: so many exchanges and refreshes run, so many wait, for so long (`rocketchat.minting`).

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Clock;
use crate::config::rocketchat::Minting;
use crate::session::ExchangeError;

/// Who may come in, and who may work.
#[derive(Debug)]
pub(in crate::session) struct Intake {
    minting: Minting,
    clock: Clock,
    places: Arc<Semaphore>,
    inside: watch::Sender<Inside>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Inside {
    count: usize,
    closed: bool,
}

/// Who is waiting for the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Urgency {
    /// A request.
    Awaited,
    /// Nobody yet. Such work comes in while it would take at most half of the places, so that thousands of credentials that are
    /// stale at once keep no request waiting.
    Background,
}

/// One who came in; leaves when dropped.
#[derive(Debug)]
pub(in crate::session) struct Entrance(Arc<Intake>);

impl Intake {
    pub(in crate::session) fn new(minting: Minting, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            minting,
            clock,
            places: Arc::new(Semaphore::new(minting.concurrency.max(1))),
            inside: watch::Sender::default(),
        })
    }

    /// Comes in, unless all places and the whole queue are taken, or Gantry drains.
    pub(in crate::session) fn enter(self: &Arc<Self>, urgency: Urgency) -> Option<Entrance> {
        let most = match urgency {
            Urgency::Awaited => self.minting.concurrency.saturating_add(self.minting.queue),
            Urgency::Background => (self.minting.concurrency / 2).max(1),
        };
        let mut entered = false;
        self.inside.send_if_modified(|inside| {
            entered = !inside.closed && inside.count < most;
            if entered {
                inside.count += 1;
            }
            false
        });
        entered.then(|| Entrance(Arc::clone(self)))
    }

    /// Lets nobody in any more.
    pub(in crate::session) fn close(&self) {
        self.inside.send_modify(|inside| inside.closed = true);
    }

    /// Waits until all have left.
    pub(in crate::session) async fn empty(&self) {
        let mut inside = self.inside.subscribe();
        // The sender is ours, so waiting can only end by emptiness.
        let _empty = inside.wait_for(|inside| inside.count == 0).await;
    }
}

impl Entrance {
    /// Waits for what must be waited for, and then for a place to work, for at most `queue_timeout` in all.
    pub(in crate::session) async fn place<T, F>(
        &self,
        first: F,
    ) -> Result<(T, OwnedSemaphorePermit), ExchangeError>
    where
        F: Future<Output = Result<T, ExchangeError>>,
    {
        let intake = &self.0;
        let both = async {
            let first = first.await?;
            let permit = Arc::clone(&intake.places).acquire_owned().await;
            // The semaphore is never closed; a closed one could only mean an end.
            let permit = permit.map_err(|_| ExchangeError::Overloaded)?;
            Ok((first, permit))
        };
        tokio::select! {
            biased;
            both = both => both,
            () = intake.clock.sleep(intake.minting.queue_timeout) => Err(ExchangeError::Overloaded),
        }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.0.inside.send_modify(|inside| inside.count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::time::Duration;

    use super::*;

    fn intake(clock: Clock) -> Arc<Intake> {
        let minting = Minting {
            concurrency: 1,
            queue: 1,
            queue_timeout: Duration::from_secs(10),
        };
        Intake::new(minting, clock)
    }

    #[tokio::test]
    async fn past_the_queue_nobody_comes_in() {
        let intake = intake(Clock::system());
        let (first, second) = (
            intake.enter(Urgency::Awaited),
            intake.enter(Urgency::Awaited),
        );
        assert!(first.is_some() && second.is_some());
        assert!(intake.enter(Urgency::Awaited).is_none());
        drop(first);
        assert!(intake.enter(Urgency::Awaited).is_some());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_takes_half_of_the_places() {
        let minting = Minting {
            concurrency: 4,
            queue: 10,
            queue_timeout: Duration::from_secs(10),
        };
        let intake = Intake::new(minting, Clock::system());
        let first = intake.enter(Urgency::Background);
        let _second = intake.enter(Urgency::Background);
        assert!(intake.enter(Urgency::Background).is_none());
        assert!(intake.enter(Urgency::Awaited).is_some());
        drop(first);
        assert!(intake.enter(Urgency::Background).is_some());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_sent_away() {
        let (clock, hand) = Clock::manual();
        let intake = intake(clock);
        let first = intake.enter(Urgency::Awaited).expect("the first comes in");
        let _working = first.place(ready(Ok(()))).await.expect("a place is free");
        let second = intake.enter(Urgency::Awaited).expect("the second may wait");
        let waiting = tokio::spawn(async move { second.place(ready(Ok(()))).await.is_ok() });
        tokio::task::yield_now().await;
        hand.advance(Duration::from_secs(10));
        assert!(!waiting.await.expect("the waiter ends"));
    }

    #[tokio::test]
    async fn a_closed_intake_empties() {
        let intake = intake(Clock::system());
        let running = intake.enter(Urgency::Awaited);
        intake.close();
        assert!(intake.enter(Urgency::Awaited).is_none());
        drop(running);
        intake.empty().await;
    }
}

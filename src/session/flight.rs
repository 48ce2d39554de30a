//! One piece of work whose outcome many wait for.
//!
//! Whoever waits may go away at any time; the work goes on without them, in a task of its own.

use std::sync::Arc;

use tokio::sync::watch;

/// The shared side: waiters hold it and get a copy of the outcome.
#[derive(Debug)]
pub(in crate::session) struct Flight<T>(watch::Sender<Option<T>>);

/// The working side: lands the flight exactly once, with the fallback if the work is lost in a panic.
#[derive(Debug)]
pub(in crate::session) struct Pilot<T: Clone> {
    flight: Arc<Flight<T>>,
    fallback: Option<T>,
}

impl<T: Clone> Flight<T> {
    /// A flight with its pilot.
    pub(in crate::session) fn begin(fallback: T) -> (Arc<Self>, Pilot<T>) {
        let flight = Arc::new(Self(watch::Sender::new(None)));
        let pilot = Pilot {
            flight: Arc::clone(&flight),
            fallback: Some(fallback),
        };
        (flight, pilot)
    }

    /// Is the outcome there?
    pub(in crate::session) fn landed(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits for the outcome. Cancel-safe.
    pub(in crate::session) async fn outcome(&self) -> T {
        let mut receiver = self.0.subscribe();
        loop {
            let landed = receiver.borrow_and_update().clone();
            if let Some(outcome) = landed {
                return outcome;
            }
            // The sender is ours, so this only returns when the outcome came.
            let _changed = receiver.changed().await;
        }
    }
}

impl<T: Clone> Pilot<T> {
    /// The flight it works for.
    pub(in crate::session) fn flight(&self) -> &Arc<Flight<T>> {
        &self.flight
    }

    /// Hands the outcome to all who wait, and to all who come later.
    pub(in crate::session) fn land(mut self, outcome: T) {
        self.fallback = None;
        self.flight.0.send_replace(Some(outcome));
    }
}

impl<T: Clone> Drop for Pilot<T> {
    fn drop(&mut self) {
        if let Some(fallback) = self.fallback.take() {
            self.flight.0.send_replace(Some(fallback));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_and_all_who_come_later_get_the_one_outcome() {
        let (flight, pilot) = Flight::begin(0);
        let waiting = tokio::spawn({
            let flight = Arc::clone(&flight);
            async move { flight.outcome().await }
        });
        tokio::task::yield_now().await;
        assert!(!flight.landed());
        pilot.land(7);
        assert_eq!(waiting.await.expect("the waiter ends"), 7);
        assert_eq!(flight.outcome().await, 7);
    }

    #[tokio::test]
    async fn a_lost_pilot_lands_with_the_fallback() {
        let (flight, pilot) = Flight::begin(3);
        drop(pilot);
        assert_eq!(flight.outcome().await, 3);
    }
}

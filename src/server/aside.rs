//! A future beside another one in the same task: it is polled when it was woken itself, and not whenever the other one is.
//!
//! What ends a connection (its clock hand, the drain) is waited for as long as the connection lives, and comes once. Polled with every
//! request, the drain alone would make all cores take turns at the two locks that all connections share.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::bell::Bell;

/// A future that is polled only after it was woken.
pub struct Aside<F> {
    future: Pin<Box<F>>,
    bell: Bell,
}

impl<F: Future> Aside<F> {
    /// Sets the future aside; its first poll comes with the first of this.
    #[must_use]
    pub fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            bell: Bell::default(),
        }
    }
}

impl<F: Future> Future for Aside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let Some(waker) = this.bell.rung(context) else {
            return Poll::Pending;
        };
        this.future.as_mut().poll(&mut Context::from_waker(waker))
    }
}

impl<F> fmt::Debug for Aside<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Aside").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_when_it_was_woken_and_only_then() {
        let (sender, receiver) = oneshot::channel();
        let polls = AtomicUsize::new(0);
        let mut receiver = pin!(receiver);
        let mut aside = pin!(Aside::new(poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            receiver.as_mut().poll(context)
        })));
        for _ in 0..3 {
            let pending = poll_fn(|context| Poll::Ready(aside.as_mut().poll(context).is_pending()));
            assert!(pending.await);
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        sender.send(7).unwrap();
        assert_eq!(aside.await, Ok(7));
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_task_that_waits_is_woken_by_it() {
        let (sender, receiver) = oneshot::channel();
        let task = tokio::spawn(Aside::new(receiver));
        tokio::task::yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(task.await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn a_task_that_took_it_over_is_woken() {
        let (sender, receiver) = oneshot::channel();
        let mut aside = Aside::new(receiver);
        let first = poll_fn(|_| {
            let mut quiet = Context::from_waker(Waker::noop());
            Poll::Ready(Pin::new(&mut aside).poll(&mut quiet).is_pending())
        });
        assert!(first.await);
        let task = tokio::spawn(aside);
        tokio::task::yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(task.await.unwrap(), Ok(7));
    }
}

//! A future beside another one in the same task: it is polled when it was woken itself, and not whenever the other one is.
//!
//! What ends a connection (its clock hand, the drain) is waited for as long as the connection lives, and comes once. Polled with every
//! request, the drain alone would make all cores take turns at the two locks that all connections share.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled only after it was woken.
pub struct Aside<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    /// `bell`, as the future knows it.
    waker: Waker,
    /// What the bell wakes.
    task: Option<Waker>,
}

/// Remembers that it rang, and wakes the task.
#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl<F: Future> Aside<F> {
    /// Sets the future aside; its first poll comes with the first of this.
    #[must_use]
    pub fn new(future: F) -> Self {
        let bell = Arc::new(Bell {
            rung: AtomicBool::new(true),
            task: Mutex::default(),
        });
        Self {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            task: None,
        }
    }
}

impl<F: Future> Future for Aside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let task = context.waker();
        if !this
            .task
            .as_ref()
            .is_some_and(|known| known.will_wake(task))
        {
            this.task = Some(task.clone());
            *this.bell.task() = Some(task.clone());
        }
        // After the task was made known: a bell that rings meanwhile is seen here, or wakes it.
        if !this.bell.rung.load(Ordering::Relaxed) || !this.bell.rung.swap(false, Ordering::AcqRel)
        {
            return Poll::Pending;
        }
        let mut context = Context::from_waker(&this.waker);
        this.future.as_mut().poll(&mut context)
    }
}

impl Bell {
    fn task(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        if let Some(task) = &*self.task() {
            task.wake_by_ref();
        }
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
    use std::sync::atomic::AtomicUsize;

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

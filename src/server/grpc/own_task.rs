//! Questions of one connection are answered in the connection's own task: one that is warm waits for nothing, so a task of its own would
//! cost it a wake-up of another thread and bring nothing. Answers that are ready together leave together.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hyper::rt::Executor;

/// A question being answered.
type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where the connection puts questions that came.
#[derive(Clone, Default)]
pub(super) struct Inbox(Arc<Mutex<Vec<Answering>>>);

impl<F> Executor<F> for Inbox
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, question: F) {
        self.questions().push(Box::pin(question));
    }
}

impl Inbox {
    fn questions(&self) -> std::sync::MutexGuard<'_, Vec<Answering>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inbox").finish_non_exhaustive()
    }
}

/// The questions of one connection.
pub(super) struct Questions {
    inbox: Inbox,
    /// Taken out of the inbox and not looked at yet.
    fresh: Vec<Answering>,
    /// Those that wait for something.
    answering: FuturesUnordered<Answering>,
}

impl Questions {
    pub(super) fn of(inbox: Inbox) -> Self {
        Self {
            inbox,
            fresh: Vec::new(),
            answering: FuturesUnordered::new(),
        }
    }

    /// Drives the connection and its questions. When the connection is over, nobody waits for the answers any more.
    pub(super) fn poll_with<C: Future>(
        &mut self,
        mut connection: Pin<&mut C>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut answered = false;
            loop {
                // They come while the connection or another question is polled, so in this task.
                std::mem::swap(&mut *self.inbox.questions(), &mut self.fresh);
                for mut question in self.fresh.drain(..) {
                    // A warm one is answered here and now; only who waits needs a waker of its own.
                    match question.as_mut().poll(context) {
                        Poll::Ready(()) => answered = true,
                        Poll::Pending => self.answering.push(question),
                    }
                }
                match self.answering.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => answered = true,
                    Poll::Ready(None) | Poll::Pending => break,
                }
            }
            // What was answered is sent when the connection is polled again.
            if !answered {
                return Poll::Pending;
            }
        }
    }
}

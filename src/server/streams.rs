//! The streams of an HTTP/2 connection: one whose client has no room for its answer is reset, and the others go on.
//!
//! hyper asks an answer's body for a piece, and then for the next when the client's window has room for the one before
//! (RFC 9113 §5.2). So an answer that has given a piece and is asked for nothing stands still, whatever moves beside it
//! (CVE-2026-49975); see also [`Pieces::Small`](crate::body::Pieces::Small). Nothing of hyper's resets a stream from outside, but every stream has a task, and a stream whose task ends early is
//! reset: here tasks are spawned, and their handles kept.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::body::{Answering, Course, Wait};
use crate::server::watch::Watch;

thread_local! {
    /// The stream that was begun and whose task is spawned next: hyper does one right after the other.
    static BEGUN: RefCell<Option<Arc<Stream>>> = const { RefCell::new(None) };
}

/// Spawns the tasks of streams.
#[derive(Clone, Copy, Debug)]
pub struct Spawner;

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let begun = BEGUN.take();
        let task = tokio::spawn(future);
        if let Some(stream) = begun {
            stream.still().task = Some(task.abort_handle());
        }
    }
}

/// The running streams of a connection.
#[derive(Debug, Default)]
pub struct Streams(Mutex<Vec<Arc<Stream>>>);

/// How long a stream may stand still.
#[derive(Clone, Copy, Debug)]
pub struct Stillness {
    /// Waiting for its request's body.
    pub body: Duration,
    /// Waiting for room for its answer.
    pub send: Duration,
}

/// Streams that were given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// For want of their request's body: their handlers were told.
    pub bodies: usize,
    /// For want of room for their answers: they are reset.
    pub answers: usize,
}

/// One request on a connection with many at a time.
#[derive(Debug)]
pub struct Stream {
    watch: Arc<Watch>,
    wait: Wait,
    /// A piece of its answer was given, and no more asked for.
    full: AtomicBool,
    /// A piece was given since this was last looked at.
    moved: AtomicBool,
    still: Mutex<Still>,
}

#[derive(Debug, Default)]
struct Still {
    /// Its task, until that is ended.
    task: Option<AbortHandle>,
    /// When it was first seen to stand still.
    since: Option<Instant>,
}

impl Stream {
    /// A stream that began, and whose task is spawned by [`Spawner`] next.
    #[must_use]
    pub fn begin(watch: &Arc<Watch>) -> Arc<Self> {
        let stream = Arc::new(Self {
            watch: Arc::clone(watch),
            wait: Wait::default(),
            full: AtomicBool::new(false),
            moved: AtomicBool::new(false),
            still: Mutex::default(),
        });
        watch.streams().running().push(Arc::clone(&stream));
        BEGUN.set(Some(Arc::clone(&stream)));
        stream
    }

    /// Its task, if the client has had no room for its answer for so long.
    fn stands_still(&self, allowed: Duration, now: Instant) -> Option<AbortHandle> {
        let moved = self.moved.swap(false, Ordering::Relaxed);
        let full = self.full.load(Ordering::Relaxed);
        let mut still = self.still();
        if moved || !full {
            still.since = None;
            return None;
        }
        let since = *still.since.get_or_insert(now);
        if now.duration_since(since) < allowed {
            return None;
        }
        still.task.take()
    }

    fn still(&self) -> MutexGuard<'_, Still> {
        self.still.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course for Stream {
    fn wait(&self) -> &Wait {
        &self.wait
    }

    fn answering(&self, who: Answering) {
        let full = who == Answering::Client;
        self.full.store(full, Ordering::Relaxed);
        if full {
            self.moved.store(true, Ordering::Relaxed);
        }
    }

    fn finished(&self) {
        let mut running = self.watch.streams().running();
        let own = running
            .iter()
            .position(|stream| std::ptr::eq(&raw const **stream, self));
        let own = own.map(|index| running.swap_remove(index));
        drop(running);
        drop(own);
        self.watch.finished();
    }
}

impl Streams {
    /// Gives up what stood still for too long.
    pub fn look(&self, allowed: Stillness, now: Instant) -> GivenUp {
        let mut given_up = GivenUp::default();
        let mut tasks = Vec::new();
        for stream in self.running().iter() {
            given_up.bodies += usize::from(stream.wait.is_over(allowed.body, now));
            tasks.extend(stream.stands_still(allowed.send, now));
        }
        given_up.answers = tasks.len();
        for task in tasks {
            task.abort();
        }
        given_up
    }

    fn running(&self) -> MutexGuard<'_, Vec<Arc<Stream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Idle connections to Rocket.Chat: the one used last is taken first, and none grows old enough to be closed by the other side.
//!
//! Each thread has a stack of its own: a connection is known to the reactor of the thread that opened it, and what it holds is in
//! that processor's cache.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::proxy::upstream::link::Link;
use crate::workers;

/// Idle connections are dropped before Node's own keep-alive timeout of 5 s can race with a request that is on its way.
const MAX_IDLE_TIME: Duration = Duration::from_secs(4);

/// Idle connections kept at most, by each stack: what one core has under way at a time.
const MAX_IDLE: usize = 256;

/// The idle connections.
#[derive(Debug)]
pub(super) struct Idle {
    /// By [`workers::here`].
    stacks: Box<[Mutex<Stack>]>,
    /// A task looks after them.
    swept: AtomicBool,
}

/// The one that came last is at the end.
type Stack = VecDeque<(Instant, Box<Link>)>;

impl Default for Idle {
    fn default() -> Self {
        Self {
            stacks: (0..=workers::count()).map(|_| Mutex::default()).collect(),
            swept: AtomicBool::default(),
        }
    }
}

impl Idle {
    /// The connection that was used last, unless even that one is too old by `now`.
    pub(super) fn take(&self, now: Instant) -> Option<Box<Link>> {
        let (since, link) = lock(&self.stacks[workers::here()]).pop_back()?;
        (now.duration_since(since) < MAX_IDLE_TIME).then_some(link)
    }

    /// Takes a connection back.
    pub(super) fn put(self: Arc<Self>, link: Box<Link>, now: Instant) {
        let mut stack = lock(&self.stacks[workers::here()]);
        if stack.len() >= MAX_IDLE {
            return;
        }
        stack.push_back((now, link));
        drop(stack);
        // Looked at before it is written to, which almost never has to be.
        if !self.swept.load(Ordering::Relaxed) && !self.swept.swap(true, Ordering::AcqRel) {
            tokio::spawn(async move { while self.sweep().await {} });
        }
    }

    /// Waits a while and drops what is too old by then; false when nothing is left to look after.
    async fn sweep(&self) -> bool {
        sleep(MAX_IDLE_TIME).await;
        // What comes from now on finds nobody looking after it and sends somebody.
        self.swept.store(false, Ordering::Release);
        let now = Instant::now();
        let mut left = false;
        for stack in &*self.stacks {
            let mut stack = lock(stack);
            let old =
                stack.partition_point(|(since, _)| now.duration_since(*since) >= MAX_IDLE_TIME);
            let old: Vec<_> = stack.drain(..old).collect();
            left |= !stack.is_empty();
            drop(stack);
            // Closed outside the lock.
            drop(old);
        }
        left && !self.swept.swap(true, Ordering::AcqRel)
    }
}

fn lock(stack: &Mutex<Stack>) -> MutexGuard<'_, Stack> {
    stack.lock().unwrap_or_else(PoisonError::into_inner)
}

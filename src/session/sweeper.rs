//! The sweeper: does with each session what its time brings, without ever looking through all of them.
//!
//! Every session stands in a heap under the deadline it had when it was last looked at. Use only moves deadlines later, so an
//! entry that comes up too early is put back under the new one; what moves a deadline earlier adds an entry and the old one is
//! dropped when it comes up.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::random;
use crate::session::Inner;
use crate::session::grave::Grave;
use crate::session::life::Step;
use crate::session::moment::Moment;
use crate::session::record::Session;
use crate::session::refresh::Why;

/// Sleeps no longer than this, so that a jump of the wall clock is noticed within it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The heap is searched for entries of ended sessions when it has grown to twice what was left the last time, and this big.
const SMALL: usize = 1024;

/// Entries handled before other tasks get a chance.
const AT_A_TIME: usize = 256;

/// When a refresh that is due finds no place, it is tried again after at most this, each session's at its own time.
const REFRESH_AGAIN: Duration = Duration::from_secs(10);

/// Everything that waits for its time.
#[derive(Debug)]
pub(in crate::session) struct Deadlines {
    clock: Clock,
    heap: Mutex<Heap>,
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Heap {
    entries: BinaryHeap<Timed<Due>>,
    kept: usize,
}

#[derive(Debug)]
enum Due {
    Session(Weak<Session>),
    /// Boxed, because there are few of them and many of the others.
    Tombstone(Box<Grave>),
}

/// A value in a heap that gives the earliest first.
#[derive(Debug)]
pub(in crate::session) struct Timed<T> {
    pub(in crate::session) at: Moment,
    pub(in crate::session) value: T,
}

impl Deadlines {
    pub(in crate::session) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            heap: Mutex::default(),
            earlier: Notify::new(),
        })
    }

    /// Sees to it that the session is looked at when its next step is due.
    pub(in crate::session) fn watch(&self, session: &Arc<Session>) {
        if session.ended() {
            return;
        }
        let now = Moment::of(self.clock.now());
        let at = match session.step(now) {
            Step::End(_) | Step::Refresh => now,
            Step::Wait(until) => until,
        };
        if session.scheduled.lower(at) {
            self.push(at, Due::Session(Arc::downgrade(session)));
        }
    }

    /// Sees to it that the tombstone is forgotten at its time.
    pub(in crate::session) fn forget_tombstone(&self, grave: Grave, at: Moment) {
        self.push(at, Due::Tombstone(Box::new(grave)));
    }

    pub(in crate::session) fn now(&self) -> Moment {
        Moment::of(self.clock.now())
    }

    fn push(&self, at: Moment, value: Due) {
        let mut heap = self.heap();
        let earliest = heap.entries.peek().is_none_or(|first| at < first.at);
        heap.entries.push(Timed { at, value });
        if heap.entries.len() > SMALL.max(2 * heap.kept) {
            heap.entries.retain(|timed| timed.counts());
            heap.kept = heap.entries.len();
        }
        drop(heap);
        if earliest {
            self.earlier.notify_one();
        }
    }

    fn pop_due(&self, now: Moment) -> Option<Timed<Due>> {
        let mut heap = self.heap();
        if heap.entries.peek()?.at > now {
            return None;
        }
        heap.entries.pop()
    }

    fn next(&self) -> Option<Moment> {
        self.heap().entries.peek().map(|first| first.at)
    }

    fn heap(&self) -> MutexGuard<'_, Heap> {
        // A heap is sound after any of its methods.
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps until `closed`.
pub(in crate::session) async fn sweep(
    inner: Weak<Inner>,
    deadlines: Arc<Deadlines>,
    closed: CancellationToken,
) {
    loop {
        let now = deadlines.now();
        let mut handled = 0;
        while let Some(timed) = deadlines.pop_due(now) {
            let Some(inner) = inner.upgrade() else {
                return;
            };
            inner.handle_due(&timed, now);
            handled += 1;
            if handled % AT_A_TIME == 0 {
                tokio::task::yield_now().await;
            }
        }
        let look_again = now.after(LOOK_AGAIN);
        let until = deadlines.next().unwrap_or(look_again).min(look_again);
        tokio::select! {
            () = deadlines.clock.sleep_until(until.time()) => {}
            () = deadlines.earlier.notified() => {}
            () = closed.cancelled() => return,
        }
    }
}

impl Inner {
    fn handle_due(self: &Arc<Self>, timed: &Timed<Due>, now: Moment) {
        let session = match &timed.value {
            Due::Tombstone(grave) => return self.local.unbury(grave, now),
            Due::Session(session) => session.upgrade(),
        };
        let Some(session) = session.filter(|session| session.scheduled.load() == timed.at) else {
            return;
        };
        session.scheduled.store(Moment::NEVER);
        match session.step(now) {
            Step::End(cause) => {
                self.end_in_time(&session, cause);
                return;
            }
            Step::Refresh => {
                if self.refresh(&session, Why::Ahead).is_err() {
                    session.set_refresh_due(now.after(random::spread(REFRESH_AGAIN)));
                }
            }
            Step::Wait(_) => {}
        }
        self.deadlines.watch(&session);
    }
}

impl Timed<Due> {
    /// Will it do anything when it comes up?
    fn counts(&self) -> bool {
        match &self.value {
            Due::Tombstone(_) => true,
            Due::Session(session) => session
                .upgrade()
                .is_some_and(|session| !session.ended() && session.scheduled.load() == self.at),
        }
    }
}

impl<T> Ord for Timed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl<T> PartialOrd for Timed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Timed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Timed<T> {}

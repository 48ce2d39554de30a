//! Owed logouts: auth tokens that Rocket.Chat must still be told to forget.
//!
//! A logout stays owed until Rocket.Chat answered 200 or 401 (RC §2.4), or until the token's own life is over; failures are
//! tried again with growing pauses. Never is a logout forgotten because there are many, or because Rocket.Chat is away.

use std::collections::{BinaryHeap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::failpoint;
use crate::random;
use crate::rocketchat::{ApiError, Credentials, RocketChat};
use crate::session::moment::Moment;
use crate::session::record::Session;
use crate::session::shared::Shared;
use crate::session::sweeper::Timed;
use crate::telemetry::metrics::Metrics;

mod tally;

use tally::{Tallies, Tally};

/// Logouts called at a time: enough for the end of a working day, little beside what users do.
const CALLS: usize = 8;

/// The first pause after a failure; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// See [`FIRST_PAUSE`]. Short enough that tokens do not outlive Rocket.Chat's return by much.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How often a token that is still in use after its replacement is looked at.
const HELD_PAUSE: Duration = Duration::from_secs(5);

/// Rocket.Chat honours an expired token until its cleanup ran, which it does every 10 minutes (RC §3.5).
const AFTER_EXPIRY: Duration = Duration::from_secs(660);

/// Takes logouts over and sees to them in the background.
#[derive(Debug)]
pub(in crate::session) struct Revoker {
    queue: Arc<Queue>,
}

/// A logout to be called.
#[derive(Debug)]
pub(in crate::session) struct Owe {
    credentials: Arc<Credentials>,
    cause: &'static str,
    /// While this session lives and somebody uses the token, it stays.
    held_by: Option<Arc<Session>>,
    /// Its name in the shared store.
    debt: Option<String>,
}

/// One logout that is owed.
#[derive(Debug)]
struct Owed {
    owe: Owe,
    failures: u32,
    _counted: Tally,
}

#[derive(Debug)]
struct Queue {
    clock: Clock,
    metrics: Metrics,
    waiting: Mutex<BinaryHeap<Timed<Owed>>>,
    added: Notify,
    owed: watch::Sender<usize>,
    tallies: Tallies,
    shared: Option<Arc<Shared>>,
    /// Those that a store knows of and that are seen to here.
    debts: Mutex<HashSet<String>>,
}

impl Owe {
    pub(in crate::session) fn new(credentials: Arc<Credentials>, cause: &'static str) -> Self {
        Self {
            credentials,
            cause,
            held_by: None,
            debt: None,
        }
    }

    /// It waits until this session has ended or nobody else holds the credentials.
    pub(in crate::session) fn unless_held(self, session: Arc<Session>) -> Self {
        Self {
            held_by: Some(session),
            ..self
        }
    }

    /// The store knows of it under this name.
    pub(in crate::session) fn under(self, debt: String) -> Self {
        Self {
            debt: Some(debt),
            ..self
        }
    }
}

impl Revoker {
    /// Begins to work, until `closed`.
    pub(in crate::session) fn start(
        rocketchat: RocketChat,
        clock: Clock,
        metrics: Metrics,
        shared: Option<Arc<Shared>>,
        closed: CancellationToken,
    ) -> Self {
        let queue = Arc::new(Queue {
            shared,
            debts: Mutex::default(),
            clock,
            metrics,
            waiting: Mutex::default(),
            added: Notify::new(),
            owed: watch::Sender::new(0),
            tallies: Tallies::default(),
        });
        tokio::spawn(work(Arc::clone(&queue), rocketchat, closed));
        Self { queue }
    }

    /// Owes a logout.
    pub(in crate::session) fn owe(&self, owe: Owe) {
        self.queue.owed.send_modify(|owed| *owed += 1);
        if self.queue.shared.is_none() {
            self.queue.metrics.owed_logouts(*self.queue.owed.borrow());
        }
        let at = Moment::of(self.queue.clock.now());
        let counted = self.queue.tallies.count(owe.credentials.user_id());
        self.queue.debts().extend(owe.debt.clone());
        self.queue.push(
            at,
            Owed {
                _counted: counted,
                owe,
                failures: 0,
            },
        );
    }

    /// Is this debt seen to here?
    pub(in crate::session) fn sees_to(&self, debt: &str) -> bool {
        self.queue.debts().contains(debt)
    }

    /// How many logouts are owed to this Rocket.Chat user.
    pub(in crate::session) fn owed_to(&self, user_id: &str) -> usize {
        self.queue.tallies.of(user_id)
    }

    /// Tries everything now: what waits for its next try or for its users will have no later chance.
    pub(in crate::session) fn hurry(&self) {
        let now = Moment::of(self.queue.clock.now());
        let mut waiting = self.queue.waiting();
        let all = std::mem::take(&mut *waiting);
        waiting.extend(all.into_iter().map(|mut timed| {
            timed.value.owe.held_by = None;
            Timed {
                at: now,
                value: timed.value,
            }
        }));
        drop(waiting);
        self.queue.added.notify_one();
    }

    /// How many logouts are owed.
    pub(in crate::session) fn owed(&self) -> usize {
        *self.queue.owed.borrow()
    }

    /// Waits until nothing is owed. Cancel-safe.
    pub(in crate::session) async fn settled(&self) {
        let mut owed = self.queue.owed.subscribe();
        // The sender is ours, so waiting can only end by reaching nothing.
        let _settled = owed.wait_for(|owed| *owed == 0).await;
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, BinaryHeap<Timed<Owed>>> {
        // A heap is sound after any of its methods.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn debts(&self) -> MutexGuard<'_, HashSet<String>> {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, at: Moment, owed: Owed) {
        self.waiting().push(Timed { at, value: owed });
        self.added.notify_one();
    }

    fn pop_due(&self, now: Moment) -> Option<Owed> {
        let mut waiting = self.waiting();
        if waiting.peek()?.at > now {
            return None;
        }
        waiting.pop().map(|timed| timed.value)
    }

    fn next(&self) -> Moment {
        self.waiting()
            .peek()
            .map_or(Moment::NEVER, |timed| timed.at)
    }

    /// Puts it off; the store hears that it is still seen to.
    fn again(&self, at: Moment, owed: Owed) {
        if let (Some(shared), Some(debt)) = (&self.shared, &owed.owe.debt) {
            let (shared, debt) = (Arc::clone(shared), debt.clone());
            tokio::spawn(async move { shared.leave_to_me(&debt, at).await });
        }
        self.push(at, owed);
    }

    fn struck_out(&self, owed: Option<&Owed>) {
        let debt = owed.and_then(|owed| owed.owe.debt.as_ref());
        if let (Some(shared), Some(debt)) = (&self.shared, debt) {
            self.debts().remove(debt);
            let (shared, debt) = (Arc::clone(shared), debt.clone());
            let count = self.owed.clone();
            // Should the store not hear of it, somebody calls the logout again.
            tokio::spawn(async move {
                let _struck = shared.strike(&debt).await;
                count.send_modify(|owed| *owed -= 1);
            });
            return;
        }
        self.owed.send_modify(|owed| *owed -= 1);
        if self.shared.is_none() {
            self.metrics.owed_logouts(*self.owed.borrow());
        }
    }
}

impl Owed {
    /// Is the replaced token still in use? Whoever uses it holds a share of its credentials.
    fn held(&self) -> bool {
        let shared = Arc::strong_count(&self.owe.credentials) > 1;
        let held_by = self.owe.held_by.as_ref();
        held_by.is_some_and(|session| !session.ended() && shared)
    }

    fn outlived(&self, now: Moment) -> bool {
        Moment::of(self.owe.credentials.expires_at()).after(AFTER_EXPIRY) <= now
    }
}

async fn work(queue: Arc<Queue>, rocketchat: RocketChat, closed: CancellationToken) {
    let mut calls = JoinSet::new();
    loop {
        let now = Moment::of(queue.clock.now());
        while calls.len() < CALLS
            && let Some(owed) = queue.pop_due(now)
        {
            if owed.outlived(now) {
                queue.metrics.credentials_revoked(owed.owe.cause, "expired");
                queue.struck_out(Some(&owed));
            } else if owed.held() {
                queue.again(now.after(HELD_PAUSE), owed);
            } else {
                calls.spawn(call(rocketchat.clone(), owed));
            }
        }
        let next = if calls.len() < CALLS {
            queue.next()
        } else {
            Moment::NEVER
        };
        tokio::select! {
            Some(called) = calls.join_next(), if !calls.is_empty() => {
                // A call that panicked is a bug; its token is lost with it, and the count must not wait for it.
                match called {
                    Ok((owed, answer)) => settle(&queue, owed, answer),
                    Err(_) => queue.struck_out(None),
                }
            }
            () = queue.added.notified() => {}
            () = queue.clock.sleep_until(next.time()), if next != Moment::NEVER => {}
            () = closed.cancelled() => return,
        }
    }
}

async fn call(rocketchat: RocketChat, owed: Owed) -> (Owed, Result<(), ApiError>) {
    failpoint::reach("before-logout");
    let answer = rocketchat.revoke(&owed.owe.credentials).await;
    failpoint::reach("logged-out");
    (owed, answer)
}

fn settle(queue: &Queue, mut owed: Owed, answer: Result<(), ApiError>) {
    let Err(error) = answer else {
        queue.metrics.credentials_revoked(owed.owe.cause, "ok");
        queue.struck_out(Some(&owed));
        return;
    };
    queue
        .metrics
        .credentials_revoked(owed.owe.cause, error.kind());
    if owed.failures == 0 {
        tracing::warn!(
            rocketchat.user_id = owed.owe.credentials.user_id(),
            error.kind = error.kind(),
            "an auth token could not be logged out at Rocket.Chat yet; it will be tried until it is"
        );
    }
    let mut pause = random::spread(pause(owed.failures));
    if let ApiError::RateLimited(asked) = error {
        pause = pause.max(asked);
    }
    owed.failures = owed.failures.saturating_add(1);
    queue.again(Moment::of(queue.clock.now()).after(pause), owed);
}

/// The full pause after so many failures.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let check = |failures, seconds| {
            assert_eq!(
                pause(failures),
                Duration::from_secs(seconds),
                "after {failures} failures"
            );
        };
        check(0, 1);
        check(1, 2);
        check(3, 8);
        check(8, 256);
        check(9, 300);
        check(u32::MAX, 300);
    }
}

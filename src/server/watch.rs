//! One connection's clock hand: closes a connection that is slow to send a request's head, idle for too long, takes nothing of what
//! waits for it, or on which nothing moves although a request is running. Bodies that stand still, and streams of HTTP/2 that do, are
//! given up alone.
//!
//! A timer per request, or a look at the clock, would cost every request; instead each connection has one timer that looks now and
//! then whether its state changed. So every limit ends up to half the shortest of them late, and none early.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::body::{Course, Guard, Pieces, Wait};
use crate::config::listen::Limits;
use crate::server::head::Signs;
use crate::server::streams::{Stillness, Streams};
use crate::telemetry::metrics::Limit;

/// How long a client that has connected and said nothing is still waited for when the service drains: its request may be on the way.
const FIRST_WORD: Duration = Duration::from_secs(2);

/// Between two looks at a connection that is to close; only then, so that requests tell nobody.
const LOOK: Duration = Duration::from_millis(20);

/// What a connection is doing, as seen from its bytes and requests.
#[derive(Debug)]
pub struct Watch {
    /// The present state began since this was last looked at.
    changed: AtomicBool,
    /// Requests whose answers are not finished.
    running: AtomicU32,
    /// Bytes of a head have come, the request has not.
    head_begun: AtomicBool,
    /// HTTP/2 frames between requests are no heads.
    multiplexed: AtomicBool,
    /// Bytes came since this was last looked at.
    came: AtomicBool,
    /// Bytes went since this was last looked at.
    went: AtomicBool,
    /// There is more to send than the client takes.
    blocked: AtomicBool,
    /// It reset more streams than it may.
    flooded: AtomicBool,
    /// For the body of the one request that HTTP/1 carries at a time.
    wait: Wait,
    streams: Streams,
    /// [`Signs`] of the head that came last, until its request begins.
    signs: AtomicU8,
    /// A request has begun since the connection was accepted.
    used: AtomicBool,
}

/// What bytes that came belong to, as far as can be told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    HeadBegins,
    HeadGoesOn,
    Other,
}

/// How long the waits may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a request's head, and for the first request of a connection.
    pub header: Duration,
    /// Between requests.
    pub idle: Duration,
    /// While a request is running, without a byte in either direction, whoever is to blame. Longer than Rocket.Chat may think.
    pub stalled: Duration,
    /// For what only the client can move: the next byte of a request's body, room for the next of an answer (CVE-2026-49975).
    pub still: Stillness,
}

impl Patience {
    /// By the limits of a listener.
    #[must_use]
    pub fn new(limits: &Limits, stalled: Duration) -> Self {
        Self {
            header: limits.header_timeout,
            idle: limits.idle_timeout,
            stalled,
            still: Stillness {
                body: limits.body_timeout,
                send: limits.send_timeout,
            },
        }
    }

    /// Between two looks: a quarter of the shortest, so that none is late by more than half of it.
    fn pace(&self) -> Duration {
        let shortest = self.header.min(self.idle);
        shortest.min(self.still.body).min(self.still.send) / 4
    }
}

impl Watch {
    /// Begins with a connection's acceptance, waiting for a head.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            changed: AtomicBool::new(false),
            running: AtomicU32::new(0),
            head_begun: AtomicBool::new(true),
            multiplexed: AtomicBool::new(false),
            came: AtomicBool::new(false),
            went: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            flooded: AtomicBool::new(false),
            wait: Wait::default(),
            streams: Streams::default(),
            signs: AtomicU8::new(0),
            used: AtomicBool::new(false),
        })
    }

    /// A request began, whose head had these signs; it runs until [`Course::finished`].
    pub fn request_began(&self, version: http::Version) -> Signs {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.used.store(true, Ordering::Relaxed);
        self.head_begun.store(false, Ordering::Relaxed);
        if version == http::Version::HTTP_2 {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        Signs::from_bits(self.signs.swap(0, Ordering::Relaxed))
    }

    /// The connection is busy until the guard is dropped.
    #[must_use]
    pub fn busy(self: &Arc<Self>) -> Guard {
        self.running.fetch_add(1, Ordering::Relaxed);
        Guard::new(Arc::<Self>::clone(self), Pieces::Whole)
    }

    /// Completes when a connection that is to close may be told so: at once, unless a head is on its way that has not become a request
    /// yet. Told before, hyper would drop it unanswered. A connection that was never used is given [`FIRST_WORD`] to say something.
    pub async fn unclaimed(&self) {
        let until = Instant::now() + FIRST_WORD;
        while self.running.load(Ordering::Acquire) == 0 && self.head_begun.load(Ordering::Relaxed) {
            if !self.used.load(Ordering::Relaxed) && Instant::now() >= until {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Its streams, when it is HTTP/2.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Did the client reset more streams than it may? Then nothing more was read.
    #[must_use]
    pub fn was_flooded(&self) -> bool {
        self.flooded.load(Ordering::Relaxed)
    }

    /// Completes when the connection has waited too long. Limits that were reached are told to `reached`, those of single requests too.
    pub async fn overdue(&self, patience: Patience, reached: impl Fn(Limit)) {
        let mut look = tokio::time::interval(patience.pace());
        // A process that had no turn for a while gives its clients one before it looks again.
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.tick().await;
        let (mut moved, mut since) = (Instant::now(), Instant::now());
        let mut blocked = None;
        loop {
            look.tick().await;
            let now = Instant::now();
            let came = self.came.swap(false, Ordering::Relaxed);
            let went = self.went.swap(false, Ordering::Relaxed);
            if came || went {
                moved = now;
            }
            // Before the change is looked at: what ends a request tells of the change first.
            let running = self.running.load(Ordering::Acquire) > 0;
            if self.changed.swap(false, Ordering::Relaxed) {
                since = now;
            }
            if went || !self.blocked.load(Ordering::Relaxed) {
                blocked = None;
            } else if now.duration_since(*blocked.get_or_insert(now)) >= patience.still.send {
                return reached(Limit::SendTimeout);
            }
            if running {
                self.look_at_requests(patience.still, now, &reached);
                if now.duration_since(moved) >= patience.stalled {
                    return reached(Limit::Stalled);
                }
                continue;
            }
            let begun = self.head_begun.load(Ordering::Relaxed);
            let allowed = if begun {
                patience.header
            } else {
                patience.idle
            };
            if now.duration_since(since) >= allowed {
                // To be idle is nobody's fault.
                if begun {
                    reached(Limit::HeaderTimeout);
                }
                return;
            }
        }
    }

    /// Gives up requests that stand still.
    fn look_at_requests(&self, allowed: Stillness, now: Instant, reached: &impl Fn(Limit)) {
        if self.wait.is_over(allowed.body, now) {
            reached(Limit::BodyTimeout);
        }
        let given_up = self.streams.look(allowed, now);
        for _ in 0..given_up.bodies {
            reached(Limit::BodyTimeout);
        }
        for _ in 0..given_up.answers {
            reached(Limit::Streams);
        }
    }

    /// Bytes came.
    pub(super) fn bytes_came(&self) -> Came {
        self.came.store(true, Ordering::Relaxed);
        if self.running.load(Ordering::Relaxed) > 0 || self.multiplexed.load(Ordering::Relaxed) {
            return Came::Other;
        }
        if self.head_begun.swap(true, Ordering::Relaxed) {
            return Came::HeadGoesOn;
        }
        self.changed.store(true, Ordering::Relaxed);
        Came::HeadBegins
    }

    /// A head came to its end, or to where it was cut.
    pub(super) fn saw(&self, signs: Signs) {
        self.signs.store(signs.bits(), Ordering::Relaxed);
    }

    /// The client reset more streams than it may.
    pub(super) fn flooded(&self) {
        self.flooded.store(true, Ordering::Relaxed);
    }

    /// Is there more to send than the client takes?
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// What a write, or a flush, came to.
    pub(super) fn wrote<T>(&self, written: &Poll<io::Result<T>>) {
        match written {
            Poll::Ready(Ok(_)) => {
                self.went.store(true, Ordering::Relaxed);
                if self.blocked.load(Ordering::Relaxed) {
                    self.blocked.store(false, Ordering::Relaxed);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.blocked.store(true, Ordering::Relaxed),
        }
    }
}

impl Course for Watch {
    fn wait(&self) -> &Wait {
        &self.wait
    }

    fn finished(&self) {
        self.changed.store(true, Ordering::Relaxed);
        self.running.fetch_sub(1, Ordering::Release);
    }
}

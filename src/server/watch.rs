//! One connection's clock hand: closes a connection that is slow to send a request's head, idle for too long, takes nothing of what
//! waits for it, or on which nothing moves although a request is running. Bodies that stand still, and streams of HTTP/2 that do, are
//! given up alone.
//!
//! A timer per request, or a look at the clock, would cost every request; instead each connection has one timer that looks now and
//! then whether its state changed. So every limit ends up to half the shortest of them late, and none early.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, MissedTickBehavior};

use crate::body::{Course, Guard, Pieces, Wait};
use crate::config::listen::Limits;
use crate::places::Place;
use crate::server::head::{HeadScan, Passed, Signs};
use crate::server::resets::{FAREWELL, Resets};
use crate::server::streams::{Stillness, Streams};
use crate::telemetry::metrics::Limit;
use crate::transport::Transport;

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
enum Came {
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

    fn bytes_came(&self) -> Came {
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

    /// What a write, or a flush, came to.
    fn wrote<T>(&self, written: &Poll<io::Result<T>>) {
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

/// A connection that tells its [`Watch`] when bytes come, and keeps its place among the open ones for as long as it lives, upgraded
/// or not.
#[derive(Debug)]
pub struct Watched {
    stream: Transport,
    watch: Arc<Watch>,
    head: HeadScan,
    /// Fields that a head may have.
    fields: usize,
    /// A head was cut short: what comes behind it is for nobody.
    cut: bool,
    resets: Resets,
    place: Place,
}

impl Watched {
    /// Puts the watch on, with the fields that a head may have and the count of streams that the client resets. A head of more fields
    /// is cut short behind the last allowed one, and [`Signs`] tell of it.
    #[must_use]
    pub fn new(
        stream: Transport,
        watch: Arc<Watch>,
        (fields, resets): (usize, Resets),
        place: Place,
    ) -> Self {
        Self {
            stream,
            watch,
            head: HeadScan::new(fields),
            fields,
            cut: false,
            resets,
            place,
        }
    }

    /// Takes the watch off, for an upgraded connection.
    pub fn into_stream(self) -> (Transport, Place) {
        (self.stream, self.place)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let bytes = &buffer.filled()[before..];
        if bytes.is_empty() {
            return read;
        }
        let came = this.watch.bytes_came();
        if this.cut {
            buffer.set_filled(before);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.resets.are_too_many(bytes) {
            this.watch.flooded.store(true, Ordering::Relaxed);
            // As far as it goes out at once: whoever floods may not read.
            let _told = Pin::new(&mut this.stream).poll_write(context, &FAREWELL);
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if came == Came::HeadBegins {
            this.head = HeadScan::new(this.fields);
        }
        let passed = match came {
            Came::Other => Passed::NotYet,
            Came::HeadBegins | Came::HeadGoesOn => this.head.passed(bytes),
        };
        if let Passed::TooMany(at) = passed {
            this.cut = true;
            buffer.set_filled(before + at);
            // At least one byte has gone, so there is room for the one that ends a head.
            buffer.put_slice(b"\n");
        }
        if passed != Passed::NotYet {
            let signs = this.head.signs().bits();
            this.watch.signs.store(signs, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch.wrote(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        // Under TLS, what was written may wait for room here.
        if flushed.is_pending() || self.watch.blocked.load(Ordering::Relaxed) {
            self.watch.wrote(&flushed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A single piece, as answers without a body are, takes the kernel's shorter way.
        let written = match bytes {
            [only] => Pin::new(&mut self.stream).poll_write(context, only),
            bytes => Pin::new(&mut self.stream).poll_write_vectored(context, bytes),
        };
        self.watch.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

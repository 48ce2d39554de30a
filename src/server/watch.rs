//! One connection's clock hand: closes a connection that is slow to send a request's head, idle for too long, or on which nothing
//! moves although a request is running.
//!
//! A timer per request, or a look at the clock, would cost every request; instead each connection has one timer that looks now and
//! then whether its state changed. So `header_timeout` and `idle_timeout` end up to half the header timeout late.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::body::{Finish, Guard};
use crate::config::listen::Limits;
use crate::server::head::{HeadScan, Signs};
use crate::transport::Transport;

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
    /// Bytes came or went since this was last looked at.
    moved: AtomicBool,
    /// [`Signs`] of the head that came last, until its request begins.
    signs: AtomicU8,
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
    /// While a request is running, without a byte in either direction: a body that never ends, or an answer that is never taken
    /// (CVE-2026-49975). Longer than Rocket.Chat may think.
    pub stalled: Duration,
}

impl Patience {
    /// By the limits of a listener.
    #[must_use]
    pub fn new(limits: &Limits, stalled: Duration) -> Self {
        Self {
            header: limits.header_timeout,
            idle: limits.idle_timeout,
            stalled,
        }
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
            moved: AtomicBool::new(false),
            signs: AtomicU8::new(0),
        })
    }

    /// A request began, whose head had these signs; it runs until the guard is dropped.
    #[must_use]
    pub fn request_began(self: &Arc<Self>, version: http::Version) -> (Guard, Signs) {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.head_begun.store(false, Ordering::Relaxed);
        if version == http::Version::HTTP_2 {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        let signs = Signs::from_bits(self.signs.swap(0, Ordering::Relaxed));
        (Guard::new(Arc::<Self>::clone(self)), signs)
    }

    /// Completes when the connection has waited too long.
    pub async fn overdue(&self, patience: Patience) {
        let mut look = tokio::time::interval(patience.header.min(patience.idle) / 4);
        look.tick().await;
        let (mut moved, mut since) = (Instant::now(), Instant::now());
        loop {
            look.tick().await;
            let now = Instant::now();
            if self.moved.swap(false, Ordering::Relaxed) {
                moved = now;
            }
            // Before the change is looked at: what ends a request tells of the change first.
            let running = self.running.load(Ordering::Acquire) > 0;
            if self.changed.swap(false, Ordering::Relaxed) {
                since = now;
            }
            if running {
                if now.duration_since(moved) >= patience.stalled {
                    return;
                }
                continue;
            }
            let allowed = if self.head_begun.load(Ordering::Relaxed) {
                patience.header
            } else {
                patience.idle
            };
            if now.duration_since(since) >= allowed {
                return;
            }
        }
    }

    fn bytes_came(&self) -> Came {
        self.moved.store(true, Ordering::Relaxed);
        if self.running.load(Ordering::Relaxed) > 0 || self.multiplexed.load(Ordering::Relaxed) {
            return Came::Other;
        }
        if self.head_begun.swap(true, Ordering::Relaxed) {
            return Came::HeadGoesOn;
        }
        self.changed.store(true, Ordering::Relaxed);
        Came::HeadBegins
    }

    fn bytes_went(&self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.moved.store(true, Ordering::Relaxed);
        }
    }
}

impl Finish for Watch {
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
    place: OwnedSemaphorePermit,
}

impl Watched {
    /// Puts the watch on.
    #[must_use]
    pub fn new(stream: Transport, watch: Arc<Watch>, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            watch,
            head: HeadScan::default(),
            place,
        }
    }

    /// Takes the watch off, for an upgraded connection.
    pub fn into_stream(self) -> (Transport, OwnedSemaphorePermit) {
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
        if !bytes.is_empty() {
            let came = this.watch.bytes_came();
            if came == Came::HeadBegins {
                this.head = HeadScan::default();
            }
            if came != Came::Other && this.head.passed(bytes) {
                let signs = this.head.signs().bits();
                this.watch.signs.store(signs, Ordering::Relaxed);
            }
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
        self.watch.bytes_went(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
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
        self.watch.bytes_went(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

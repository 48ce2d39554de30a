//! A connection as the HTTP reader has it: what comes and goes is told to its [`Watch`], a head of too many fields is cut, and floods end it.
//!
//! The reader asks for bytes several times for each request, of which only one question can be answered: the others are answered here,
//! as long as nothing has come.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::bell::Bell;
use crate::places::Place;
use crate::server::head::{HeadScan, Passed};
use crate::server::resets::{FAREWELL, Resets};
use crate::server::watch::{Came, Watch};
use crate::transport::Transport;

/// A connection that tells its [`Watch`] when bytes come, and keeps its place among the open ones for as long as it lives, upgraded
/// or not.
#[derive(Debug)]
pub struct Watched {
    stream: Transport,
    /// Rings when something may have come.
    bell: Bell,
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
            bell: Bell::default(),
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
        let Some(waker) = this.bell.rung(context) else {
            return Poll::Pending;
        };
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(&mut Context::from_waker(waker), buffer);
        if read.is_ready() {
            // There may be more.
            this.bell.ring();
        }
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
            this.watch.flooded();
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
            this.watch.saw(this.head.signs());
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
        if flushed.is_pending() || self.watch.is_blocked() {
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

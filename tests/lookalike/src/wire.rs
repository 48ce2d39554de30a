//! The byte stream of one connection, which a fault can reset and a stop can end.
//!
//! Upgraded connections outlive the HTTP task that began them; they end here too, because every read
//! asks whether the lookalike has stopped.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Tells a wire to end.
#[derive(Clone)]
pub(crate) struct Cut {
    reset: Arc<AtomicBool>,
    /// Bytes that may still be written; the largest number stands for no end.
    left: Arc<AtomicUsize>,
}

impl Default for Cut {
    fn default() -> Self {
        Self {
            reset: Arc::default(),
            left: Arc::new(AtomicUsize::new(usize::MAX)),
        }
    }
}

impl Cut {
    /// From now on the connection ends with a reset.
    pub(crate) fn cut(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// The connection ends after so many more bytes, which still arrive.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// How much of so many bytes may be written; none means that the end has come.
    fn allow(&self, wanted: usize) -> Option<usize> {
        match self.left.load(Ordering::Relaxed) {
            0 => None,
            left => Some(wanted.min(left)),
        }
    }

    fn wrote(&self, bytes: usize) {
        let left = self.left.load(Ordering::Relaxed);
        if left != usize::MAX {
            self.left
                .store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
    }
}

/// One accepted connection.
pub(crate) struct Wire {
    stream: TcpStream,
    cut: Cut,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Wire {
    /// `stop` ends the wire when it turns true or its sender goes.
    pub(crate) fn new(stream: TcpStream, cut: Cut, mut stop: watch::Receiver<bool>) -> Self {
        let stopped = Box::pin(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        });
        Self {
            stream,
            cut,
            stopped,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.cut.reset.load(Ordering::Relaxed) {
            // Unsent data is thrown away and the far end reads a reset; should the option fail, it reads an end.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stopped.as_mut().poll(cx).is_ready() {
            // The future is spent: put one in its place that stays ready.
            self.stopped = Box::pin(std::future::ready(()));
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(allowed) = self.cut.allow(buf.len()) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &buf[..allowed]))?;
        self.cut.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A wire that is about to be cut counts what it writes.
        if self.cut.allow(usize::MAX) != Some(usize::MAX) {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            return self.poll_write(cx, first.map_or(&[][..], |buf| buf));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

//! A connection's bytes, plain, under TLS, or in a stream of an HTTP/2 connection: one type, so that the plain way costs one branch and no
//! indirection.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// One open connection.
#[derive(Debug)]
pub enum Transport {
    /// TCP as it is.
    Plain(TcpStream),
    /// TLS over it, after the handshake; boxed, because its state is large.
    Tls(Box<TlsStream<TcpStream>>),
    /// A stream among others, which a socket goes by (RFC 8441). Its connection has a task of its own, which sends what was taken.
    Stream(Box<TokioIo<Upgraded>>),
}

/// What a first look found.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Bytes at the beginning of the buffer; 0 at the end of the stream.
    pub length: usize,
    /// They will not be read again.
    pub taken: bool,
}

impl Transport {
    /// Waits for bytes and looks at them. Nothing is lost when this is dropped before it completes.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn glance(&mut self, buffer: &mut [u8]) -> io::Result<Glance> {
        match self {
            Self::Plain(stream) => Ok(Glance {
                length: stream.peek(buffer).await?,
                taken: false,
            }),
            Self::Tls(stream) => Ok(Glance {
                length: stream.read(buffer).await?,
                taken: true,
            }),
            Self::Stream(stream) => Ok(Glance {
                length: stream.read(buffer).await?,
                taken: true,
            }),
        }
    }

    /// Writes what is taken at once. Under TLS some of that may still be held back, see [`Transport::holds_back`].
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when nothing is taken now, others when the connection broke.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_write(bytes),
            Self::Tls(stream) => write_now(stream, bytes),
            Self::Stream(stream) => write_now(stream, bytes),
        }
    }

    /// Are there bytes that were taken and have not gone to the network?
    #[must_use]
    pub fn holds_back(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Stream(_) => false,
            Self::Tls(stream) => stream.get_ref().1.wants_write(),
        }
    }

    /// Completes when more may be taken and nothing is held back.
    ///
    /// # Errors
    /// When the connection broke.
    pub fn poll_write_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_write_ready(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Stream(stream) => Pin::new(stream).poll_flush(context),
        }
    }
}

fn write_now(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    // Nobody is to be woken by this: whoever writes looks whether something is owed, and waits with a context of their own.
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(stream).poll_write(&mut context, bytes) {
        Poll::Ready(written) => written,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Stream(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Stream(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Stream(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Self::Stream(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Stream(stream) => stream.is_write_vectored(),
        }
    }
}

//! A connection that is read from only when something may have come, and that writes a single piece, as a request without a body is,
//! the kernel's shorter way.
//!
//! Whoever answers before it has read the whole request, and closes, resets the connection under what is still written. Its answer
//! lies there all the same, and counts (RFC 9112 §9.5): what cannot be written any more is dropped, and what came is read to its end.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::upstream::link::Rouser;
use crate::transport::Transport;

/// A connection to Rocket.Chat.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) stream: Transport,
    /// Woken when something may have come; it must be the only one that polls.
    pub(super) rouser: Arc<Rouser>,
}

impl Wire {
    /// `all` as if it had been written, where the other side takes no more.
    fn dropping<T>(&self, written: Poll<io::Result<T>>, all: T) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(error))
                if matches!(
                    error.kind(),
                    ErrorKind::BrokenPipe
                        | ErrorKind::ConnectionReset
                        | ErrorKind::ConnectionAborted
                ) =>
            {
                self.rouser.broke();
                Poll::Ready(Ok(all))
            }
            written => written,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Asked for bytes twice before a request and once behind it, in vain.
        if !self.rouser.take_roused() {
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.rouser.set_roused();
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.dropping(written, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.dropping(flushed, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match bytes {
            [only] => Pin::new(&mut self.stream).poll_write(context, only),
            bytes => Pin::new(&mut self.stream).poll_write_vectored(context, bytes),
        };
        match written {
            Poll::Ready(Err(_)) => {
                let all = bytes.iter().map(|piece| piece.len()).sum();
                self.dropping(written, all)
            }
            written => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn an_answer_is_read_though_the_rest_of_the_request_cannot_be_written() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, listener.accept());
        let mut far = far.unwrap().0.into_std().unwrap();
        far.set_nonblocking(false).unwrap();
        let rouser = Arc::new(Rouser::new());
        let mut wire = Wire {
            stream: Transport::Plain(near.unwrap()),
            rouser: Arc::clone(&rouser),
        };
        wire.write_all(b"beginning").await.unwrap();
        // A close before everything was read is a reset.
        far.peek(&mut [0]).unwrap();
        far.write_all(b"answer").unwrap();
        drop(far);
        for _ in 0..3 {
            wire.write_all(b"rest").await.unwrap();
            let pieces = [io::IoSlice::new(b"of "), io::IoSlice::new(b"it")];
            assert_eq!(wire.write_vectored(&pieces).await.unwrap(), 5);
            wire.flush().await.unwrap();
        }
        assert!(rouser.is_broken());
        let mut answer = [0; 16];
        let mut answer = ReadBuf::new(&mut answer);
        let reading = poll_fn(|context| {
            rouser.set_roused();
            Pin::new(&mut wire).poll_read(context, &mut answer)
        });
        reading.await.unwrap();
        assert_eq!(answer.filled(), b"answer");
    }
}

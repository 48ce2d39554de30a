//! Passes bytes between two upgraded connections until one side closes or Gantry says farewell.
//!
//! An idle pair holds no buffer: each worker thread lends one for the length of a read, and what a slow receiver does not take at once
//! is kept until it does, while nothing more is read for it. So a pair costs at most one chunk of memory in each direction, and
//! nothing at rest.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::proxy::frames::{Farewell, FrameBoundary};

/// Bytes read at a time; as many may wait for a slow receiver.
const CHUNK: usize = 16 * 1024;

/// Reads in a row before another task gets its turn.
const ROUNDS: usize = 8;

/// How long a side that was told goodbye may take to hang up. Closing at once, with bytes of it unread, would reset the connection
/// and could take our last frame away from it.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

/// Why relaying ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A side closed, or its connection broke.
    Closed,
    /// Gantry ended it: the client was told with a close code.
    Dismissed,
}

/// An upgraded connection with what was read of it beyond the handshake.
#[derive(Debug)]
pub struct Side {
    /// The connection.
    pub stream: TcpStream,
    /// Bytes that came with the handshake.
    pub early: Bytes,
    /// Its place among the connections that may be open, given back when it closes.
    pub place: Option<OwnedSemaphorePermit>,
}

/// What is left of a relayed pair: both sides have been told that it is over.
#[derive(Debug)]
pub struct Parting {
    /// Why it is over.
    pub ended: Ended,
    client: TcpStream,
    server: Option<TcpStream>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Parting {
    /// Gives both sides a moment to hang up.
    pub async fn linger(self) {
        let client = discard(&self.client);
        let server = async {
            if let Some(server) = &self.server {
                discard(server).await;
            }
        };
        let _hung_up = timeout(LINGER, async { tokio::join!(client, server) }).await;
    }
}

/// Relays until a side closes, or until `farewell` completes, which is then the last frame that the client gets.
pub async fn relay(
    downstream: Side,
    upstream: Side,
    farewell: impl Future<Output = Farewell>,
) -> Parting {
    let mut up = Direction::new(&downstream.early);
    let mut down = Direction::new(&upstream.early);
    let mut frames = FrameBoundary::new();
    frames.passed(&upstream.early);
    // What came with the handshakes lies in the HTTP readers' buffers, eight kibibytes each: an idle socket must not keep those.
    drop((downstream.early, upstream.early));
    let (mut client, mut server) = (downstream.stream, upstream.stream);
    tokio::pin!(farewell);
    loop {
        let step = tokio::select! {
            biased;
            last = &mut farewell => {
                dismiss(&mut client, &last, &down, &frames).await;
                return Parting {
                    ended: Ended::Dismissed,
                    client,
                    server: None,
                    _place: downstream.place,
                };
            }
            ready = client.readable(), if up.wants_read() => {
                ready.and_then(|()| up.pass(&client, &server, |_| ()))
            }
            ready = server.readable(), if down.wants_read() => {
                ready.and_then(|()| down.pass(&server, &client, |bytes| frames.passed(bytes)))
            }
            ready = server.writable(), if up.wants_write() => ready.and_then(|()| up.flush(&server)),
            ready = client.writable(), if down.wants_write() => ready.and_then(|()| down.flush(&client)),
        };
        // An upgraded protocol says goodbye in its own frames: once a side has closed and what it sent is
        // delivered, the other has nothing more to say that anybody would hear.
        if step.is_err() || up.delivered() || down.delivered() {
            let _closed = (client.shutdown().await, server.shutdown().await);
            return Parting {
                ended: Ended::Closed,
                client,
                server: Some(server),
                _place: downstream.place,
            };
        }
    }
}

/// Tells the client why, if a frame may begin here; in the middle of a frame the connection can only be cut.
async fn dismiss(
    client: &mut TcpStream,
    last: &Farewell,
    down: &Direction,
    frames: &FrameBoundary,
) {
    if frames.at_boundary() && !down.wants_write() {
        // A client that does not read must not hold up the end of its session.
        let _sent = client.try_write(last);
    }
    let _closed = client.shutdown().await;
}

/// Reads and forgets until the other side has closed or broken.
async fn discard(side: &TcpStream) {
    while side.readable().await.is_ok() {
        let read = BUFFER.with_borrow_mut(|buffer| side.try_read(buffer));
        match read {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// One direction: what its receiver has not taken yet, and whether its sender has closed.
#[derive(Debug, Default)]
struct Direction {
    waiting: Vec<u8>,
    sender_closed: bool,
}

impl Direction {
    fn new(early: &[u8]) -> Self {
        Self {
            waiting: early.to_vec(),
            sender_closed: false,
        }
    }

    fn wants_read(&self) -> bool {
        self.waiting.is_empty() && !self.sender_closed
    }

    fn wants_write(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn delivered(&self) -> bool {
        self.sender_closed && self.waiting.is_empty()
    }

    fn pass(
        &mut self,
        from: &TcpStream,
        to: &TcpStream,
        mut look: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        BUFFER.with_borrow_mut(|buffer| {
            for _ in 0..ROUNDS {
                let read = match from.try_read(buffer) {
                    Ok(0) => {
                        self.sender_closed = true;
                        return Ok(());
                    }
                    Ok(read) => read,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                };
                let bytes = &buffer[..read];
                look(bytes);
                let written = write_some(to, bytes)?;
                if written < read {
                    self.waiting = bytes[written..].to_vec();
                    return Ok(());
                }
                // A short read emptied the socket: asking again would only be told so.
                if read < buffer.len() {
                    return Ok(());
                }
            }
            Ok(())
        })
    }

    fn flush(&mut self, to: &TcpStream) -> io::Result<()> {
        let written = write_some(to, &self.waiting)?;
        self.waiting.drain(..written);
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        Ok(())
    }
}

fn write_some(to: &TcpStream, mut bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(some) => {
                written += some;
                bytes = &bytes[some..];
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

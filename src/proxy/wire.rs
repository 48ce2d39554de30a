//! The two connections of a socket, and the bytes between them.
//!
//! An idle pair holds no buffer: each worker thread lends one for the length of a read, and what a slow receiver does not take at once
//! is kept until it does, while nothing more is read for it. So a pair costs at most one chunk of memory in each direction beyond
//! what the conversation holds, and nothing at rest.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;

use crate::ddp::{Conversation, Judge, Sink, Violation};
use crate::proxy::side::{Side, Stay};
use crate::transport::Transport;

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

/// Why nothing more passes.
#[derive(Debug)]
pub enum Broken {
    /// A connection broke.
    Io(io::Error),
    /// A side said what must not pass.
    Said(Violation),
}

/// Both connections of a socket.
#[derive(Debug)]
pub struct Wire {
    client: Transport,
    server: Transport,
    /// What Rocket.Chat has not taken yet.
    up: Vec<u8>,
    /// What the client has not taken yet.
    down: Vec<u8>,
    /// What the client said and must wait for.
    unheard: Vec<u8>,
    client_closed: bool,
    server_closed: bool,
    _stay: Option<Stay>,
}

/// Writes at once what a connection takes, and keeps the rest.
#[derive(Debug)]
pub struct Pipes<'a> {
    client: &'a mut Transport,
    server: &'a mut Transport,
    up: &'a mut Vec<u8>,
    down: &'a mut Vec<u8>,
    failed: Option<io::Error>,
}

impl Wire {
    /// Takes both sides over. What came of the client with its handshake is the first to be heard.
    #[must_use]
    pub fn new(downstream: Side, server: Transport) -> Self {
        Self {
            client: downstream.stream,
            server,
            up: Vec::new(),
            down: Vec::new(),
            unheard: downstream.early.to_vec(),
            client_closed: false,
            server_closed: false,
            _stay: downstream.stay,
        }
    }

    /// Lets the conversation say something of its own.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn with_pipes<T>(
        &mut self,
        say: impl FnOnce(&mut Pipes<'_>) -> Result<T, Violation>,
    ) -> Result<T, Broken> {
        let mut pipes = Pipes {
            client: &mut self.client,
            server: &mut self.server,
            up: &mut self.up,
            down: &mut self.down,
            failed: None,
        };
        let said = say(&mut pipes).map_err(Broken::Said)?;
        match pipes.failed {
            Some(error) => Err(Broken::Io(error)),
            None => Ok(said),
        }
    }

    /// May the client be read? Not while what it said before waits somewhere.
    #[must_use]
    pub fn hears_client(&self) -> bool {
        !self.client_closed
            && self.unheard.is_empty()
            && self.up.is_empty()
            && self.down.len() <= CHUNK
    }

    /// May Rocket.Chat be read?
    #[must_use]
    pub fn hears_server(&self) -> bool {
        !self.server_closed && !self.owes_client()
    }

    /// Does something wait for Rocket.Chat?
    #[must_use]
    pub fn owes_server(&self) -> bool {
        !self.up.is_empty() || self.server.holds_back()
    }

    /// Does something wait for the client?
    #[must_use]
    pub fn owes_client(&self) -> bool {
        !self.down.is_empty() || self.client.holds_back()
    }

    /// Has the client said something that waits only for its turn?
    #[must_use]
    pub fn has_unheard(&self) -> bool {
        !self.unheard.is_empty() && self.up.is_empty()
    }

    /// Has a side closed, with everything delivered that it said? An upgraded protocol says goodbye in its own frames: then the other
    /// has nothing more to say that anybody would hear.
    #[must_use]
    pub fn is_over(&self) -> bool {
        (self.client_closed && self.unheard.is_empty() && self.up.is_empty())
            || (self.server_closed && self.down.is_empty())
    }

    /// Gives the conversation what waited.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn hear_again(
        &mut self,
        conversation: &mut Conversation,
        judge: &impl Judge,
    ) -> Result<(), Broken> {
        let mut unheard = std::mem::take(&mut self.unheard);
        let taken =
            self.with_pipes(|pipes| conversation.from_client(&mut unheard, judge, pipes))?;
        if taken < unheard.len() {
            unheard.drain(..taken);
            self.unheard = unheard;
        }
        Ok(())
    }

    /// Reads the client when it said something.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn poll_client(
        &mut self,
        context: &mut Context<'_>,
        conversation: &mut Conversation,
        judge: &impl Judge,
    ) -> Poll<Result<(), Broken>> {
        BUFFER.with_borrow_mut(|buffer| {
            for round in 0..ROUNDS {
                let read = match poll_read(&mut self.client, buffer, context) {
                    Poll::Ready(read) => read?,
                    Poll::Pending if round == 0 => return Poll::Pending,
                    Poll::Pending => break,
                };
                if read == 0 {
                    self.client_closed = true;
                    break;
                }
                let bytes = &mut buffer[..read];
                let taken =
                    self.with_pipes(|pipes| conversation.from_client(bytes, judge, pipes))?;
                if taken < read {
                    self.unheard = buffer[taken..read].to_vec();
                }
                // A short read emptied the socket: asking again would only be told so.
                if read < buffer.len() || !self.hears_client() || conversation.holds_client() {
                    break;
                }
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Reads Rocket.Chat when it said something.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn poll_server(
        &mut self,
        context: &mut Context<'_>,
        conversation: &mut Conversation,
        judge: &impl Judge,
    ) -> Poll<Result<(), Broken>> {
        BUFFER.with_borrow_mut(|buffer| {
            for round in 0..ROUNDS {
                let read = match poll_read(&mut self.server, buffer, context) {
                    Poll::Ready(read) => read?,
                    Poll::Pending if round == 0 => return Poll::Pending,
                    Poll::Pending => break,
                };
                if read == 0 {
                    self.server_closed = true;
                    break;
                }
                let bytes = &buffer[..read];
                self.with_pipes(|pipes| conversation.from_server(bytes, judge, pipes))?;
                if read < buffer.len() || !self.hears_server() {
                    break;
                }
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Gives Rocket.Chat what waits for it when it takes more.
    ///
    /// # Errors
    /// [`Broken::Io`].
    pub fn poll_feed_server(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        poll_feed(&mut self.server, &mut self.up, context)
    }

    /// Gives the client what waits for it when it takes more.
    ///
    /// # Errors
    /// [`Broken::Io`].
    pub fn poll_feed_client(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        poll_feed(&mut self.client, &mut self.down, context)
    }

    /// Ends both connections, the client's with this last frame if one may stand there, and gives both sides a moment to hang up.
    pub async fn part(mut self, last: Option<[u8; 4]>) {
        let last = last.filter(|_| self.down.is_empty());
        let goodbye = async {
            if let Some(last) = last {
                let _sent = self.client.write_all(&last).await;
            }
            hang_up(&mut self.client).await;
        };
        // A client that does not read must not hold up the end for longer.
        let hung_up = async { tokio::join!(goodbye, hang_up(&mut self.server)) };
        let _gone = timeout(LINGER, hung_up).await;
    }
}

impl Sink for Pipes<'_> {
    fn up(&mut self, bytes: &[u8]) {
        if let Err(error) = put(self.server, self.up, bytes) {
            self.failed = Some(error);
        }
    }

    fn down(&mut self, bytes: &[u8]) {
        if let Err(error) = put(self.client, self.down, bytes) {
            self.failed = Some(error);
        }
    }
}

/// Reads what is there. A read that leaves room in the buffer also tells the runtime that nothing is left, which saves the read that
/// would find nothing.
fn poll_read(
    from: &mut Transport,
    buffer: &mut [u8],
    context: &mut Context<'_>,
) -> Poll<Result<usize, Broken>> {
    let mut buffer = ReadBuf::new(buffer);
    ready!(Pin::new(from).poll_read(context, &mut buffer)).map_err(Broken::Io)?;
    Poll::Ready(Ok(buffer.filled().len()))
}

fn put(to: &mut Transport, waiting: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    let written = if waiting.is_empty() {
        write_some(to, bytes)?
    } else {
        0
    };
    waiting.extend_from_slice(&bytes[written..]);
    Ok(())
}

fn poll_feed(
    to: &mut Transport,
    waiting: &mut Vec<u8>,
    context: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    ready!(to.poll_write_ready(context)).map_err(Broken::Io)?;
    let written = write_some(to, waiting).map_err(Broken::Io)?;
    waiting.drain(..written);
    if waiting.is_empty() {
        // Gives the room back.
        *waiting = Vec::new();
    }
    Poll::Ready(Ok(()))
}

fn write_some(to: &mut Transport, mut bytes: &[u8]) -> io::Result<usize> {
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

/// Says goodbye, then reads and forgets until the other side has closed or broken.
async fn hang_up(side: &mut Transport) {
    let _closed = side.shutdown().await;
    poll_fn(|context| {
        BUFFER.with_borrow_mut(|buffer| {
            loop {
                match ready!(poll_read(side, buffer, context)) {
                    Ok(0) | Err(_) => return Poll::Ready(()),
                    Ok(_) => {}
                }
            }
        })
    })
    .await;
}

#[cfg(test)]
mod tests;

//! The accept loop: takes connections up to the limit, until the service drains and the kernel's queue is empty.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A pause after an accept that failed for want of file descriptors, so that the loop does not spin until one is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that the kernel holds for the listener at most, as tokio asks it to: those that come on and on are not waited for.
const QUEUED: usize = 1024;

/// Bounds what is open and tells when to stop; shared by the tasks of one listener.
#[derive(Clone, Debug)]
pub struct Lifeline {
    /// Set when every answer on a connection of HTTP/1 is to be its last. Read with every request, so without a lock.
    pub leaving: Arc<AtomicBool>,
    /// Cancelled when nothing new is to begin and what is idle is to close.
    pub drain: CancellationToken,
    /// Cancelled when what still runs is to be cut.
    pub hurry: CancellationToken,
    /// The tasks that must end before the program does.
    pub tasks: TaskTracker,
}

impl Lifeline {
    /// A fresh one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            leaving: Arc::default(),
            drain: CancellationToken::new(),
            hurry: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// From now on, answers ask clients not to come back over the same connection.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
}

impl Default for Lifeline {
    fn default() -> Self {
        Self::new()
    }
}

/// Accepts until drain, and then what the kernel has accepted by then: its clients may have sent their requests. At most
/// `connections` at a time; `serve` runs in a task of its own and holds the permit.
pub async fn accept<S, F>(listener: TcpListener, connections: usize, lifeline: Lifeline, serve: S)
where
    S: Fn(TcpStream, SocketAddr, OwnedSemaphorePermit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let take = |(stream, peer): (TcpStream, SocketAddr), place| {
        // Small answers must not wait for the client's acknowledgement.
        let _best_effort = stream.set_nodelay(true);
        lifeline.tasks.spawn(serve(stream, peer, place));
    };
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = lifeline.drain.cancelled() => break,
        };
        let Ok(place) = place else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifeline.drain.cancelled() => break,
        };
        match accepted {
            Ok(accepted) => take(accepted, place),
            Err(error) => after(&error).await,
        }
    }
    // Asked of the kernel itself: the runtime may not have heard of the last ones yet.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    for _ in 0..QUEUED {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = lifeline.hurry.cancelled() => return,
        };
        let Ok(place) = place else { return };
        match accept_now(&listener) {
            Ok(accepted) => take(accepted, place),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => after(&error).await,
        }
        if lifeline.hurry.is_cancelled() {
            return;
        }
    }
}

fn accept_now(listener: &std::net::TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((TcpStream::from_std(stream)?, peer))
}

async fn after(error: &io::Error) {
    if !is_of_the_connection(error) {
        tracing::error!(error = %error, "connections cannot be accepted; is the limit of open files too low?");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// The connection went away before it was accepted: nobody's fault here.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

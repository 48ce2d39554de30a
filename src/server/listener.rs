//! The accept loop: takes connections up to the limit, and stops taking them when the service drains.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A pause after an accept that failed for want of file descriptors, so that the loop does not spin until one is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds what is open and tells when to stop; shared by the tasks of one listener.
#[derive(Clone, Debug)]
pub struct Lifeline {
    /// Cancelled when nothing new is to begin and what is idle is to close.
    pub drain: CancellationToken,
    /// Cancelled when a drain must not take its time.
    pub hurry: CancellationToken,
    /// The tasks that must end before the program does.
    pub tasks: TaskTracker,
}

impl Lifeline {
    /// A fresh one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            drain: CancellationToken::new(),
            hurry: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }
}

impl Default for Lifeline {
    fn default() -> Self {
        Self::new()
    }
}

/// Accepts until drain, at most `connections` at a time; `serve` runs in a task of its own and holds the permit.
pub async fn accept<S, F>(listener: TcpListener, connections: usize, lifeline: Lifeline, serve: S)
where
    S: Fn(TcpStream, SocketAddr, OwnedSemaphorePermit) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = lifeline.drain.cancelled() => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifeline.drain.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Small answers must not wait for the client's acknowledgement.
                let _best_effort = stream.set_nodelay(true);
                lifeline.tasks.spawn(serve(stream, peer, place));
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::error!(error = %error, "connections cannot be accepted; is the limit of open files too low?");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
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

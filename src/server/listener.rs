//! The accept loop: takes connections up to the limits, until the service drains and the kernel's queue is empty.
//!
//! In all, a connection over the limit waits in the system's queue for a place. One over its client's share is closed at once, so that no
//! client can make the others wait.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::listen::Listen;
use crate::places::{Free, Place, Places};
use crate::telemetry::metrics::{Limit, Metrics};
use crate::workers::Shares;

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

/// How many connections a listener takes, and whose.
#[derive(Debug)]
pub struct Room {
    places: Places,
    /// Peers who carry everybody, so that nobody's share is theirs.
    carriers: Vec<IpNet>,
    /// Counts what is over the limits, where that is told.
    metrics: Option<Metrics>,
}

impl Room {
    /// For a listener with few connections, all from the operator's own programs.
    #[must_use]
    pub fn few(connections: usize) -> Self {
        Self {
            places: Places::new(connections, None),
            carriers: Vec::new(),
            metrics: None,
        }
    }

    /// For gateways, each of which carries everybody.
    #[must_use]
    pub fn for_gateways(listen: &Listen, metrics: Metrics) -> Self {
        Self {
            places: Places::new(listen.limits.connections, None),
            carriers: Vec::new(),
            metrics: Some(metrics),
        }
    }

    /// For everybody.
    #[must_use]
    pub fn for_everybody(listen: &Listen, metrics: Metrics) -> Self {
        let limits = &listen.limits;
        Self {
            places: Places::new(limits.connections, limits.connections_per_client),
            carriers: listen.trusted_proxies.clone(),
            metrics: Some(metrics),
        }
    }

    /// Waits until one more connection may be open.
    async fn free(&self) -> Option<Free> {
        if let Some(place) = self.places.try_free() {
            return Some(place);
        }
        self.reached(Limit::Connections, None);
        self.places.free().await
    }

    /// Gives the place to this peer, unless it has its share.
    fn give(&self, place: Free, peer: IpAddr) -> Result<Place, Free> {
        let carries = carries(&self.carriers, peer);
        let given = self.places.give(place, (!carries).then_some(peer));
        if given.is_err() {
            self.reached(Limit::ConnectionsPerClient, Some(peer));
        }
        given
    }

    fn reached(&self, limit: Limit, client: Option<IpAddr>) {
        if let Some(metrics) = &self.metrics {
            metrics.limit_reached(limit, client);
        }
    }
}

/// Accepts until drain, and then what the kernel has accepted by then: its clients may have sent their requests. As long as there is
/// room; `serve` runs in a task of its own and holds the place.
pub async fn accept<S, F>(
    listener: TcpListener,
    (room, shares): (Room, Shares),
    lifeline: Lifeline,
    serve: S,
) where
    S: Fn(TcpStream, SocketAddr, Place) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    // Of a connection that was turned away.
    let mut unused = None;
    let take = |(stream, peer): (std::net::TcpStream, SocketAddr), free| match room
        .give(free, peer.ip())
    {
        Ok(place) => {
            // Small answers must not wait for the client's acknowledgement.
            let _best_effort = stream.set_nodelay(true);
            let handed = shares.hand_over(stream, &lifeline.tasks, |stream, share| {
                serve(stream, peer, place.with(share))
            });
            if let Err(error) = handed {
                tracing::error!(error = %error, "a connection cannot be watched; is fs.epoll.max_user_watches too low?");
            }
            None
        }
        // Dropped, the connection closes; an answer would have to be waited for.
        Err(free) => Some(free),
    };
    loop {
        let free = match unused.take() {
            Some(free) => Some(free),
            None => tokio::select! {
                free = room.free() => free,
                () = lifeline.drain.cancelled() => break,
            },
        };
        let Some(free) = free else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifeline.drain.cancelled() => break,
        };
        // It is to be known to the reactor of the thread that serves it.
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok(accepted) => unused = take(accepted, free),
            Err(error) => {
                unused = Some(free);
                after(&error).await;
            }
        }
    }
    // Asked of the kernel itself: the runtime may not have heard of the last ones yet.
    let Ok(listener) = listener.into_std() else {
        return;
    };
    for _ in 0..QUEUED {
        let free = match unused.take() {
            Some(free) => Some(free),
            None => tokio::select! {
                free = room.free() => free,
                () = lifeline.hurry.cancelled() => return,
            },
        };
        let Some(free) = free else { return };
        match accept_now(&listener) {
            Ok(accepted) => unused = take(accepted, free),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                unused = Some(free);
                after(&error).await;
            }
        }
        if lifeline.hurry.is_cancelled() {
            return;
        }
    }
}

fn accept_now(listener: &std::net::TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

async fn after(error: &io::Error) {
    if !is_of_the_connection(error) {
        tracing::error!(error = %error, "connections cannot be accepted; is the limit of open files too low?");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Is this peer a proxy that carries everybody, so that nothing is counted against it as against one client?
#[must_use]
pub fn carries(carriers: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    carriers.iter().any(|network| network.contains(&peer))
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

//! The accept loop: takes connections up to the limits, and stops taking them when the service drains.
//!
//! In all, a connection over the limit waits in the system's queue for a place. One over its client's share is closed at once, so that no
//! client can make the others wait.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::listen::Listen;
use crate::places::{Free, Place, Places};
use crate::telemetry::metrics::{Limit, Metrics};

/// A pause after an accept that failed for want of file descriptors, so that the loop does not spin until one is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds what is open and tells when to stop; shared by the tasks of one listener.
#[derive(Clone, Debug)]
pub struct Lifeline {
    /// Cancelled when nothing new is to begin and what is idle is to close.
    pub drain: CancellationToken,
    /// The tasks that must end before the program does.
    pub tasks: TaskTracker,
}

impl Lifeline {
    /// A fresh one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            drain: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
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

/// Accepts until drain, as long as there is room; `serve` runs in a task of its own and holds the place.
pub async fn accept<S, F>(listener: TcpListener, room: Room, lifeline: Lifeline, serve: S)
where
    S: Fn(TcpStream, SocketAddr, Place) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    // Of a connection that was turned away.
    let mut unused = None;
    loop {
        let free = match unused.take() {
            Some(free) => Some(free),
            None => tokio::select! {
                free = room.free() => free,
                () = lifeline.drain.cancelled() => break,
            },
        };
        let Some(free) = free else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lifeline.drain.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => match room.give(free, peer.ip()) {
                Ok(place) => {
                    // Small answers must not wait for the client's acknowledgement.
                    let _best_effort = stream.set_nodelay(true);
                    lifeline.tasks.spawn(serve(stream, peer, place));
                }
                // Dropped, the connection closes; an answer would have to be waited for.
                Err(free) => unused = Some(free),
            },
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::error!(error = %error, "connections cannot be accepted; is the limit of open files too low?");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
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

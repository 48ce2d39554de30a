//! Metrics of the limits that protect Gantry: how often each was reached, and by whom at the latest, once a minute in the log.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::{Counter, Metrics, add};

/// Seconds between two lines about the same limit: whoever attacks decides how often it is reached.
const PACE: u64 = 60;

/// A limit that somebody can reach; the closed set behind every `limit` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `listen.limits.connections`
    Connections,
    /// `listen.limits.connections_per_client`
    ConnectionsPerClient,
    /// `listen.limits.header_timeout`
    HeaderTimeout,
    /// `listen.limits.body_timeout`
    BodyTimeout,
    /// `listen.limits.send_timeout`, for a whole connection
    SendTimeout,
    /// `listen.limits.send_timeout`, for one stream of a connection
    Streams,
    /// `listen.limits.resets_per_second`
    Resets,
    /// `websocket.pending`
    PendingSockets,
    /// `websocket.pending_per_client`
    PendingSocketsPerClient,
    /// Nothing moved in either direction, whoever is to blame.
    Stalled,
}

impl Limit {
    const ALL: [Self; 10] = [
        Self::Connections,
        Self::ConnectionsPerClient,
        Self::HeaderTimeout,
        Self::BodyTimeout,
        Self::SendTimeout,
        Self::Streams,
        Self::Resets,
        Self::PendingSockets,
        Self::PendingSocketsPerClient,
        Self::Stalled,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerClient => "connections-per-client",
            Self::HeaderTimeout => "header-timeout",
            Self::BodyTimeout => "body-timeout",
            Self::SendTimeout => "send-timeout",
            Self::Streams => "streams",
            Self::Resets => "resets",
            Self::PendingSockets => "pending-sockets",
            Self::PendingSocketsPerClient => "pending-sockets-per-client",
            Self::Stalled => "stalled",
        }
    }

    fn told(self) -> &'static str {
        match self {
            Self::Connections => {
                "all connections of listen.limits.connections are open; new ones wait"
            }
            Self::ConnectionsPerClient => {
                "a client had as many connections as listen.limits.connections_per_client; if it is a proxy, name it in \
                 listen.trusted_proxies"
            }
            Self::HeaderTimeout => {
                "a connection was closed that sent no whole head within listen.limits.header_timeout"
            }
            Self::BodyTimeout => {
                "a request was given up whose body stood still for listen.limits.body_timeout"
            }
            Self::SendTimeout => {
                "a connection was closed that took nothing of its answer for listen.limits.send_timeout"
            }
            Self::Streams => {
                "a stream was reset that took nothing of its answer for listen.limits.send_timeout"
            }
            Self::Resets => {
                "a connection was closed that reset more streams than listen.limits.resets_per_second"
            }
            Self::PendingSockets => {
                "a socket was refused because nobody is logged in on websocket.pending others"
            }
            Self::PendingSocketsPerClient => {
                "a socket was refused because its client has websocket.pending_per_client others that nobody is logged in on; if it is \
                 a proxy, name it in listen.trusted_proxies"
            }
            Self::Stalled => {
                "a connection was closed on which nothing moved though a request was running"
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

#[derive(Debug)]
pub(super) struct Limits {
    reached: [Counter; Limit::ALL.len()],
    began: Instant,
    /// Until which second after the beginning a limit is not told of again.
    quiet: [AtomicU64; Limit::ALL.len()],
}

impl Limits {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let reached: Family<LimitLabels, Counter> = add(
            registry,
            "limits_reached",
            "Times that somebody reached a limit which protects Gantry",
        );
        Self {
            // All are there from the start, so that the first of a kind is a rise.
            reached: Limit::ALL.map(|limit| {
                let limit = limit.name();
                reached.get_or_create(&LimitLabels { limit }).clone()
            }),
            began: Instant::now(),
            quiet: Limit::ALL.map(|_| AtomicU64::new(0)),
        }
    }

    /// Is it time for a line about this limit?
    fn may_tell(&self, limit: Limit) -> bool {
        let now = self.began.elapsed().as_secs();
        let quiet = &self.quiet[limit as usize];
        let until = quiet.load(Ordering::Relaxed);
        // Of several at once, one tells.
        now >= until
            && quiet
                .compare_exchange(until, now + PACE, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Metrics {
    /// A limit was reached, by the client of this address where it is known. The first of each minute is told in the log.
    pub fn limit_reached(&self, limit: Limit, client: Option<IpAddr>) {
        self.0.limits.reached[limit as usize].inc();
        if self.0.limits.may_tell(limit) {
            self.0.recent.note("limit", limit.name());
            tracing::info!(
                limit = limit.name(),
                client.address =
                    client.map(|client| tracing::field::display(client.to_canonical())),
                "{}",
                limit.told()
            );
        }
    }
}

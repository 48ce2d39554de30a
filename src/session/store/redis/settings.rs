//! What must be known to find Redis and to be let in.

use std::fmt;
use std::time::Duration;

use crate::secret::Secret;

/// Where Redis is, who we are there, and how long we wait.
#[derive(Clone, Debug)]
pub(in crate::session) struct Settings {
    pub(in crate::session) place: Place,
    pub(in crate::session) login: Login,
    /// TLS towards every node and every sentinel; absent is plain TCP.
    pub(in crate::session) tls: Option<Tls>,
    /// 0 in a cluster, which knows no other.
    pub(in crate::session) database: u16,
    /// Begins every name of ours.
    pub(in crate::session) prefix: String,
    pub(in crate::session) limits: Limits,
}

/// How the node that has the sessions is found.
#[derive(Clone, Debug)]
pub(in crate::session) enum Place {
    /// It is always this one.
    Single(Node),
    /// Sentinels know which one is the master.
    Sentinel {
        sentinels: Vec<Node>,
        master: String,
        /// For the sentinels themselves.
        login: Login,
    },
    /// Any node of the cluster knows which one has our slot; these are asked first.
    Cluster(Vec<Node>),
}

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::session) struct Node {
    pub(in crate::session) host: String,
    pub(in crate::session) port: u16,
}

/// An ACL user; a password alone is the default user's, and nothing at all is for a Redis that asks for nothing.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Login {
    pub(in crate::session) user: Option<String>,
    pub(in crate::session) password: Option<Secret>,
}

/// Certificates in PEM.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Tls {
    /// Whom to believe; absent means whom the system believes.
    pub(in crate::session) authorities: Option<Vec<u8>>,
    /// What we show of ourselves: certificates and key.
    pub(in crate::session) own: Option<(Vec<u8>, Secret)>,
}

/// How long things may take, and how many at once.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Limits {
    /// For a connection to stand, with TLS.
    pub(in crate::session) connect: Duration,
    /// For an answer.
    pub(in crate::session) command: Duration,
    /// Calls that wait for answers at once; others wait for their turn.
    pub(in crate::session) calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            command: Duration::from_secs(2),
            // With 64 KiB each at most 16 MiB of values are on their way.
            calls: 256,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(formatter, "[{}]:{}", self.host, self.port);
        }
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

//! Keys `sessions.redis`: where Redis or Valkey is, alone, as a cluster or behind sentinels, and how it is spoken to.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::types::Hidden;
use crate::secret::Secret;

mod url;
mod validate;

use url::UrlText;

/// How Redis is reached.
#[derive(Clone, Debug)]
pub struct Redis {
    /// Where it is.
    pub reach: Reach,
    /// Who we are there; Redis calls whoever gives a password alone `default`.
    pub username: Option<String>,
    /// Our password there.
    pub password: Option<Secret>,
    /// TLS towards every node, sentinels among them; `None` for plain TCP.
    pub tls: Option<Tls>,
    /// What every key and channel of ours begins with; printable ASCII without braces. Default `gantry:`.
    pub key_prefix: String,
}

/// Exactly one way to Redis.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// One server.
    Single {
        /// The server.
        node: Node,
        /// Which of its databases; default 0.
        database: u32,
    },
    /// A cluster, known by at least one of its nodes.
    Cluster(Vec<Node>),
    /// A master that sentinels name; its database 0.
    Sentinel(Sentinel),
}

/// The sentinels and what they are asked for.
#[derive(Clone, Debug)]
pub struct Sentinel {
    /// The name of the master that they watch.
    pub service: String,
    /// At least one of them.
    pub nodes: Vec<Node>,
    /// Who we are at the sentinels.
    pub username: Option<String>,
    /// Our password at the sentinels.
    pub password: Option<Secret>,
}

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What is believed and shown under TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Authorities that are believed, as PEM; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate with its chain, and its key, as PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl PartialEq for Sentinel {
    /// Passwords aside: they are compared by nobody.
    fn eq(&self, other: &Self) -> bool {
        self.service == other.service
            && self.nodes == other.nodes
            && self.username == other.username
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// The keys as the file has them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct RedisFile {
    /// One server, or a first node of a cluster: `redis://host:port/database`, or `rediss://` for TLS. A user and a password may
    /// stand in it, but better in the keys below.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<UrlText>,
    /// Is it a cluster? It needs `url` or `nodes`.
    cluster: bool,
    /// Nodes of the cluster as `host:port`; the others are learnt from them.
    nodes: Vec<String>,
    /// Sentinels that name the master, in place of `url`.
    sentinel: SentinelFile,
    /// Who Gantry is at Redis.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Its password there.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Hidden>,
    /// File that holds `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_file: Option<PathBuf>,
    /// TLS towards every node and sentinel.
    tls: TlsFile,
    /// What every key begins with, so that several can share one Redis.
    key_prefix: String,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct SentinelFile {
    /// The name of the master that the sentinels watch.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// The sentinels as `host:port`.
    nodes: Vec<String>,
    /// Who Gantry is at the sentinels.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Its password there.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Hidden>,
    /// File that holds `sentinel.password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_file: Option<PathBuf>,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TlsFile {
    /// Speak TLS; a `rediss://` URL says so too.
    enabled: bool,
    /// PEM file of the authorities that are believed; absent, the system's are.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    /// PEM file of the certificate that Gantry shows, with its chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_file: Option<PathBuf>,
    /// PEM file of that certificate's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
}

impl Default for RedisFile {
    fn default() -> Self {
        Self {
            url: None,
            cluster: false,
            nodes: Vec::new(),
            sentinel: SentinelFile::default(),
            username: None,
            password: None,
            password_file: None,
            tls: TlsFile::default(),
            key_prefix: "gantry:".to_owned(),
        }
    }
}

impl RedisFile {
    /// Does anything here differ from what stands when nothing is written?
    pub(super) fn is_set(&self) -> bool {
        serde_json::to_value(self).ok() != serde_json::to_value(Self::default()).ok()
    }
}

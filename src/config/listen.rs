//! Section `listen`: the public listener and its limits.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::types::Origin;

/// The public listener.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address and port; port 0 takes a free one. Default `0.0.0.0:8080`.
    pub address: SocketAddr,
    /// Peers whose `X-Forwarded-*` we believe; empty means nobody.
    pub trusted_proxies: Vec<IpNet>,
    /// What browsers see in front of us; required. Its host goes upstream, its origin is ours.
    pub public_url: Origin,
    /// Bounds on what one connection may cost.
    pub limits: Limits,
}

/// Bounds on what connections and requests may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request's head; default 64 KiB, at least 8 KiB.
    pub header_bytes: usize,
    /// Number of header fields; default 128.
    pub headers: usize,
    /// Bytes of a request's body; default 100 MiB.
    pub body: u64,
    /// Connections open at a time; default 20000.
    pub connections: usize,
    /// Time for a request's head to arrive; default 10 s.
    pub header_timeout: Duration,
    /// Time a kept connection may stay without a request; default 90 s.
    pub idle_timeout: Duration,
}

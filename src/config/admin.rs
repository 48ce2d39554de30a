//! Section `admin`: the listener for probes and metrics.

use std::net::SocketAddr;

/// The admin listener, kept off the public one.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where `/livez`, `/readyz` and `/metrics` are served; default `127.0.0.1:9090`.
    pub address: SocketAddr,
}

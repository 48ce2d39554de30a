//! `gantry healthcheck`: asks the admin listener of a Gantry on this machine, for containers without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::Config;

/// A probe that takes longer is a failed one.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `/livez`.
///
/// # Errors
/// When nobody answers, or not with 200.
pub async fn healthcheck(config: &Config) -> anyhow::Result<()> {
    let address = reachable(config.admin.address);
    tokio::time::timeout(PATIENCE, ask(address))
        .await
        .with_context(|| format!("{address} did not answer in time"))?
}

async fn ask(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("{address} cannot be reached"))?;
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: gantry\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        bail!("{address} does not say that it is live");
    }
    Ok(())
}

/// A listener on every address is asked on the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

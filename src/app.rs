//! The composition root: config in, a running Gantry out.

use std::net::SocketAddr;

use crate::clock::Clock;
use crate::config::Config;
use crate::secret::Bearer;

/// A Gantry that serves; dropping it does not stop it, [`Running::stop`] does.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    admin_address: SocketAddr,
}

impl Running {
    /// Where the public listener is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin listener is bound.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Drains and stops: nothing new is accepted, what runs may finish for a while, sockets are closed.
    pub async fn stop(self) {}
}

/// Starts everything and returns when both listeners are bound.
///
/// # Errors
/// When a listener cannot be bound.

pub async fn start(config: Config, _clock: Clock) -> anyhow::Result<Running> {
    Ok(Running {
        address: config.listen.address,
        admin_address: config.admin.address,
    })
}

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// When a listener cannot be bound.
pub async fn run(config: Config) -> anyhow::Result<()> {
    start(config, Clock::system()).await?.stop().await;
    Ok(())
}

/// Verifies a JWT and tells who it is and which user it maps to, without touching Rocket.Chat unless `live`.
///
/// # Errors
/// When the token is refused; the text says why.

pub async fn whois(_config: &Config, _token: &Bearer, _live: bool) -> anyhow::Result<String> {
    anyhow::bail!("not there yet")
}

/// Asks the admin listener of a running Gantry whether it is alive.
///
/// # Errors
/// When it is not.

pub async fn healthcheck(_config: &Config) -> anyhow::Result<()> {
    anyhow::bail!("not there yet")
}

//! The demo's command line, and the ports it ends up with.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

/// Host application, Rocket.Chat lookalike and Gantry in one process.
#[derive(Clone, Debug, Parser)]
#[command(name = "gantry-demo", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// A part alone.
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    /// Use four ports from this one on (host application, Gantry, Gantry's admin listener, Rocket.Chat) instead of
    /// 8000, 8080, 9090 and 3000.
    #[arg(long, value_name = "PORT")]
    pub(crate) port_base: Option<u16>,
    /// Show Gantry's log, access lines included.
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Write every Rocket.Chat token to this file as it is made, for tests that look for them where none may be.
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens_file: Option<PathBuf>,
}

/// What can be started alone.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Part {
    /// The host application, before a Gantry and a Rocket.Chat that run elsewhere.
    Host(Alone),
}

/// The host application alone.
#[derive(Clone, Debug, Args)]
pub(crate) struct Alone {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8000")]
    pub(crate) address: SocketAddr,
    /// Its origin, as browsers see it; also its name as an issuer.
    #[arg(long, default_value = "http://127.0.0.1:8000", value_name = "ORIGIN")]
    pub(crate) url: String,
    /// Gantry's origin, as this process reaches it.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "ORIGIN")]
    pub(crate) gantry: String,
    /// Gantry's origin, as browsers see it; must be of the same site as this one's.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "ORIGIN")]
    pub(crate) gantry_url: String,
}

/// Where the four parts listen, all on loopback.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// The host application.
    pub(crate) host: u16,
    /// Gantry's public listener.
    pub(crate) gantry: u16,
    /// Gantry's admin listener.
    pub(crate) admin: u16,
    /// The Rocket.Chat lookalike.
    pub(crate) rocketchat: u16,
}

impl Options {
    /// The wanted ports, each replaced by a free one when it is taken; `tell` hears of every replacement.
    ///
    /// # Errors
    /// When the machine has no free port, or the base is too high.
    pub(crate) fn ports(&self, mut tell: impl FnMut(String)) -> anyhow::Result<Ports> {
        let wanted = match self.port_base {
            None => [8000, 8080, 9090, 3000],
            // The usual way to say "any free port", four times over.
            Some(0) => [0; 4],
            Some(base) => {
                let last = base
                    .checked_add(3)
                    .context("--port-base leaves no room for four ports")?;
                [base, base + 1, base + 2, last]
            }
        };
        let names = [
            "the host application",
            "Gantry",
            "Gantry's admin listener",
            "the Rocket.Chat lookalike",
        ];
        // Every probe stays bound until all four are chosen, so that no two get the same free port.
        let mut probes = Vec::with_capacity(wanted.len());
        for (port, name) in wanted.into_iter().zip(names) {
            let probe = probe(port).or_else(|_taken| {
                let probe = probe(0).context("the machine has no free port left")?;
                let instead = probe.local_addr()?.port();
                tell(format!(
                    "Port {port} is taken: {name} uses {instead} instead."
                ));
                anyhow::Ok(probe)
            })?;
            probes.push(probe);
        }
        let chosen: Vec<u16> = probes
            .iter()
            .map(|probe| probe.local_addr().map(|address| address.port()))
            .collect::<Result<_, _>>()?;
        Ok(Ports {
            host: chosen[0],
            gantry: chosen[1],
            admin: chosen[2],
            rocketchat: chosen[3],
        })
    }
}

/// A loopback address with this port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn probe(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(loopback(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_and_named() {
        let taken = probe(0).unwrap();
        let base = taken.local_addr().unwrap().port();
        let options = Options {
            part: None,
            port_base: Some(base),
            verbose: false,
            tokens_file: None,
        };
        let mut told = Vec::new();

        let ports = options.ports(|line| told.push(line)).unwrap();

        assert_ne!(ports.host, base);
        assert!(
            told[0].starts_with(&format!("Port {base} is taken")),
            "{told:?}"
        );
    }

    #[test]
    fn a_base_without_room_for_four_ports_is_refused() {
        let options = Options {
            part: None,
            port_base: Some(u16::MAX),
            verbose: false,
            tokens_file: None,
        };

        assert!(options.ports(|_| ()).is_err());
    }
}

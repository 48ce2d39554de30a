//! The addresses to listen on: free, or held by a Gantry that runs.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{Finding, Report};
use crate::app::healthcheck;
use crate::config::Config;

pub(super) async fn examine(config: &Config) -> Report {
    let grpc = config
        .filter
        .as_ref()
        .and_then(|filter| filter.grpc_address);
    let addresses = [
        ("listen.address", Some(config.listen.address)),
        ("admin.address", Some(config.admin.address)),
        ("filter.grpc_address", grpc),
    ];
    let mut report = Report::default();
    let mut runs = None;
    for (key, address) in addresses {
        let Some(address) = address else { continue };
        let finding = match TcpListener::bind(address).await {
            Ok(_) => Finding::ok("listener", key, format!("{address} is free")),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let runs = match runs {
                    Some(runs) => runs,
                    None => *runs.insert(healthcheck(config).await.is_ok()),
                };
                held(key, address, runs)
            }
            Err(error) => {
                let mend = match error.kind() {
                    ErrorKind::PermissionDenied => {
                        "take a port from 1024 on, or let Gantry bind lower ones"
                    }
                    _ => "give an address of the host that Gantry runs on; 0.0.0.0 is all of them",
                };
                Finding::warning("listener", key, format!("{address}: {error}"), mend)
            }
        };
        report.add(finding);
    }
    report
}

fn held(key: &str, address: SocketAddr, runs: bool) -> Finding {
    if runs {
        return Finding::ok(
            "listener",
            key,
            format!("{address} is held, and a Gantry runs"),
        );
    }
    Finding::warning(
        "listener",
        key,
        format!("{address} is held by another program"),
        "end that program, or take another port",
    )
}

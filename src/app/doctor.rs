//! `gantry doctor`: tries everything that the config names, and tells what is right, doubtful and wrong.
//!
//! Every check is bounded in time and runs though others failed, unless it would mean nothing. What the checks make at Rocket.Chat
//! is logged out again: an interrupt is heeded only where no token is open.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::control_plane_client;
use crate::clock::Clock;
use crate::config::Config;
use crate::rocketchat::RocketChat;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

mod clocks;
mod finding;
mod issuers;
mod rocketchat;
mod store;

pub use finding::{Finding, Report, State};

/// How long one check of several calls may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries the live system.
///
/// # Errors
/// When nothing can be tried at all, or the program was interrupted.
pub async fn examine(config: &Config, clock: Clock) -> anyhow::Result<Report> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let http = control_plane_client(config)?;
    let metrics = Metrics::new();
    let mut report = Report::default();
    configuration(config, &mut report);
    let chat = RocketChat::new(
        &config.rocketchat,
        http.clone(),
        clock.clone(),
        metrics.clone(),
        &Readiness::default(),
    );
    Box::pin(rocketchat::examine(config, &chat, &mut report)).await;
    let rest = Box::pin(async {
        issuers::examine(config, http.clone(), &clock, &metrics, &mut report).await;
        clocks::examine(config, &http, &clock, &mut report).await;
        store::examine(config, &clock, &mut report).await;
    });
    let whole = tokio::select! {
        () = rest => true,
        _ = interrupt.recv() => false,
        _ = terminate.recv() => false,
    };
    // The login of this look is given back; a configured token stays.
    if let Err(error) = chat.close().await {
        report.add(Finding::warning(
            "service-account",
            "logout",
            format!("its login could not be given back: {error}"),
            "nothing need be done: the login lives until it expires",
        ));
    }
    anyhow::ensure!(whole, "interrupted");
    Ok(report)
}

fn configuration(config: &Config, report: &mut Report) {
    report.add(Finding::ok("config", "", "valid"));
    for warning in &config.warnings {
        report.add(Finding::warning(
            "config",
            "",
            warning.to_string(),
            "change the key that the warning names",
        ));
    }
}

/// What comes of a check, or `None` when its time is over.
async fn within<T>(check: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, check).await.ok()
}

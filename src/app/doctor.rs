//! `gantry doctor`: tries everything that the config names, and tells what is right, doubtful and wrong.
//!
//! Every check is bounded in time and runs though others failed, unless it would mean nothing. What the checks make at Rocket.Chat is
//! logged out again, also after an interrupt, and also what comes when nobody waits for it any more.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use super::control_plane_client;
use super::upstream_tls::rocketchat_client;
use crate::clock::Clock;
use crate::config::{Config, Mistakes};
use crate::rocketchat::{ApiError, RocketChat};
use crate::telemetry::metrics::Metrics;

mod certificates;
mod clocks;
mod finding;
mod issuers;
mod listeners;
mod permissions;
mod rocketchat;
mod settings;
mod sockets;
mod store;

pub use finding::{Finding, Report, State};

/// How long one check may take; more than a call with a new login and one window of the limiter.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a token is waited for that comes after its call was given up: longer than the call itself is kept open.
const LATE: Duration = Duration::from_secs(75);

/// Said when that was not long enough.
const LEFT: &str = "Rocket.Chat has not answered yet, so an auth token may be left";

/// Tries the live system.
///
/// # Errors
/// When nothing can be tried at all, or the program was interrupted.
pub async fn examine(config: &Config, clock: Clock) -> anyhow::Result<Report> {
    let mut interrupts = Interrupts::new()?;
    let ways = Ways::of(config)?;
    let metrics = Metrics::new();
    let chat = RocketChat::quiet(
        &config.rocketchat,
        ways.rocketchat.clone(),
        clock.clone(),
        metrics,
    );
    let looked = tokio::select! {
        report = Box::pin(look(config, &chat, &ways, &clock)) => Some(report),
        () = interrupts.next() => None,
    };
    // Whoever interrupts a second time does not want to wait for this either.
    let settled = tokio::select! {
        settled = chat.settled(LATE) => settled,
        () = interrupts.next() => false,
    };
    let closed = tokio::select! {
        closed = Box::pin(chat.close()) => closed,
        () = interrupts.next() => Err(ApiError::Timeout),
    };
    let Some(mut report) = looked else {
        anyhow::ensure!(settled && closed.is_ok(), "interrupted; {LEFT}");
        anyhow::bail!("interrupted");
    };
    if !settled {
        report.add(Finding::failed(
            "minting",
            "",
            LEFT,
            "see why Rocket.Chat is slow; as the service account, end its other logins in My Account → Security",
        ));
    }
    if let Err(error) = closed {
        report.add(Finding::warning(
            "service-account",
            "",
            format!("its login could not be given back: {error}"),
            "nothing need be done: the login lives until it expires",
        ));
    }
    Ok(report)
}

/// The report on a configuration that cannot be used: its mistakes, and nothing tried.
#[must_use]
pub fn refuse(mistakes: &Mistakes) -> Report {
    let mut report = Report::default();
    for mistake in mistakes.iter() {
        let seen = format!("{}: {}", mistake.place, mistake.problem);
        let mend = "mend it there; `gantry check` says the same without trying anything";
        report.add(Finding::failed("config", &mistake.key, seen, mend));
    }
    report
}

/// The clients of what is tried; Rocket.Chat may ask for a certificate and have one of an authority of its own.
struct Ways {
    rocketchat: reqwest::Client,
    issuers: reqwest::Client,
    /// Where Rocket.Chat is, by the name that its certificate holds for.
    base: Url,
}

impl Ways {
    fn of(config: &Config) -> anyhow::Result<Self> {
        let settings = &config.rocketchat;
        let mut base = settings.url.clone();
        if let Some(name) = settings
            .tls
            .as_ref()
            .and_then(|tls| tls.other_name(&settings.url))
        {
            base.set_host(Some(name))
                .context("rocketchat.tls.server_name is no host")?;
        }
        Ok(Self {
            rocketchat: rocketchat_client(settings)?,
            issuers: control_plane_client(config)?,
            base,
        })
    }
}

async fn look(config: &Config, chat: &RocketChat, ways: &Ways, clock: &Clock) -> Report {
    let mut report = Report::default();
    configuration(config, &mut report);
    let parts = tokio::join!(
        Box::pin(rocketchat::examine(config, chat, ways)),
        Box::pin(issuers::examine(config, &ways.issuers)),
        Box::pin(clocks::examine(config, ways, clock)),
        Box::pin(store::examine(config)),
        Box::pin(listeners::examine(config)),
    );
    let (chat, issuers, clocks, store, listeners) = parts;
    for part in [chat, issuers, clocks, store, listeners] {
        report.extend(part);
    }
    report.extend(certificates::examine(config, clock));
    report
}

fn configuration(config: &Config, report: &mut Report) {
    report.add(Finding::ok("config", "", "valid"));
    for warning in &config.warnings {
        report.add(Finding::warning(
            "config",
            &warning.key,
            format!("{}: {}", warning.place, warning.problem),
            "change it there, or leave it if it is meant",
        ));
    }
}

/// What comes of a call to Rocket.Chat within the time of a check.
async fn within<T>(call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    tokio::time::timeout(PATIENCE, call)
        .await
        .unwrap_or(Err(ApiError::Timeout))
}

/// SIGINT and SIGTERM, which no longer end the program by themselves.
struct Interrupts(Signal, Signal);

impl Interrupts {
    fn new() -> std::io::Result<Self> {
        Ok(Self(
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

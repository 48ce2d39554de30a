//! The issuers: do their keys come, and is one of them of use?

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Finding, Report};
use crate::clock::Clock;
use crate::config::Config;
use crate::jwt::Verifier;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

/// How long keys may take to come.
const KEYS: Duration = Duration::from_secs(15);

/// Between two looks whether they have come.
const LOOK: Duration = Duration::from_millis(50);

/// What a latch says before there was an answer.
const WAITING: &str = "not yet there";

pub(super) async fn examine(
    config: &Config,
    http: reqwest::Client,
    clock: &Clock,
    metrics: &Metrics,
    report: &mut Report,
) {
    let readiness = Readiness::default();
    let verifier = Verifier::new(
        &config.issuers,
        http,
        clock.clone(),
        metrics.clone(),
        &readiness,
    );
    let began = Instant::now();
    let waits = |readiness: &Readiness| {
        let latches = readiness.latches();
        latches
            .iter()
            .any(|(_, missing)| missing.as_deref() == Some(WAITING))
    };
    while waits(&readiness) && began.elapsed() < KEYS {
        sleep(LOOK).await;
    }
    drop(verifier);
    let latches = readiness.latches();
    for issuer in &config.issuers {
        let latch = format!("keys of issuer {}", issuer.issuer);
        let missing = latches
            .iter()
            .find(|(name, _)| *name == latch)
            .and_then(|(_, missing)| missing.as_deref());
        report.add(match missing {
            None => Finding::ok("issuer-keys", &issuer.issuer, "there"),
            Some(reason) => Finding::failed(
                "issuer-keys",
                &issuer.issuer,
                reason,
                "check where the issuer's keys are read, its certificate, and that it publishes a key that fits `algorithms`",
            ),
        });
    }
}

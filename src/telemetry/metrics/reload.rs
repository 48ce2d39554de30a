//! Metrics of the configuration: whether changed ones were applied, and when the last one was.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Metrics, Results, add};

#[derive(Debug)]
pub(super) struct Reload {
    reloads: Results,
    last_success: Gauge,
}

impl Reload {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            reloads: add(
                registry,
                "config_reloads",
                "Configurations that were read again, applied or refused",
            ),
            last_success: add(
                registry,
                "config_last_reload_success_timestamp_seconds",
                "Unix time at which a configuration was applied last, at the start or later",
            ),
        }
    }
}

impl Metrics {
    /// A configuration is in force since `now`.
    pub fn config_applied(&self, now: SystemTime) {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX);
        self.0.reload.last_success.set(seconds);
    }

    /// The configuration was read again: `ok`, or why it was not applied.
    pub fn config_reloaded(&self, result: &'static str) {
        self.count(&self.0.reload.reloads, "config reload", result);
    }
}

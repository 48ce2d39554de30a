//! Metrics of the listener's TLS: when the certificate ends, and whether changed files were taken.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Metrics, Results, add};

#[derive(Debug)]
pub(super) struct Tls {
    expiry: Gauge,
    reloads: Results,
}

impl Tls {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            expiry: add(
                registry,
                "tls_certificate_expiry_timestamp_seconds",
                "Unix time at which the served certificate expires; 0 without TLS",
            ),
            reloads: add(
                registry,
                "tls_certificate_reloads",
                "Changed certificate files taken or refused",
            ),
        }
    }
}

impl Metrics {
    /// New handshakes get a certificate that expires then.
    pub fn certificate_served(&self, expires: SystemTime) {
        let seconds = expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX);
        self.0.tls.expiry.set(seconds);
    }

    /// Changed files of the listener's TLS were taken (`ok`) or not (the fault's kind).
    pub fn certificate_reloaded(&self, result: &'static str) {
        self.count(&self.0.tls.reloads, "certificate", result);
    }
}

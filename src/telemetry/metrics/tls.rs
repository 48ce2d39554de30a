//! Metrics of TLS: when the certificates that are shown end, whether changed files were taken, and what became of clients' handshakes.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::{ReloadLabels, SideLabels};
use super::{Counter, Metrics, Results, TlsSide, add};

#[derive(Debug)]
pub(super) struct Tls {
    expiry: Family<SideLabels, Gauge>,
    reloads: Family<ReloadLabels, Counter>,
    handshakes: Results,
}

impl Tls {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            expiry: add(
                registry,
                "tls_certificate_expiry_timestamp_seconds",
                "Unix time at which the certificate that is shown expires",
            ),
            reloads: add(
                registry,
                "tls_certificate_reloads",
                "Changed certificate files taken or refused",
            ),
            handshakes: add(
                registry,
                "tls_handshakes",
                "TLS handshakes of clients that ended well or not",
            ),
        }
    }
}

impl Metrics {
    /// New handshakes on this side show a certificate that expires then.
    pub fn certificate_shown(&self, side: TlsSide, expires: SystemTime) {
        let seconds = expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX);
        let labels = SideLabels { side: side.name() };
        self.0.tls.expiry.get_or_create(&labels).set(seconds);
    }

    /// Changed files of this side were taken (`ok`) or not (the fault's kind).
    pub fn certificate_reloaded(&self, side: TlsSide, result: &'static str) {
        let labels = ReloadLabels {
            side: side.name(),
            result,
        };
        self.0.tls.reloads.get_or_create(&labels).inc();
        self.0.recent.note("certificate", result);
    }

    /// A client's handshake ended well (`ok`) or not.
    pub fn hands_shaken(&self, result: &'static str) {
        self.0
            .tls
            .handshakes
            .get_or_create(&super::ResultLabels { result })
            .inc();
    }
}

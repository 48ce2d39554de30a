//! Probes and the scraper's page, as plain text.

use http::{Response, StatusCode};

use crate::body::Body;
use crate::server::admin::answer;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn livez() -> Response<Body> {
    answer::of_kind(Body::full("live\n"), TEXT)
}

pub(super) fn readyz(readiness: &Readiness) -> Response<Body> {
    let missing = readiness.missing();
    if missing.is_empty() {
        let told = [vec!["ready".to_owned()], readiness.missed()].concat();
        return answer::of_kind(Body::full(told.join("\n") + "\n"), TEXT);
    }
    let mut answer = answer::of_kind(Body::full(missing.join("\n") + "\n"), TEXT);
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer
}

pub(super) fn metrics(metrics: &Metrics) -> Response<Body> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    answer::of_kind(Body::full(metrics.page()), kind)
}

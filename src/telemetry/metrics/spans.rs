//! The metric of traces: what of them nobody will see.

use prometheus_client::registry::Registry;

use super::{Counter, Metrics, add};

#[derive(Debug)]
pub(super) struct Spans {
    dropped: Counter,
}

impl Spans {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            dropped: add(
                registry,
                "spans_dropped",
                "Spans dropped because the collector did not take them",
            ),
        }
    }
}

impl Metrics {
    /// So many spans will not be seen by anybody.
    pub fn spans_dropped(&self, spans: usize) {
        self.0.spans.dropped.inc_by(spans as u64);
    }
}

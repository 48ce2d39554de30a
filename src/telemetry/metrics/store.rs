//! Metrics of the session store: whether it does what it is asked.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Metrics, add};

#[derive(Debug)]
pub(super) struct Store {
    up: Gauge,
}

impl Store {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let up: Gauge = add(
            registry,
            "store_up",
            "1 while the session store is read and written, 0 while it is not; 1 without one",
        );
        up.set(1);
        Self { up }
    }
}

impl Metrics {
    /// The session store was read, and written if there was something to write.
    pub fn store_answered(&self) {
        self.0.store.up.set(1);
    }

    /// The session store is away, or cannot be read or written.
    pub fn store_failed(&self) {
        self.0.store.up.set(0);
    }
}

//! A door that tests keep shut and open: requests wait at it, and tests can wait for them to arrive.

use std::sync::Arc;

use tokio::sync::watch;

/// A cheap handle; clones are the same door.
#[derive(Clone, Debug)]
pub struct Latch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    open: watch::Sender<bool>,
    arrived: watch::Sender<usize>,
}

impl Latch {
    /// A shut latch.
    #[must_use]
    pub fn new() -> Self {
        let shared = Shared {
            open: watch::Sender::new(false),
            arrived: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.shared.open.send_replace(true);
    }

    /// How many have arrived so far, let through or not.
    #[must_use]
    pub fn arrived(&self) -> usize {
        *self.shared.arrived.borrow()
    }

    /// Waits until at least this many have arrived.
    pub async fn until_arrived(&self, count: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        // The sender lives in self, so the wait cannot end by its loss.
        let _ = arrived.wait_for(|seen| *seen >= count).await;
    }

    /// Arrives, and waits until the latch is open.
    pub(crate) async fn pass(&self) {
        self.shared.arrived.send_modify(|seen| *seen += 1);
        let mut open = self.shared.open.subscribe();
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Default for Latch {
    fn default() -> Self {
        Self::new()
    }
}

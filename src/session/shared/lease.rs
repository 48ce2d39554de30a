//! Leases: of all processes one at a time does a thing, and goes on doing it for as long as it takes.
//!
//! A lease lives for a few seconds and is renewed while its holder works, so work may take far longer than a lease lives, and a holder
//! that died is followed soon. Its value is random and known to its holder alone: a batch that expects it cannot be applied by a holder
//! that was slow to notice that it lost the lease (fencing).

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::random;
use crate::session::shared::Shared;
use crate::session::store::{Batch, Expect, Key, StoreError, Value};

/// How long a lease lives unless renewed: the wait after a holder's death.
pub(in crate::session) const LIFE: Duration = Duration::from_secs(5);

/// Renewed so often, two renewals may fail before a lease is lost.
const RENEWED_EVERY: Duration = Duration::from_millis(1500);

/// Who waits for a lease looks again this often, should the bell not ring: its holder may have died.
pub(super) const LOOKED_AGAIN: Duration = Duration::from_millis(500);

/// Held while it is not dropped.
#[derive(Debug)]
pub(in crate::session) struct Lease {
    shared: Arc<Shared>,
    key: Key,
    value: Value,
    renewal: AbortHandle,
    given_back: bool,
}

impl Shared {
    /// Takes a lease as soon as nobody has it. Waits without end: callers bound it.
    pub(in crate::session) async fn lease(self: &Arc<Self>, key: Key) -> Result<Lease, StoreError> {
        loop {
            let bell = self.bells.of(&key);
            let mut rung = pin!(bell.notified());
            // Before the try: a bell between the two would not be heard.
            rung.as_mut().enable();
            if let Some(lease) = self.try_lease(&key, Batch::default()).await? {
                return Ok(lease);
            }
            let _again = timeout(LOOKED_AGAIN, rung).await;
        }
    }

    /// Takes a lease if nobody has it and what `batch` expects besides holds.
    pub(super) async fn try_lease(
        self: &Arc<Self>,
        key: &Key,
        batch: Batch,
    ) -> Result<Option<Lease>, StoreError> {
        let value = Value(random::text::<16>().into_bytes());
        let batch =
            batch
                .expect(Expect::Absent(key.clone()))
                .put_for(key, value.clone(), Some(LIFE));
        if !self.applied(&batch).await? {
            return Ok(None);
        }
        let renewal = tokio::spawn(renew(Arc::clone(self), key.clone(), value.clone()));
        Ok(Some(Lease {
            shared: Arc::clone(self),
            key: key.clone(),
            value,
            renewal: renewal.abort_handle(),
            given_back: false,
        }))
    }
}

impl Lease {
    /// What a batch expects that only the holder may have applied.
    pub(super) fn mine(&self) -> Expect {
        Expect::Is(self.key.clone(), self.value.clone())
    }

    /// Lets a batch give it back; the holder calls [`Lease::gone`] when the batch was applied.
    pub(super) fn give_back(&self, batch: Batch) -> Batch {
        batch
            .expect(self.mine())
            .remove(&self.key)
            .tell(free(&self.key))
    }

    pub(super) fn gone(mut self) {
        self.given_back = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
        if self.given_back {
            return;
        }
        let batch = self.give_back(Batch::default());
        let shared = Arc::clone(&self.shared);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Should this fail, the lease ends by itself.
            runtime.spawn(async move { shared.applied(&batch).await });
        }
    }
}

async fn renew(shared: Arc<Shared>, key: Key, value: Value) {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        let batch = Batch::default()
            .expect(Expect::Is(key.clone(), value.clone()))
            .put_for(&key, value.clone(), Some(LIFE));
        if let Ok(false) = shared.applied(&batch).await {
            // Lost; whatever its holder writes will not be applied.
            return;
        }
    }
}

/// The word that a lease is free.
pub(super) fn free(key: &Key) -> String {
    format!("f {}", BASE64URL_NOPAD.encode(&key.0))
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<HashMap<Key, Arc<Notify>>>);

impl Bells {
    pub(super) fn of(&self, key: &Key) -> Arc<Notify> {
        let mut bells = self.bells();
        // Bells that nobody waits at any more are ours alone.
        if bells.len() >= 1024 {
            bells.retain(|_, bell| Arc::strong_count(bell) > 1);
        }
        Arc::clone(bells.entry(key.clone()).or_default())
    }

    /// For a lease as [`free`] writes it. Who waits for one that is written otherwise looks again soon enough.
    pub(super) fn ring(&self, key: &str) {
        let Ok(key) = BASE64URL_NOPAD.decode(key.as_bytes()) else {
            return;
        };
        if let Some(bell) = self.bells().remove(&Key(key)) {
            bell.notify_waiters();
        }
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Who wants a session of a host session: it is there, or somebody makes it, or the caller makes it now.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::timeout;

use crate::jwt::{Principal, TokenFingerprint};
use crate::session::grave::{Grave, Tombstones};
use crate::session::shared::codec;
use crate::session::shared::find::Found;
use crate::session::shared::lease::{LOOKED_AGAIN, Lease};
use crate::session::shared::{Shared, keys};
use crate::session::store::{Batch, Key, StoreError, Value};
use crate::session::tombstone::{Token, Tombstone};

/// What comes of a claim.
#[derive(Debug)]
pub(in crate::session) enum Claim {
    /// It is live.
    Live(Box<Found>),
    /// The caller makes it.
    Mine(Mandate),
    /// The token is dead.
    Dead,
}

/// The right to begin a session of one host session, for as long as nobody logs it out meanwhile.
#[derive(Debug)]
pub(in crate::session) struct Mandate {
    pub(in crate::session) lease: Lease,
    /// The tombstones that were there when it was given.
    pub(super) graves: Vec<(Key, Option<Value>)>,
}

impl Shared {
    /// Claims the session of a principal's host session for a JWT. Waits without end while another process makes it; callers bound
    /// it.
    pub(in crate::session) async fn claim(
        self: &Arc<Self>,
        principal: &Principal,
        token: &Token<TokenFingerprint>,
    ) -> Result<Claim, StoreError> {
        let host = keys::host(&principal.host_session);
        let held = keys::exchange_lease(&principal.host_session);
        let graves: Vec<Key> = Grave::all_of(principal)
            .map(|grave| keys::grave(&grave))
            .collect();
        let mut wanted = vec![host.clone(), held.clone()];
        wanted.extend_from_slice(&graves);
        loop {
            let bell = self.bells.of(&held);
            let mut rung = pin!(bell.notified());
            // Before looking: a bell between the two would not be heard.
            rung.as_mut().enable();
            let mut values = self.store.read(&wanted).await?.into_iter();
            let (id, holder) = (values.next().flatten(), values.next().flatten());
            let graves: Vec<_> = graves.iter().cloned().zip(values).collect();
            if refused(&graves, token)? {
                return Ok(Claim::Dead);
            }
            if let Some(id) = id {
                if let Some(found) = self.find(&text(&id)?).await? {
                    return Ok(Claim::Live(Box::new(found)));
                }
                // Ended between the two looks.
                continue;
            }
            if holder.is_some() {
                let _again = timeout(LOOKED_AGAIN, rung).await;
                continue;
            }
            let batch = unburied(Batch::default(), &graves).unchanged(&host, None);
            if let Some(lease) = self.try_lease(&held, batch).await? {
                return Ok(Claim::Mine(Mandate { lease, graves }));
            }
        }
    }
}

impl Mandate {
    /// The tombstones that were there when it was given.
    pub(in crate::session) fn tombstones(&self) -> Tombstones {
        let values = self.graves.iter().filter_map(|(_, value)| value.as_ref());
        // Read before, when it was given.
        values
            .filter_map(|value| codec::read(&value.0).ok().map(Arc::new))
            .collect()
    }
}

/// Expects that nothing was buried since.
pub(super) fn unburied(batch: Batch, graves: &[(Key, Option<Value>)]) -> Batch {
    graves.iter().fold(batch, |batch, (key, value)| {
        batch.unchanged(key, value.as_ref())
    })
}

fn refused(
    graves: &[(Key, Option<Value>)],
    token: &Token<TokenFingerprint>,
) -> Result<bool, StoreError> {
    for value in graves.iter().filter_map(|(_, value)| value.as_ref()) {
        let tombstone: Tombstone = codec::read(&value.0)?;
        if tombstone.refuses(token) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A value that is a text of ours.
pub(super) fn text(value: &Value) -> Result<String, StoreError> {
    String::from_utf8(value.0.clone()).map_err(|_| codec::Unreadable::Malformed.into())
}

//! What was minted becomes a live session, or replaces the credentials of one.
//!
//! Before Rocket.Chat is asked for a token, an [`Intent`] is written: an owed logout of a token that nobody knows yet. The batch that
//! brings the token to a session takes the intent away; if it cannot be applied, the intent becomes the owed logout of that token.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::random;
use crate::rocketchat::Credentials;
use crate::session::EndCause;
use crate::session::facts::Uses;
use crate::session::life::Bounds;
use crate::session::moment::Moment;
use crate::session::shared::claim::{Mandate, unburied};
use crate::session::shared::codec::{self, Debt, Kept};
use crate::session::shared::debts::{MINTED_WITHIN, TAKEN_OVER_AFTER};
use crate::session::shared::find::Found;
use crate::session::shared::lease::Lease;
use crate::session::shared::{ROUNDS, Shared, keys};
use crate::session::store::{Batch, Expect, StoreError};

/// How long a token that was minted is brought to the store while that is away; after that it is logged out.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries of that.
const PAUSE: Duration = Duration::from_millis(200);

/// The cause of a logout that is owed because nothing came of a minting.
pub(in crate::session) const UNCLAIMED: &str = "unclaimed";

/// The cause of the logout of a token that was replaced.
pub(in crate::session) const REFRESH: &str = "refresh";

/// That a token will be minted: as long as this is in the store, its logout is owed.
#[derive(Debug)]
pub(in crate::session) struct Intent {
    pub(in crate::session) id: String,
    user_id: String,
}

/// What is committed.
#[derive(Debug)]
pub(in crate::session) struct Committing<'a> {
    pub(in crate::session) kept: &'a Kept,
    pub(in crate::session) uses: &'a Uses,
    pub(in crate::session) bounds: &'a Bounds,
    /// `None`: the credentials are another session's as well.
    pub(in crate::session) intent: Option<&'a Intent>,
    /// That other session.
    pub(in crate::session) sharing: Option<&'a str>,
}

/// What came of a commit.
#[derive(Debug)]
pub(in crate::session) enum Committed {
    /// It is live.
    Live,
    /// It may not begin any more; the token's logout is owed, if it was its own.
    Lost,
}

/// What came of a replacement of credentials.
#[derive(Debug)]
pub(in crate::session) enum Replaced {
    /// The session has the new ones; the old token's logout is owed under the intent's id.
    Done,
    /// Somebody else replaced them before; the new token's logout is owed under the intent's id.
    Before(Arc<Credentials>),
    /// The session has ended; the new token's logout is owed under the intent's id.
    Ended,
}

impl Shared {
    /// Writes that a token of this user is about to be minted. `None`: the lease was lost, and nothing may be minted.
    pub(in crate::session) async fn intend(
        &self,
        lease: &Lease,
        user_id: &str,
    ) -> Result<Option<Intent>, StoreError> {
        let intent = Intent {
            id: random::text::<16>(),
            user_id: user_id.to_owned(),
        };
        let batch = self.owed(
            Batch::default().expect(lease.mine()),
            &intent.id,
            &Debt {
                user_id: user_id.to_owned(),
                credentials: None,
                cause: UNCLAIMED.to_owned(),
                ends: None,
            },
        );
        Ok(self.applied(&batch).await?.then_some(intent))
    }

    /// Makes a session live.
    pub(in crate::session) async fn commit(
        &self,
        mandate: Mandate,
        committing: &Committing<'_>,
    ) -> Result<Committed, StoreError> {
        let kept = committing.kept;
        let session = keys::session(&kept.facts.id);
        let mut batch = self.born(unburied(Batch::default(), &mandate.graves), committing);
        if let Some(intent) = committing.intent {
            // Gone only if somebody took us for dead and did away with the token.
            batch = batch.expect(Expect::Present(keys::owed(&intent.id)));
            batch = struck(batch, &intent.id);
        }
        if let Some(other) = committing.sharing {
            batch = batch.expect(Expect::Present(keys::session(other)));
        }
        batch = mandate.lease.give_back(batch);
        let live = persistently(async || {
            // Not applied may mean that it was applied before and only the answer was lost.
            Ok(self.applied(&batch).await? || self.read([&session]).await?[0].is_some())
        });
        match live.await {
            Ok(true) => {
                mandate.lease.gone();
                Ok(Committed::Live)
            }
            Ok(false) => {
                if let Some(intent) = committing.intent {
                    self.unclaimed(intent, &kept.credentials).await?;
                }
                Ok(Committed::Lost)
            }
            Err(error) => Err(error),
        }
    }

    /// Enters a session wherever it is to be found.
    pub(in crate::session) fn born(&self, batch: Batch, committing: &Committing<'_>) -> Batch {
        let Committing { kept, uses, .. } = committing;
        let facts = &kept.facts;
        let (session, times) = (keys::session(&facts.id), keys::times(&facts.id));
        let (host, stand_in) = (
            keys::host(&facts.host_session),
            keys::stand_in(&kept.stand_in),
        );
        let id = codec::id(&facts.id);
        let batch = batch
            .unchanged(&host, None)
            .put(&session, kept.seal(&self.seal, &session))
            .put(&times, codec::sealed(&self.seal, &times, *uses))
            .put(&host, id.clone())
            .put(&stand_in, id)
            .enter(keys::all(), &facts.id, keys::youngest_first(facts.began));
        self.noted(batch, facts, uses, committing.bounds)
    }

    /// Puts new credentials in the place of the session's old ones, and of all sessions' that share them.
    pub(in crate::session) async fn replace(
        &self,
        id: &str,
        old: &Credentials,
        new: &Arc<Credentials>,
        intent: &Intent,
    ) -> Result<Replaced, StoreError> {
        persistently(async || {
            for _ in 0..ROUNDS {
                let Some(Found { kept, .. }) = self.find(id).await? else {
                    self.unclaimed(intent, new).await?;
                    return Ok(Replaced::Ended);
                };
                if kept.credentials.is_same(new) {
                    return Ok(Replaced::Done);
                }
                if !kept.credentials.is_same(old) {
                    self.unclaimed(intent, new).await?;
                    return Ok(Replaced::Before(kept.credentials));
                }
                let mut batch = Batch::default();
                for (key, value, mut sharer) in self.sharers(&kept).await? {
                    sharer.credentials = Arc::clone(new);
                    batch = batch
                        .expect(Expect::Is(key.clone(), value))
                        .put(&key, sharer.seal(&self.seal, &key))
                        .tell(format!("c {}", sharer.facts.id));
                }
                let debt = Debt {
                    user_id: kept.credentials.user_id().to_owned(),
                    credentials: Some(Arc::clone(&kept.credentials)),
                    cause: REFRESH.to_owned(),
                    ends: None,
                };
                batch = self.owed(batch, &intent.id, &debt);
                if self.applied(&batch).await? {
                    return Ok(Replaced::Done);
                }
            }
            self.unclaimed(intent, new).await?;
            Ok(Replaced::Ended)
        })
        .await
    }

    /// The intent becomes the owed logout of the token that came.
    pub(in crate::session) async fn unclaimed(
        &self,
        intent: &Intent,
        credentials: &Arc<Credentials>,
    ) -> Result<(), StoreError> {
        let debt = Debt {
            user_id: intent.user_id.clone(),
            credentials: Some(Arc::clone(credentials)),
            cause: UNCLAIMED.to_owned(),
            ends: None,
        };
        let batch = self.owed(Batch::default(), &intent.id, &debt);
        persistently(async || self.applied(&batch).await.map(drop)).await
    }

    /// Enters a debt; for a while its taking over is left to the process that entered it.
    pub(super) fn owed(&self, batch: Batch, id: &str, debt: &Debt) -> Batch {
        let key = keys::owed(id);
        let is_intent = debt.credentials.is_none() && debt.ends.is_none();
        let patience = if is_intent {
            MINTED_WITHIN
        } else {
            TAKEN_OVER_AFTER
        };
        let at = Moment::of(self.clock.now()).after(patience);
        batch
            .put(&key, debt.seal(&self.seal, &key))
            .enter(keys::all_owed(), id, at.millis())
    }

    /// A debt of an ended session.
    pub(super) fn owed_for(
        &self,
        batch: Batch,
        id: &str,
        credentials: &Arc<Credentials>,
        cause: EndCause,
    ) -> Batch {
        self.owed(batch, id, &Debt::of(credentials, cause))
    }
}

/// Takes a debt out.
pub(super) fn struck(batch: Batch, id: &str) -> Batch {
    batch.remove(&keys::owed(id)).leave(keys::all_owed(), id)
}

/// Tries again while the store is away, for a while: what is at stake is a token that Rocket.Chat has made already.
async fn persistently<T, F: Future<Output = Result<T, StoreError>>>(
    mut once: impl FnMut() -> F,
) -> Result<T, StoreError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match once().await {
            Err(StoreError::Away(_)) if Instant::now() < until => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
}

//! Ends of sessions, and what a logout buries.

use std::sync::Arc;

use crate::config::session::Scope;
use crate::jwt::{HostSession, TokenFingerprint};
use crate::random;
use crate::rocketchat::Credentials;
use crate::session::EndCause;
use crate::session::facts::{Facts, Uses};
use crate::session::grave::Grave;
use crate::session::life::{Bounds, Step};
use crate::session::moment::Moment;
use crate::session::outbox::Ending;
use crate::session::shared::codec::{self, Debt, Kept};
use crate::session::shared::lease::free;
use crate::session::shared::{ROUNDS, Shared, keys};
use crate::session::store::{Batch, Expect, Key, StoreError, Value};
use crate::session::tombstone::{Token, Tombstone};

/// What came of an end.
#[derive(Debug)]
pub(in crate::session) enum End {
    /// It has ended, and this logout is owed. `None`: another session goes on with the token.
    Ended(EndCause, Option<Due>),
    /// It had ended before.
    Before,
    /// Its time is not over: it was used elsewhere.
    NotYet(Uses),
}

/// A logout that the store knows to be owed.
#[derive(Debug)]
pub(in crate::session) struct Due {
    pub(in crate::session) id: String,
    pub(in crate::session) credentials: Arc<Credentials>,
}

impl Shared {
    /// Ends a session, whoever it is known to, if it had begun by then.
    pub(in crate::session) async fn end_begun_by(
        &self,
        id: &str,
        cause: EndCause,
        begun_by: Moment,
    ) -> Result<End, StoreError> {
        self.end_if(id, |facts, _| (facts.began <= begun_by).then_some(cause))
            .await
    }

    /// Ends a session if its time is over, as all processes together know it.
    pub(in crate::session) async fn end_overdue(
        &self,
        id: &str,
        bounds: impl Fn(&Facts) -> Bounds,
        now: Moment,
    ) -> Result<End, StoreError> {
        self.end_if(id, |facts, uses| {
            match bounds(facts).step(&uses.times(), now) {
                Step::End(cause) => Some(cause),
                Step::Refresh | Step::Wait(_) => None,
            }
        })
        .await
    }

    async fn end_if(
        &self,
        id: &str,
        why: impl Fn(&Facts, &Uses) -> Option<EndCause>,
    ) -> Result<End, StoreError> {
        let (session, times) = (keys::session(id), keys::times(id));
        for _ in 0..ROUNDS {
            let [value, used] = self.read([&session, &times]).await?;
            let (Some(value), Some(used)) = (value, used) else {
                return Ok(End::Before);
            };
            let kept = Kept::open(&self.seal, &session, &value)?;
            let uses: Uses = codec::opened(&self.seal, &times, &used)?;
            let Some(cause) = why(&kept.facts, &uses) else {
                return Ok(End::NotYet(uses));
            };
            let mut batch = Batch::default()
                .expect(Expect::Is(session.clone(), value))
                .expect(Expect::Is(times.clone(), used));
            batch = gone(batch, &kept).tell(format!("e {id} {}", cause.name()));
            let sharer = self.sharers(&kept).await?;
            let sharer = sharer.into_iter().find(|(key, ..)| *key != session);
            let due = match sharer {
                // Still there when this is applied: of two that end at once, one finds itself the last.
                Some((key, value, _)) => {
                    batch = batch.expect(Expect::Is(key, value));
                    None
                }
                None => {
                    let due = Due {
                        id: random::text::<16>(),
                        credentials: Arc::clone(&kept.credentials),
                    };
                    batch = self.owed_for(batch, &due.id, &due.credentials, cause);
                    Some(due)
                }
            };
            if self.applied(&batch).await? {
                return Ok(End::Ended(cause, due));
            }
        }
        Err(codec::Unreadable::Busy.into())
    }

    /// Puts a tombstone down over an older one. With an ending, what it buries is owed its end from then on, should this process not
    /// live to see to it.
    pub(in crate::session) async fn bury(
        &self,
        grave: &Grave,
        tombstone: &Tombstone,
        ending: Option<&Ending>,
    ) -> Result<(), StoreError> {
        let key = keys::grave(grave);
        let now = Moment::of(self.clock.now());
        for _ in 0..ROUNDS {
            let [older] = self.read([&key]).await?;
            let merged = match &older {
                Some(older) => tombstone.clone().and(&codec::read(&older.0)?),
                None => tombstone.clone(),
            };
            let life = merged.kept_until().since(now);
            let mut batch = Batch::default().unchanged(&key, older.as_ref()).put_for(
                &key,
                codec::plain(&merged),
                Some(life),
            );
            if let Some(ending) = ending {
                let debt = Debt::ending(&ending.whom, ending.cause, now);
                batch = self.owed(batch, &ending.id, &debt);
            }
            if self.applied(&batch).await? {
                return Ok(());
            }
        }
        Err(codec::Unreadable::Busy.into())
    }

    /// Does the tombstone on a grave refuse this token?
    pub(in crate::session) async fn refuses(
        &self,
        grave: &Grave,
        token: &Token<TokenFingerprint>,
    ) -> Result<bool, StoreError> {
        let [tombstone] = self.read([&keys::grave(grave)]).await?;
        let Some(tombstone) = tombstone else {
            return Ok(false);
        };
        let tombstone: Tombstone = codec::read(&tombstone.0)?;
        Ok(tombstone.refuses(token))
    }

    /// Takes the right to begin a session from whoever has it: what is minted just now is logged out.
    pub(in crate::session) async fn forestall(
        &self,
        host_session: &HostSession,
    ) -> Result<(), StoreError> {
        let lease = keys::exchange_lease(host_session);
        let batch = Batch::default().remove(&lease).tell(free(&lease));
        self.applied(&batch).await.map(drop)
    }

    /// The live sessions whose token this session's is, itself included.
    pub(super) async fn sharers(&self, kept: &Kept) -> Result<Vec<(Key, Value, Kept)>, StoreError> {
        let ids = match self.scope {
            Scope::Session => vec![kept.facts.id.to_string()],
            Scope::Principal => self.of_principal(&kept.facts.principal).await?,
        };
        let mut sharers = self.kept(&ids).await?;
        sharers.retain(|(_, _, other)| other.credentials.is_same(&kept.credentials));
        Ok(sharers)
    }
}

/// Takes a session out of wherever it is found.
fn gone(batch: Batch, kept: &Kept) -> Batch {
    let facts = &kept.facts;
    let batch = batch
        .remove(&keys::session(&facts.id))
        .remove(&keys::times(&facts.id))
        .remove(&keys::host(&facts.host_session))
        .remove(&keys::stand_in(&kept.stand_in))
        .leave(keys::all(), &facts.id)
        .leave(keys::due(), &facts.id)
        .leave(keys::of_principal(&facts.principal), &facts.id);
    match &facts.claim {
        Some(claim) => batch.leave(keys::of_claim(claim), &facts.id),
        None => batch,
    }
}

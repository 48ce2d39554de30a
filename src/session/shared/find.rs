//! Finding sessions in the store, by id, by stand-in and by what several of them share.

use std::collections::HashMap;
use std::sync::Arc;

use crate::jwt::{ClaimKey, PrincipalKey};
use crate::rocketchat::Credentials;
use crate::session::facts::{Facts, Uses};
use crate::session::grave::{Grave, Tombstones};
use crate::session::handle::StandInHash;
use crate::session::shared::claim::text;
use crate::session::shared::codec::{self, Kept};
use crate::session::shared::{Shared, keys};
use crate::session::store::{Entry, Index, Key, Range, StoreError, Value};

/// Sessions of one principal or claim that are looked at, at most: many times what `max_per_principal` lets live.
const MOST: usize = 2000;

/// A live session as it was found.
#[derive(Debug)]
pub(in crate::session) struct Found {
    pub(in crate::session) kept: Kept,
    pub(in crate::session) uses: Uses,
    /// The tombstones that its JWTs may lie under.
    pub(in crate::session) tombstones: Tombstones,
    /// [`Shared::gaps`] before it was looked for.
    pub(in crate::session) gaps: u64,
}

impl Shared {
    /// A live session.
    pub(in crate::session) async fn find(&self, id: &str) -> Result<Option<Found>, StoreError> {
        let gaps = self.gaps();
        let (session, times) = (keys::session(id), keys::times(id));
        let [kept, uses] = self.read([&session, &times]).await?;
        let (Some(kept), Some(uses)) = (kept, uses) else {
            return Ok(None);
        };
        let kept = Kept::open(&self.seal, &session, &kept)?;
        Ok(Some(Found {
            tombstones: self.tombstones(&kept.facts).await?,
            uses: codec::opened(&self.seal, &times, &uses)?,
            kept,
            gaps,
        }))
    }

    async fn tombstones(&self, facts: &Facts) -> Result<Tombstones, StoreError> {
        let mut graves = vec![
            keys::grave(&Grave::from(&facts.host_session)),
            keys::grave(&Grave::from(&facts.principal)),
        ];
        graves.extend(facts.claim.iter().map(|claim| keys::grave(&claim.into())));
        let values = self.store.read(&graves).await?;
        values
            .into_iter()
            .flatten()
            .map(|value| Ok(Arc::new(codec::read(&value.0)?)))
            .collect()
    }

    /// The live session that a stand-in names.
    pub(in crate::session) async fn find_by_stand_in(
        &self,
        hash: &StandInHash,
    ) -> Result<Option<Found>, StoreError> {
        // What names nothing now never will: a stand-in is known to the store before it is to anybody.
        if self.unknown.get(hash).is_some() {
            return Ok(None);
        }
        let [id] = self.read([&keys::stand_in(hash)]).await?;
        let found = match id {
            Some(id) => self.find(&text(&id)?).await?,
            None => None,
        };
        if found.is_none() {
            self.unknown.insert(*hash, ());
        }
        Ok(found)
    }

    /// The live session of a host session.
    pub(in crate::session) async fn id_of(
        &self,
        host_session: &crate::jwt::HostSession,
    ) -> Result<Option<String>, StoreError> {
        let [id] = self.read([&keys::host(host_session)]).await?;
        id.map(|id| text(&id)).transpose()
    }

    /// The ids of a principal's sessions, the least recently used first, as far as the store knows.
    pub(in crate::session) async fn of_principal(
        &self,
        principal: &PrincipalKey,
    ) -> Result<Vec<String>, StoreError> {
        self.members(keys::of_principal(principal)).await
    }

    /// The ids of the sessions with a session claim.
    pub(in crate::session) async fn of_claim(
        &self,
        claim: &ClaimKey,
    ) -> Result<Vec<String>, StoreError> {
        self.members(keys::of_claim(claim)).await
    }

    /// Those of these sessions that are live, with the values they were read from.
    pub(super) async fn kept(&self, ids: &[String]) -> Result<Vec<(Key, Value, Kept)>, StoreError> {
        let keys: Vec<Key> = ids.iter().map(|id| keys::session(id)).collect();
        let values = self.store.read(&keys).await?;
        let mut kept = Vec::with_capacity(keys.len());
        for (key, value) in keys.into_iter().zip(values) {
            if let Some(value) = value {
                let session = Kept::open(&self.seal, &key, &value)?;
                kept.push((key, value, session));
            }
        }
        Ok(kept)
    }

    /// The credentials of those of these sessions that are live.
    pub(in crate::session) async fn credentials_of(
        &self,
        ids: &[String],
    ) -> Result<HashMap<Arc<str>, Arc<Credentials>>, StoreError> {
        let kept = self.kept(ids).await?;
        Ok(kept
            .into_iter()
            .map(|(_, _, kept)| (kept.facts.id, kept.credentials))
            .collect())
    }

    /// Some sessions behind a place in the order in which they began, the youngest first. Those whose entries are read and that end
    /// meanwhile are left out; `None` when there are no more entries.
    pub(in crate::session) async fn page(
        &self,
        after: Option<Entry>,
        limit: usize,
    ) -> Result<Vec<(Entry, Option<(Kept, Uses)>)>, StoreError> {
        let entries = self
            .store
            .range(&Range {
                index: keys::all(),
                after,
                up_to: u64::MAX,
                limit,
            })
            .await?;
        let ids: Vec<String> = entries.iter().map(|entry| entry.member.clone()).collect();
        let mut live = self.live(&ids).await?;
        Ok(entries
            .into_iter()
            .map(|entry| {
                let session = live.remove(entry.member.as_str());
                (entry, session)
            })
            .collect())
    }

    /// Those of these sessions that are live, with their uses.
    pub(in crate::session) async fn live(
        &self,
        ids: &[String],
    ) -> Result<HashMap<Arc<str>, (Kept, Uses)>, StoreError> {
        let kept = self.kept(ids).await?;
        let times: Vec<Key> = kept
            .iter()
            .map(|(_, _, kept)| keys::times(&kept.facts.id))
            .collect();
        let values = self.store.read(&times).await?;
        let mut live = HashMap::new();
        for (((_, _, kept), key), value) in kept.into_iter().zip(&times).zip(values) {
            if let Some(value) = value {
                let uses = codec::opened(&self.seal, key, &value)?;
                live.insert(Arc::clone(&kept.facts.id), (kept, uses));
            }
        }
        Ok(live)
    }

    async fn members(&self, index: Index) -> Result<Vec<String>, StoreError> {
        let range = Range {
            index,
            after: None,
            up_to: u64::MAX,
            limit: MOST,
        };
        let entries = self.store.range(&range).await?;
        Ok(entries.into_iter().map(|entry| entry.member).collect())
    }
}

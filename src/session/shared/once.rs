//! What counts once among all processes: tickets, and the ids of logout tokens.

use std::time::Duration;

use crate::session::handle::StandInHash;
use crate::session::shared::claim::text;
use crate::session::shared::{Shared, codec, keys};
use crate::session::store::{Batch, Expect, StoreError, Value};

impl Shared {
    /// Keeps a ticket that opens this session.
    pub(in crate::session) async fn put_ticket(
        &self,
        hash: &StandInHash,
        id: &str,
        life: Duration,
    ) -> Result<(), StoreError> {
        let batch = Batch::default().put_for(&keys::ticket(hash), codec::id(id), Some(life));
        self.applied(&batch).await.map(drop)
    }

    /// The id of the session that a ticket opens, to the first of all who ask.
    pub(in crate::session) async fn take_ticket(
        &self,
        hash: &StandInHash,
    ) -> Result<Option<String>, StoreError> {
        let key = keys::ticket(hash);
        let [value] = self.read([&key]).await?;
        let Some(value) = value else {
            return Ok(None);
        };
        let batch = Batch::default()
            .expect(Expect::Is(key.clone(), value.clone()))
            .remove(&key);
        match self.applied(&batch).await? {
            true => text(&value).map(Some),
            false => Ok(None),
        }
    }

    /// Was this id seen?
    pub(in crate::session) async fn seen(&self, id: &[u8]) -> Result<bool, StoreError> {
        let [seen] = self.read([&keys::seen(id)]).await?;
        Ok(seen.is_some())
    }

    /// Is this id seen for the first time within `life`?
    pub(in crate::session) async fn first_seen(
        &self,
        id: &[u8],
        life: Duration,
    ) -> Result<bool, StoreError> {
        let key = keys::seen(id);
        let batch = Batch::default()
            .expect(Expect::Absent(key.clone()))
            .put_for(&key, Value(Vec::new()), Some(life));
        self.applied(&batch).await
    }
}

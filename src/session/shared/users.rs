//! Which Rocket.Chat user a principal got, so that no claim that changed renames anybody after a restart or at another replica, and which
//! principal acts as a user.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::jwt::PrincipalKey;
use crate::session::shared::{Shared, codec, keys};
use crate::session::store::{Batch, StoreError};

/// How long it is remembered after a principal's latest exchange.
const REMEMBERED: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Shared {
    /// What is remembered of a principal's user.
    pub(in crate::session) async fn user<T: DeserializeOwned>(
        &self,
        principal: &PrincipalKey,
    ) -> Result<Option<T>, StoreError> {
        let key = keys::user(principal);
        let [value] = self.read([&key]).await?;
        let value = value.map(|value| codec::opened(&self.seal, &key, &value));
        Ok(value.transpose()?)
    }

    /// The principal that acts as a user.
    pub(in crate::session) async fn owner(
        &self,
        user_id: &str,
    ) -> Result<Option<PrincipalKey>, StoreError> {
        let [value] = self.read([&keys::owner(user_id)]).await?;
        let principal = value.map(|value| codec::read(&value.0));
        Ok(principal.transpose()?)
    }

    /// Remembers both. `false`: another principal acts as the user by now.
    pub(in crate::session) async fn remember<T: Serialize>(
        &self,
        principal: &PrincipalKey,
        user_id: &str,
        user: &T,
    ) -> Result<bool, StoreError> {
        let owner = keys::owner(user_id);
        let mine = codec::plain(principal);
        let [before] = self.read([&owner]).await?;
        if before.as_ref().is_some_and(|before| *before != mine) {
            return Ok(false);
        }
        let batch = Batch::default().unchanged(&owner, before.as_ref());
        self.applied(&self.acting(batch, principal, user_id, user))
            .await
    }

    /// Enters which principal acts as which user.
    pub(in crate::session) fn acting<T: Serialize>(
        &self,
        batch: Batch,
        principal: &PrincipalKey,
        user_id: &str,
        user: &T,
    ) -> Batch {
        let key = keys::user(principal);
        let user = codec::sealed(&self.seal, &key, user);
        batch
            .put_for(
                &keys::owner(user_id),
                codec::plain(principal),
                Some(REMEMBERED),
            )
            .put_for(&key, user, Some(REMEMBERED))
    }

    /// Forgets a user that is gone.
    pub(in crate::session) async fn forget_user(
        &self,
        principal: &PrincipalKey,
        user_id: &str,
    ) -> Result<(), StoreError> {
        let batch = Batch::default()
            .remove(&keys::user(principal))
            .remove(&keys::owner(user_id));
        self.applied(&batch).await.map(drop)
    }
}

//! What `gantry doctor` asks of Rocket.Chat: its version, who the service account is there, and what its roles permit.

use std::collections::BTreeSet;

use crate::config::rocketchat::Regime;
use crate::rocketchat::mint::{NO_SECRET, mend};
use crate::rocketchat::operation::Operation;
use crate::rocketchat::transport::Request;
use crate::rocketchat::version::regime_of;
use crate::rocketchat::{ApiError, RocketChat, wire};

/// What Rocket.Chat says of itself.
#[derive(Clone, Debug)]
pub struct Release {
    /// Major and minor at least, as reported.
    pub version: String,
    /// How it mints; `None` when the version cannot be read.
    pub regime: Option<Regime>,
}

/// The service account as it sees itself.
#[derive(Clone, Debug)]
pub struct Account {
    /// `_id`.
    pub id: String,
    /// Its roles.
    pub roles: Vec<String>,
}

impl RocketChat {
    /// Asks `/api/info`, which tells everybody.
    ///
    /// # Errors
    /// [`ApiError`] when the answer is none of a Rocket.Chat.
    pub async fn release(&self) -> Result<Release, ApiError> {
        let request = Request::new(Operation::Info);
        let answer = self.0.caller.transport.call(&request).await?;
        let info: wire::Info = answer.good()?;
        let version = info.version().ok_or(ApiError::Invalid)?.to_owned();
        Ok(Release {
            regime: regime_of(&version),
            version,
        })
    }

    /// Who the service account is, which also tells whether it is taken.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn own_account(&self) -> Result<Account, ApiError> {
        let answer = self.0.caller.call(Request::new(Operation::Me)).await?;
        let me: wire::Me = answer.good()?;
        Ok(Account {
            id: me.id,
            roles: me.roles,
        })
    }

    /// The permissions that these roles hold (RC §11).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn permissions_of(&self, roles: &[String]) -> Result<BTreeSet<String>, ApiError> {
        let request = Request::new(Operation::Permissions);
        let answer = self.0.caller.call(request).await?;
        let all: wire::Permissions = answer.good()?;
        let held = all
            .update
            .into_iter()
            .filter(|permission| permission.roles.iter().any(|role| roles.contains(role)));
        Ok(held.map(|permission| permission.id).collect())
    }

    /// Why the service account was refused last, if it was.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        self.0.caller.account.complaint()
    }

    /// What to do when this regime refuses to mint.
    #[must_use]
    pub fn minting_mend(&self, regime: Regime) -> &'static str {
        if self.0.minter.lacks_secret(regime) {
            return NO_SECRET;
        }
        mend(regime)
    }
}

//! What `gantry doctor` asks of Rocket.Chat: its version, who the service account is there, what its roles permit, how it is set up,
//! and whether minting works. A token that is minted here is logged out here, whoever still waits for the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::rocketchat::Regime;
use crate::random;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::transport::Request;
use crate::rocketchat::version::regime_of;
use crate::rocketchat::{ApiError, RocketChat, User, wire};

/// How often the logout of a probe token is tried, one second apart: more than a lost answer or a full window costs.
const LOGOUTS: u32 = 5;

/// What Rocket.Chat says of itself.
#[derive(Clone, Debug)]
pub struct Release {
    /// Major and minor at least, as reported.
    pub version: String,
    /// How it mints; `None` when the version cannot be read.
    pub regime: Option<Regime>,
}

impl Release {
    /// The major version, when it can be read.
    #[must_use]
    pub fn major(&self) -> Option<u32> {
        self.version.split('.').next()?.parse().ok()
    }
}

/// The service account as it sees itself.
#[derive(Clone, Debug)]
pub struct Account {
    /// `_id`.
    pub id: String,
    /// Its roles.
    pub roles: Vec<String>,
}

/// What came of a minting that was only tried.
#[derive(Debug)]
pub enum Trial {
    /// A token was minted and logged out.
    Passed,
    /// None was minted.
    Refused(ApiError),
    /// A token was minted, and could not be logged out.
    LeftBehind(ApiError),
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

    /// The values of these settings, fewer than fifty; those that Rocket.Chat does not show are not among them (RC §3.5).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn settings(
        &self,
        ids: &[&str],
        release: &Release,
    ) -> Result<BTreeMap<String, Value>, ApiError> {
        let request = Request::new(Operation::Settings);
        let (list, query) = (ids.join(","), json!({ "_id": { "$in": ids } }).to_string());
        // 7.0 and later take `_id`; 6.x ignores it and gives a page of other settings.
        let request = match release.major() {
            Some(..7) => request.query("query", &query),
            _ => request.query("_id", &list),
        };
        let shown: wire::Settings = self.0.caller.call(request).await?.good()?;
        let wanted = shown
            .settings
            .into_iter()
            .filter(|setting| ids.contains(&setting.id.as_str()));
        Ok(wanted.map(|setting| (setting.id, setting.value)).collect())
    }

    /// Does Rocket.Chat tell clients apart by the one address that we forward (RC §5.3)? Told by its limiter, which counts two strangers
    /// apart or together; `None` when it counts nobody.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn tells_clients_apart(&self) -> Result<Option<bool>, ApiError> {
        let [first, second] = strangers();
        let left = async |client| {
            let request = Request::new(Operation::Settings)
                .query("_id", "Site_Url")
                .forwarded_for(client);
            let answer = self.0.caller.transport.call(&request).await?;
            Ok::<_, ApiError>(answer.quota().remaining())
        };
        let (first, second) = (left(first).await?, left(second).await?);
        Ok(first.zip(second).map(|(first, second)| first == second))
    }

    /// Mints an auth token for a user that was found active just before, and logs it out. Goes on when its caller does not; see
    /// [`RocketChat::settled`].
    pub async fn try_minting(&self, user: &User) -> Trial {
        let (chat, user) = (self.clone(), user.clone());
        let tasks = self.0.caller.transport.tasks();
        let trial = tasks.spawn(async move { chat.mint_and_revoke(&user).await });
        trial.await.unwrap_or(Trial::Refused(ApiError::Invalid))
    }

    async fn mint_and_revoke(&self, user: &User) -> Trial {
        let credentials = match self.mint(user).await {
            Ok(credentials) => credentials,
            Err(error) => return Trial::Refused(error),
        };
        let mut gone = self.revoke(&credentials).await;
        // A lost answer is asked for again: a token that is gone is answered as gone.
        for _attempt in 1..LOGOUTS {
            if gone.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            gone = self.revoke(&credentials).await;
        }
        gone.map_or_else(Trial::LeftBehind, |()| Trial::Passed)
    }

    /// Waits until no token is under way that nobody would log out: those that come late are logged out first. False when it
    /// takes longer than `patience`.
    pub async fn settled(&self, patience: Duration) -> bool {
        let tasks = self.0.caller.transport.tasks();
        tasks.close();
        tokio::time::timeout(patience, tasks.wait()).await.is_ok()
    }

    /// Why the service account was refused last, if it was.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        self.0.caller.account.load().complaint()
    }

    /// What to do about the minting that was refused last, if one was.
    #[must_use]
    pub fn minting_mend(&self) -> Option<&'static str> {
        self.0.notices.mend(Operation::CreateToken)
    }
}

/// Two addresses that no client has (RFC 2544) and that nobody showed before, so that no window of theirs is open yet.
fn strangers() -> [IpAddr; 2] {
    let [first, second, third, fourth, ..] = random::bits().to_ne_bytes();
    [
        Ipv4Addr::new(198, 18, first, second).into(),
        Ipv4Addr::new(198, 19, third, fourth).into(),
    ]
}

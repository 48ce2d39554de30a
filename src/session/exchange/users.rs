//! The Rocket.Chat user of a principal: remembered, found or created, and fit to be acted as.
//!
//! Nobody is impersonated who holds a protected role, is no person, is deactivated, or belongs to another principal; a user that
//! was there before is only taken over when Rocket.Chat showed its roles and type (RC §4.6). Creation obeys RC §4.4: after any
//! refusal the user is read again, because refusals do not tell races from faults.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use serde::{Deserialize, Serialize};

use crate::config;
use crate::jwt::{Principal, PrincipalKey};
use crate::recent::Recent;
use crate::rocketchat::error::RefusedData;
use crate::rocketchat::{ApiError, NewUser, RocketChat, User};
use crate::session::error::{ExchangeError, Reason};
use crate::session::profile;
use crate::session::shared::Shared;
use crate::telemetry::metrics::Metrics;

/// Principals whose user is remembered, the least recently exchanged forgotten first. One costs about 300 bytes.
const REMEMBERED: usize = 50_000;

/// Before the second try of a creation: both sides of a race have rolled back by then (RC §4.4).
const CREATE_AGAIN_AFTER: Duration = Duration::from_millis(300);

/// Finds and makes users.
pub(in crate::session) struct Users {
    rules: ArcSwap<config::users::Users>,
    rocketchat: RocketChat,
    metrics: Metrics,
    remembered: Recent<PrincipalKey, Arc<Remembered>>,
    /// User id to the principal that acts as it.
    owners: Recent<String, PrincipalKey>,
    shared: Option<Arc<Shared>>,
}

/// The user a principal got before; a changed claim renames nobody.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::session) struct Remembered {
    user_id: String,
    username: String,
    origin: Origin,
}

/// How a user came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Origin {
    /// Gantry created it.
    Created,
    /// It was there before.
    Adopted,
}

/// Whom to look for.
#[derive(Clone, Debug)]
pub(in crate::session) enum Target {
    Remembered(Arc<Remembered>),
    Named(String),
}

impl Target {
    /// The username; creation and adoption take turns on it.
    pub(in crate::session) fn username(&self) -> &str {
        match self {
            Self::Remembered(remembered) => &remembered.username,
            Self::Named(username) => username,
        }
    }
}

impl Users {
    pub(in crate::session) fn new(
        rules: config::users::Users,
        rocketchat: RocketChat,
        metrics: Metrics,
        shared: Option<Arc<Shared>>,
    ) -> Self {
        Self {
            shared,
            rules: ArcSwap::from_pointee(rules),
            rocketchat,
            metrics,
            remembered: Recent::new(REMEMBERED),
            owners: Recent::new(REMEMBERED),
        }
    }

    /// Goes by these from now on. Whoever is remembered stays who they are.
    pub(in crate::session) fn take_rules(&self, rules: config::users::Users) {
        self.rules.store(Arc::new(rules));
    }

    fn rules(&self) -> Guard<Arc<config::users::Users>> {
        self.rules.load()
    }

    /// Whom this principal acts as, before Rocket.Chat is asked.
    pub(in crate::session) async fn target(
        &self,
        principal: &Principal,
    ) -> Result<Target, ExchangeError> {
        if let Some(remembered) = self.remembered.get(&principal.key) {
            return Ok(Target::Remembered(remembered));
        }
        if let Some(shared) = &self.shared
            && let Some(remembered) = shared.user::<Remembered>(&principal.key).await?
        {
            return Ok(Target::Remembered(Arc::new(remembered)));
        }
        Ok(Target::Named(profile::username(&self.rules(), principal)?))
    }

    /// The principal's user, fit to be acted as. The caller holds the turns on the principal and on the username.
    pub(in crate::session) async fn settle(
        &self,
        principal: &Principal,
        target: &Target,
    ) -> Result<User, ExchangeError> {
        let (user, origin) = match target {
            Target::Remembered(remembered) => self.remembered(principal, remembered).await?,
            Target::Named(username) => self.named(principal, username).await?,
        };
        self.check_owner(principal, &user, origin).await?;
        self.check(&user, origin)?;
        let remembered = Remembered {
            user_id: user.id.clone(),
            username: user.username.clone(),
            origin,
        };
        if let Some(shared) = &self.shared
            && !shared
                .remember(&principal.key, &user.id, &remembered)
                .await?
        {
            return Err(Reason::OfAnotherPrincipal.into());
        }
        self.owners.insert(user.id.clone(), principal.key);
        self.remembered.insert(principal.key, Arc::new(remembered));
        Ok(user)
    }

    /// Is a user that is acted as already still fit? Gone counts as deactivated.
    pub(in crate::session) async fn look_again(
        &self,
        user_id: &str,
    ) -> Result<User, ExchangeError> {
        let user = self.rocketchat.user_by_id(user_id).await?;
        let user = user.ok_or(ExchangeError::NotPermitted(Reason::Deactivated))?;
        // Its roles were looked at when the session began: hidden since, they are no reason to end it.
        self.check(&user, Origin::Created)?;
        Ok(user)
    }

    /// Brings the user in step with the claims, if it is not. A refusal is for the log only.
    pub(in crate::session) async fn follow(&self, principal: &Principal, user: &User) {
        if !self.rules().sync_profile {
            return;
        }
        let changes = profile::changes(&self.rules(), &principal.profile, user);
        if changes.is_empty() {
            return;
        }
        let email = changes.email.as_ref();
        let updated = self
            .rocketchat
            .update_user(
                &user.id,
                changes.name.as_deref(),
                email.map(|(email, verified)| (email.as_str(), *verified)),
                changes.roles.as_deref(),
            )
            .await;
        if let Err(error) = updated {
            tracing::warn!(
                rocketchat.user_id = %user.id,
                error.kind = error.kind(),
                "a user's profile cannot be brought in step with the claims: the service account needs edit-other-user-info \
                 and a personal access token with bypassTwoFactor, or set users.sync_profile to false"
            );
        }
    }

    async fn remembered(
        &self,
        principal: &Principal,
        remembered: &Remembered,
    ) -> Result<(User, Origin), ExchangeError> {
        if let Some(user) = self.rocketchat.user_by_id(&remembered.user_id).await? {
            return Ok((user, remembered.origin));
        }
        // Deleted at Rocket.Chat: whoever has the name now is somebody else.
        self.remembered.take(&principal.key);
        self.owners.take(&remembered.user_id);
        if let Some(shared) = &self.shared {
            shared
                .forget_user(&principal.key, &remembered.user_id)
                .await?;
        }
        self.named(principal, &remembered.username).await
    }

    async fn named(
        &self,
        principal: &Principal,
        username: &str,
    ) -> Result<(User, Origin), ExchangeError> {
        match self.rocketchat.user_by_name(username).await? {
            Some(user) => Ok((user, Origin::Adopted)),
            None if !self.rules().provision => Err(Reason::Unknown.into()),
            None => self.create(principal, username).await,
        }
    }

    /// A user belongs to the principal that acted as it first, for as long as that is remembered.
    async fn check_owner(
        &self,
        principal: &Principal,
        user: &User,
        origin: Origin,
    ) -> Result<(), ExchangeError> {
        let owner = match (self.owners.get(&user.id), &self.shared) {
            (None, Some(shared)) => shared.owner(&user.id).await?,
            (owner, _) => owner,
        };
        match owner {
            Some(owner) if owner != principal.key => Err(Reason::OfAnotherPrincipal.into()),
            Some(_) => Ok(()),
            None if origin == Origin::Adopted && !self.rules().adopt_existing => {
                Err(Reason::AdoptionOff.into())
            }
            None => Ok(()),
        }
    }

    async fn create(
        &self,
        principal: &Principal,
        username: &str,
    ) -> Result<(User, Origin), ExchangeError> {
        let birth = profile::birth(&self.rules(), &principal.profile, username)?;
        let new = NewUser {
            username,
            name: &birth.name,
            email: &birth.email,
            email_verified: birth.email_verified,
            roles: &birth.roles,
            join_default_channels: self.rules().join_default_channels,
        };
        let mut again = true;
        loop {
            let refused = match self.rocketchat.create_user(&new).await {
                Ok(created) => {
                    self.metrics.user_provisioned("ok");
                    return self.read_created(&created).await;
                }
                Err(error) => error,
            };
            self.metrics.user_provisioned(refused.kind());
            if let Some(found) = self.after_refusal(username, &refused).await? {
                return Ok(found);
            }
            if !again || !worth_a_second_try(&refused) {
                return Err(refused.into());
            }
            again = false;
            tokio::time::sleep(CREATE_AGAIN_AFTER).await;
        }
    }

    /// The answer to a creation is only good for the id (RC §4.1): the rest is read.
    async fn read_created(&self, created: &User) -> Result<(User, Origin), ExchangeError> {
        let user = self.rocketchat.user_by_id(&created.id).await?;
        let user = user.ok_or_else(|| ExchangeError::from(ApiError::Invalid))?;
        Ok((user, Origin::Created))
    }

    /// The user may be there all the same: somebody else was faster, or only the answer was lost.
    async fn after_refusal(
        &self,
        username: &str,
        refused: &ApiError,
    ) -> Result<Option<(User, Origin)>, ExchangeError> {
        let origin = match refused {
            ApiError::Refused(_) => Origin::Adopted,
            // The name was free a moment ago and we asked for it: a user of that name is the one we asked for.
            ApiError::Unreachable(_)
            | ApiError::Timeout
            | ApiError::Invalid
            | ApiError::Failed(_) => Origin::Created,
            ApiError::RateLimited(_)
            | ApiError::ServiceAccountRefused
            | ApiError::NotPermitted(_)
            | ApiError::PasswordRefused
            | ApiError::SecondFactorRequired => return Ok(None),
        };
        match self.rocketchat.user_by_name(username).await {
            Ok(user) => Ok(user.map(|user| (user, origin))),
            // The first failure tells more than that the second call failed as well.
            Err(_) if origin == Origin::Created => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn check(&self, user: &User, origin: Origin) -> Result<(), Reason> {
        match user.user_type.as_deref() {
            Some("user") => {}
            Some(_) => return Err(Reason::NotAPerson),
            None if origin == Origin::Created => {}
            None => return Err(Reason::RolesNotShown),
        }
        match &user.roles {
            Some(roles) if roles.iter().any(|role| self.protects(role)) => {
                return Err(Reason::ProtectedRole);
            }
            Some(_) => {}
            None if origin == Origin::Created => {}
            None => return Err(Reason::RolesNotShown),
        }
        if !user.active {
            return Err(Reason::Deactivated);
        }
        Ok(())
    }

    fn protects(&self, role: &String) -> bool {
        self.rules().protected_roles.contains(role)
    }
}

/// A race may end otherwise the second time; a name, an address or a seat that is refused stays refused.
fn worth_a_second_try(refused: &ApiError) -> bool {
    match refused.refusal().map(|refusal| refusal.about()) {
        Some(RefusedData::UsernameTaken | RefusedData::Taken | RefusedData::Other) => true,
        Some(
            RefusedData::Username
            | RefusedData::Email
            | RefusedData::EmailTaken
            | RefusedData::Name
            | RefusedData::Seats,
        )
        | None => false,
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Users")
    }
}

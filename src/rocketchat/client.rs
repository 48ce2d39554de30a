//! Domain verbs over Rocket.Chat's REST API: find, create, update, mint, revoke.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config;
use crate::rocketchat::answer::Answer;
use crate::rocketchat::caller::Caller;
use crate::rocketchat::mint::Minter;
use crate::rocketchat::notices::Notices;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::service_account::ServiceAccount;
use crate::rocketchat::transport::{Identity, Request, Transport};
use crate::rocketchat::{
    ApiError, Credentials, NewUser, User, expiration, logout, password, refusal, upkeep, wire,
};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::outgoing::Outgoing;
use crate::telemetry::readiness::Readiness;

/// Rocket.Chat's administration as we need it; cheap to clone.
#[derive(Clone, Debug)]
pub struct RocketChat(pub(in crate::rocketchat) Arc<Inner>);

#[derive(Debug)]
pub(in crate::rocketchat) struct Inner {
    pub(in crate::rocketchat) caller: Caller,
    pub(in crate::rocketchat) minter: Minter,
    pub(in crate::rocketchat) notices: Notices,
    login_expiration_millis: AtomicU64,
}

impl Inner {
    pub(in crate::rocketchat) fn set_login_expiration(&self, life: Duration) {
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        self.login_expiration_millis
            .store(millis, Ordering::Relaxed);
    }
}

impl RocketChat {
    /// Prepares the client and starts its upkeep (reachability, version, `Accounts_LoginExpiration`) in the background, so it
    /// must be called within a runtime; a readiness latch `rocketchat` stays open until Rocket.Chat answered and took the
    /// service account. `http` is the control plane's client: it must not follow redirects, because they would carry the service
    /// account's token away.
    #[must_use]
    pub fn new(
        config: &config::rocketchat::RocketChat,
        http: impl Into<Outgoing>,
        clock: Clock,
        metrics: Metrics,
        readiness: &Readiness,
    ) -> Self {
        let chat = Self::quiet(config, http, clock, metrics);
        upkeep::start(&chat.0, readiness.latch("rocketchat"));
        chat
    }

    /// As [`RocketChat::new`], without upkeep: no call is made but those that are asked for.
    #[must_use]
    pub fn quiet(
        config: &config::rocketchat::RocketChat,
        http: impl Into<Outgoing>,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let account = ServiceAccount::new(&config.service_account);
        let minter = Minter::new(config, &clock);
        let inner = Arc::new(Inner {
            caller: Caller {
                transport: Transport::new(config, http.into(), clock, metrics),
                account: ArcSwap::from_pointee(account),
                unwell: Arc::new(Notify::new()),
            },
            minter,
            notices: Notices::default(),
            login_expiration_millis: AtomicU64::new(0),
        });
        inner.set_login_expiration(expiration::DEFAULT);
        Self(inner)
    }

    /// Calls that begin from now on go by this client, which must be as the one of [`RocketChat::new`].
    pub fn go_by(&self, http: reqwest::Client) {
        self.0.caller.transport.go_by(http);
    }

    /// Finds a user by exact username. A miss does not mean that the name is free: uniqueness ignores case (RC §2.5).
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat gave no sound answer.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<User>, ApiError> {
        let user = self.look_up("username", username).await?;
        // Rocket.Chat looks for ids as well: a user whose id is this name is another user.
        Ok(user.filter(|user| user.username == username))
    }

    /// Finds a user by exact id.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat gave no sound answer.
    pub async fn user_by_id(&self, id: &str) -> Result<Option<User>, ApiError> {
        let user = self.look_up("userId", id).await?;
        Ok(user.filter(|user| user.id == id))
    }

    async fn look_up(&self, key: &'static str, value: &str) -> Result<Option<User>, ApiError> {
        if value.is_empty() {
            return Ok(None);
        }
        let request = Request::new(Operation::UserInfo).query(key, value);
        let answer = self.0.caller.call(request).await?;
        if answer.is_good() {
            let found: wire::UserAnswer = answer.good()?;
            return User::try_from(found.user).map(Some);
        }
        match answer.refused().map(|refused| refused.code) {
            Some(None) => Ok(None),
            Some(Some(code)) if code == "error-invalid-user" => Ok(None),
            Some(Some(_)) | None => Err(self.failure(&answer, Operation::UserInfo)),
        }
    }

    /// Creates a user, once; the caller re-reads after any refusal (RC §4.4).
    ///
    /// # Errors
    /// [`ApiError::Refused`] for the user's data, others for the rest.
    pub async fn create_user(&self, user: &NewUser<'_>) -> Result<User, ApiError> {
        let password = match self.0.minter.passwords() {
            Some(passwords) => passwords.of(user.username),
            None => password::random()?,
        };
        let body = wire::CreateUser::new(user, password.reveal());
        let request = Request::new(Operation::CreateUser).json(&body);
        let answer = self.0.caller.call(request).await?;
        if !answer.is_good() {
            return Err(match self.failure(&answer, Operation::CreateUser) {
                error @ ApiError::NotPermitted(_) => error,
                error => refusal::of_new_user(&answer, user).map_or(error, ApiError::Refused),
            });
        }
        self.0.notices.permitted(Operation::CreateUser);
        let created: wire::UserAnswer = answer.good()?;
        if created.user.active.is_some() {
            return User::try_from(created.user);
        }
        // The answer's projection varies (RC §4.1), and approval may be pending (RC §4.5): only a lookup tells.
        self.user_by_id(&created.user.id)
            .await?
            .ok_or(ApiError::Invalid)
    }

    /// Brings name, e-mail or roles of a user in step (RC §2.9); absent ones stay.
    ///
    /// # Errors
    /// [`ApiError`]; the caller treats a refusal as a warning.
    pub async fn update_user(
        &self,
        id: &str,
        name: Option<&str>,
        email: Option<(&str, bool)>,
        roles: Option<&[String]>,
    ) -> Result<(), ApiError> {
        if name.is_none() && email.is_none() && roles.is_none() {
            return Ok(());
        }
        let request = Request::new(Operation::UpdateUser).json(&wire::UpdateUser {
            user_id: id,
            data: wire::UpdateData {
                name,
                email: email.map(|(address, _)| address),
                verified: email.map(|(_, verified)| verified),
                roles,
            },
        });
        let answer = self.0.caller.call(request).await?;
        if answer.is_good() {
            self.0.notices.permitted(Operation::UpdateUser);
            return answer.good::<serde::de::IgnoredAny>().map(drop);
        }
        Err(match self.failure(&answer, Operation::UpdateUser) {
            error @ ApiError::NotPermitted(_) => error,
            error => refusal::of_update(&answer, name, email.map(|(address, _)| address))
                .map_or(error, ApiError::Refused),
        })
    }

    /// Mints an auth token for a user that was found active just before (RC §3). `mint: password` logs the user in instead.
    /// When the future is dropped, or the answer comes too late, the token is logged out in the background.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn mint(&self, user: &User) -> Result<Credentials, ApiError> {
        let inner = &self.0;
        // Rocket.Chat counts from its own moment, which is later: ours errs on the safe side.
        let minted_at = inner.caller.transport.clock().now();
        let token = inner
            .minter
            .mint(&inner.caller, &inner.notices, user)
            .await?;
        if token.user_id() != user.id {
            tracing::error!(
                "Rocket.Chat minted an auth token for another user than asked for; it is not used"
            );
            return Err(ApiError::Invalid);
        }
        token
            .into_credentials(minted_at, minted_at + self.login_expiration())
            .ok_or(ApiError::Invalid)
    }

    /// Logs one auth token out, as its user (RC §2.4). 200 and 401 both mean it is gone.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat did not say so; the caller owes the logout still.
    pub async fn revoke(&self, credentials: &Credentials) -> Result<(), ApiError> {
        let identity = Identity::of_values(
            credentials.user_id_value().clone(),
            credentials.auth_token_value().clone(),
        );
        logout::log_out(&self.0.caller.transport, identity).await
    }

    /// Removes every other auth token of these credentials' user, so that only this one is left (RC §2.7).
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat did not say so.
    pub async fn remove_other_tokens(&self, credentials: &Credentials) -> Result<(), ApiError> {
        let identity = Identity::of_values(
            credentials.user_id_value().clone(),
            credentials.auth_token_value().clone(),
        );
        logout::remove_others(&self.0.caller.transport, identity).await
    }

    /// Does Rocket.Chat take these credentials now? Any answer but 401 says that it does (RC §1.2). The call is the user's own, so
    /// Rocket.Chat's limiter counts it.
    ///
    /// # Errors
    /// [`ApiError`] when there was no answer to tell by.
    pub async fn accepts(&self, credentials: &Credentials) -> Result<bool, ApiError> {
        let mut request = Request::new(Operation::Probe);
        request.identity(Identity::of_values(
            credentials.user_id_value().clone(),
            credentials.auth_token_value().clone(),
        ));
        let answer = self.0.caller.transport.call(&request).await?;
        Ok(answer.status() != 401)
    }

    /// How long auth tokens live: `Accounts_LoginExpiration` (RC §3.5), 90 days until read.
    #[must_use]
    pub fn login_expiration(&self) -> Duration {
        Duration::from_millis(self.0.login_expiration_millis.load(Ordering::Relaxed))
    }

    /// For the end of the program, after the last call: logs out the service account where its token came from a login.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat did not say that the token is gone; it then lives until it expires.
    pub async fn close(&self) -> Result<(), ApiError> {
        let caller = &self.0.caller;
        caller.account().close(&caller.transport).await
    }

    /// Acts with the account and the create-token secret of this config from now on; the rest of it holds from the start. A login that the
    /// account before had made is given back. Needs a runtime.
    pub fn take_account(&self, config: &config::rocketchat::RocketChat) {
        let caller = &self.0.caller;
        self.0
            .minter
            .take_secret(config.create_token_secret.clone());
        if caller.account().acts_as(&config.service_account) {
            return;
        }
        let account = ServiceAccount::new(&config.service_account);
        let before = caller.account.swap(Arc::new(account));
        let transport = Arc::clone(&caller.transport);
        tokio::spawn(async move {
            if let Err(error) = before.close(&transport).await {
                tracing::warn!(
                    error.kind = error.kind(),
                    "the login of the service account from before could not be given back; its auth token lives until it expires"
                );
            }
        });
        caller.unwell.notify_one();
    }

    /// The error of an answer; tells the operator when it is a permission.
    fn failure(&self, answer: &Answer, operation: Operation) -> ApiError {
        let error = answer.failure(operation);
        if matches!(error, ApiError::NotPermitted(_)) {
            self.0.notices.refused(operation, operation.mend());
        }
        error
    }
}

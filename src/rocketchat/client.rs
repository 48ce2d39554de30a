//! Domain verbs over Rocket.Chat's REST API: find, create, update, mint, revoke.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config;
use crate::rocketchat::{ApiError, Credentials};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

/// Rocket.Chat's administration as we need it; cheap to clone.
#[derive(Clone, Debug)]
pub struct RocketChat(Arc<Inner>);

#[derive(Debug)]
struct Inner {}

/// A Rocket.Chat user as the service account sees it (RC §2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `_id`.
    pub id: String,
    /// `username`.
    pub username: String,
    /// `name`.
    pub name: Option<String>,
    /// `active`.
    pub active: bool,
    /// `type`; `None` when Rocket.Chat did not show it.
    pub user_type: Option<String>,
    /// `roles`; `None` when the service account may not see them, which forbids adoption.
    pub roles: Option<Vec<String>>,
    /// First e-mail address; `None` when not shown or absent.
    pub email: Option<String>,
}

/// What `users.create` needs (RC §4.2). The password is the client's business.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// Already cleaned to Rocket.Chat's pattern.
    pub username: &'a str,
    /// Display name, never empty.
    pub name: &'a str,
    /// E-mail address.
    pub email: &'a str,
    /// Mark the address as verified.
    pub email_verified: bool,
    /// Role ids.
    pub roles: &'a [String],
    /// Join the default channels.
    pub join_default_channels: bool,
}

impl RocketChat {
    /// Prepares the client and starts its upkeep (reachability, version, `Accounts_LoginExpiration`) in the background; a
    /// readiness latch `rocketchat` stays open until Rocket.Chat answered and took the service account. `http` is the control
    /// plane's client.
    #[must_use]
    pub fn new(
        _config: &config::rocketchat::RocketChat,
        _http: reqwest::Client,
        _clock: Clock,
        _metrics: Metrics,
        _readiness: &Readiness,
    ) -> Self {
        Self(Arc::new(Inner {}))
    }

    /// Finds a user by exact username.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat gave no sound answer.
    pub async fn user_by_name(&self, _username: &str) -> Result<Option<User>, ApiError> {
        Err(ApiError::Invalid)
    }

    /// Finds a user by exact id.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat gave no sound answer.
    pub async fn user_by_id(&self, _id: &str) -> Result<Option<User>, ApiError> {
        Err(ApiError::Invalid)
    }

    /// Creates a user, once; the caller re-reads after any refusal (RC §4.4).
    ///
    /// # Errors
    /// [`ApiError::Refused`] for the user's data, others for the rest.
    pub async fn create_user(&self, _user: &NewUser<'_>) -> Result<User, ApiError> {
        Err(ApiError::Invalid)
    }

    /// Brings name, e-mail or roles of a user in step (RC §2.9); absent ones stay.
    ///
    /// # Errors
    /// [`ApiError`]; the caller treats a refusal as a warning.
    pub async fn update_user(
        &self,
        _id: &str,
        _name: Option<&str>,
        _email: Option<(&str, bool)>,
        _roles: Option<&[String]>,
    ) -> Result<(), ApiError> {
        Err(ApiError::Invalid)
    }

    /// Mints an auth token for a user that was found active just before (RC §3). `mint: password` logs the user in instead.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn mint(&self, _user: &User) -> Result<Credentials, ApiError> {
        Err(ApiError::Invalid)
    }

    /// Logs one auth token out, as its user (RC §2.4). 200 and 401 both mean it is gone.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat did not say so; the caller owes the logout still.
    pub async fn revoke(&self, _credentials: &Credentials) -> Result<(), ApiError> {
        Err(ApiError::Invalid)
    }

    /// How long auth tokens live: `Accounts_LoginExpiration` (RC §3.5), 90 days until read.
    #[must_use]
    pub fn login_expiration(&self) -> Duration {
        Duration::from_secs(90 * 24 * 3600)
    }
}

//! Why a principal got no session.
//!
//! The texts are for the operator's log and say what to change; the public answer is poorer and made elsewhere. No error holds
//! a username, an e-mail address or a subject.

use std::sync::Arc;
use std::time::Duration;

use crate::rocketchat::ApiError;
use crate::session::store::StoreError;

/// Why a principal got no session. Cheap to clone: all who waited for one exchange share its error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The JWT is not later than its host session's tombstone, or its session ended while the request ran.
    #[error("host session was logged out")]
    LoggedOut,
    /// The JWT's `exp` and `sessions.grace` have passed: accepted within the leeway, but no session could live on it.
    #[error("jwt is past its expiry and the grace for a newer one")]
    Expired,
    /// The principal may not act.
    #[error("principal is not permitted: {0}")]
    NotPermitted(Reason),
    /// A call to Rocket.Chat failed.
    #[error("exchange failed at rocket.chat")]
    Api(#[source] Arc<ApiError>),
    /// The queue for exchanges is full, the wait was too long, or Gantry is draining.
    #[error("too many exchanges are waiting")]
    Overloaded,
    /// The session store is away or broken: what is known here goes on, nothing new begins.
    #[error("session store cannot be used")]
    Store(#[source] StoreError),
    /// Rocket.Chat asked to slow down for longer than a request may wait.
    #[error("rocket.chat asked to slow down")]
    RateLimited(Duration),
}

impl ExchangeError {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LoggedOut => "logged-out",
            Self::Expired => "expired",
            Self::NotPermitted(reason) => reason.name(),
            Self::Api(error) => error.kind(),
            Self::Overloaded => "overloaded",
            Self::Store(error) => error.kind(),
            Self::RateLimited(_) => "rate-limited",
        }
    }
}

impl From<ApiError> for ExchangeError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::RateLimited(wait) => Self::RateLimited(wait),
            error => Self::Api(Arc::new(error)),
        }
    }
}

impl From<StoreError> for ExchangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Reason> for ExchangeError {
    fn from(reason: Reason) -> Self {
        Self::NotPermitted(reason)
    }
}

/// Why a verified principal may not act; its text says what would change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The username template needs a claim that the JWT lacks.
    #[error("the jwt lacks a claim that users.username needs (see issuers[].claims)")]
    UsernameMissing,
    /// No user of that name, and none may be created.
    #[error("no such user at rocket.chat and users.provision is false")]
    Unknown,
    /// A user must be created, and there is no e-mail address for it.
    #[error("the jwt has no e-mail claim and users.email_domain is empty")]
    EmailMissing,
    /// The e-mail claim is not one address with one `@` (a second one has fooled address checks before: CVE-2026-40574).
    #[error("the e-mail claim is not one plain address")]
    EmailMalformed,
    /// `active` is false at Rocket.Chat: deactivated, or waiting for approval (RC §4.5).
    #[error(
        "the user is deactivated at rocket.chat, or waits for approval there (Accounts_ManuallyApproveNewUsers)"
    )]
    Deactivated,
    /// The user's type is not `user`.
    #[error("the rocket.chat user of this name is a bot, an app or a visitor")]
    NotAPerson,
    /// The user holds one of `users.protected_roles`.
    #[error("the rocket.chat user of this name holds a role of users.protected_roles")]
    ProtectedRole,
    /// Rocket.Chat did not show the roles or the type of a user that was there before (RC §4.6).
    #[error(
        "rocket.chat does not show the roles of the user that was there before: give the service account view-full-other-user-info"
    )]
    RolesNotShown,
    /// There is such a user, and `users.adopt_existing` is false.
    #[error("a rocket.chat user of this name was there before and users.adopt_existing is false")]
    AdoptionOff,
    /// Another principal of this Gantry acts as this user.
    #[error(
        "another principal acts as the rocket.chat user of this name: make users.username tell them apart, by {{subject}} or {{issuer}}"
    )]
    OfAnotherPrincipal,
}

impl Reason {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UsernameMissing => "username-missing",
            Self::Unknown => "user-unknown",
            Self::EmailMissing => "email-missing",
            Self::EmailMalformed => "email-malformed",
            Self::Deactivated => "user-deactivated",
            Self::NotAPerson => "user-not-a-person",
            Self::ProtectedRole => "user-protected",
            Self::RolesNotShown => "user-roles-not-shown",
            Self::AdoptionOff => "user-adoption-off",
            Self::OfAnotherPrincipal => "user-of-another-principal",
        }
    }
}

//! Why a principal got no session.

use std::sync::Arc;
use std::time::Duration;

use crate::rocketchat::ApiError;

/// Why a principal got no session. Cheap to clone: all who waited for one exchange share its error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The JWT is not later than its host session's tombstone.
    #[error("host session was logged out")]
    LoggedOut,
    /// The principal may not act: unknown and not provisioned, protected, deactivated, or another's user. Holds the reason's slug.
    #[error("principal is not permitted ({0})")]
    NotPermitted(&'static str),
    /// A call to Rocket.Chat failed.
    #[error("exchange failed at rocket.chat")]
    Api(#[source] Arc<ApiError>),
    /// The queue for exchanges is full, or the wait was too long.
    #[error("too many exchanges are waiting")]
    Overloaded,
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
            Self::NotPermitted(reason) => reason,
            Self::Api(error) => error.kind(),
            Self::Overloaded => "overloaded",
            Self::RateLimited(_) => "rate-limited",
        }
    }
}

//! What can go wrong with a call of ours to Rocket.Chat, by status and `errorType`, never by text (RC §13.9).

use std::time::Duration;

/// Why a call of ours failed. No variant holds a token or user data.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No connection, or it broke.
    #[error("rocket.chat cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// No answer within `rocketchat.timeouts.call`.
    #[error("rocket.chat did not answer in time")]
    Timeout,
    /// An answer that no Rocket.Chat gives: wrong type, missing fields, an HTML page.
    #[error("rocket.chat gave an answer that cannot be understood")]
    Invalid,
    /// Status 5xx.
    #[error("rocket.chat failed with status {0}")]
    Failed(u16),
    /// 429 (RC §5.2); the time until the window's reset.
    #[error("rocket.chat asked to slow down")]
    RateLimited(Duration),
    /// Our own credential was refused: 401, or a login that failed.
    #[error("rocket.chat refused the service account")]
    ServiceAccountRefused,
    /// A configuration fault: permission missing, `createToken` switched off or its secret wrong (RC §3.3).
    #[error("rocket.chat does not permit the service account to {0}")]
    NotPermitted(&'static str),
    /// `users.create` or another write was refused for this user's data; holds the `errorType`.
    #[error("rocket.chat refused the user's data ({0})")]
    Refused(String),
}

impl ApiError {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Invalid => "invalid",
            Self::Failed(_) => "failed",
            Self::RateLimited(_) => "rate-limited",
            Self::ServiceAccountRefused => "service-account-refused",
            Self::NotPermitted(_) => "not-permitted",
            Self::Refused(_) => "refused",
        }
    }
}

//! Why a request's token was not even looked into.

/// Why a request's token was not even looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// A header that may stand once stood twice.
    #[error("request has a duplicated header that may stand once")]
    Duplicated,
    /// A place holds something that cannot be a token.
    #[error("request presents a token that cannot be read")]
    Malformed,
    /// Two places, or one place twice, with different tokens.
    #[error("request presents two different tokens")]
    TwoTokens,
    /// What stands in place of Rocket.Chat's auth token names no live session. It is never tried at Rocket.Chat, where failures of
    /// one client would lock out all (RC §5.5).
    #[error("request presents a stand-in of no live session")]
    UnknownStandIn,
    /// A cookie on a request that did not prove to come from our own pages.
    #[error("request with a cookie does not come from an allowed origin")]
    ForeignOrigin,
}

impl AuthnError {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Duplicated => "duplicated-header",
            Self::Malformed => "malformed",
            Self::TwoTokens => "two-tokens",
            Self::UnknownStandIn => "unknown-stand-in",
            Self::ForeignOrigin => "foreign-origin",
        }
    }
}

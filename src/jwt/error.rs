//! Why a bearer was not believed: rich for the log, one public problem for all bad tokens.

/// Why a bearer was not believed. No variant holds text from the token.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Not three base64url parts with a JSON header, or larger than any sound token.
    #[error("bearer is not a JWT")]
    Malformed,
    /// No configured issuer has this `iss`.
    #[error("issuer is not configured")]
    UnknownIssuer,
    /// The issuer's keys have never been available.
    #[error("signing keys of the issuer are not available")]
    KeysUnavailable,
}

impl VerifyError {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownIssuer => "unknown-issuer",
            Self::KeysUnavailable => "keys-unavailable",
        }
    }
}

//! Why a bearer was not believed: rich for the log, one public problem for all bad tokens.
//!
//! So it is with logout tokens. No variant holds text from a token, so none can carry user data or an attacker's words into a log.

/// Why a bearer was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not three base64url parts with JSON objects, or larger than any sound token.
    #[error("bearer is not a JWT")]
    Malformed,
    /// No configured issuer has this `iss`.
    #[error("issuer is not configured")]
    UnknownIssuer,
    /// The issuer's keys have never been available, or it publishes none that can be used.
    #[error("signing keys of the issuer are not available")]
    KeysUnavailable,
    /// `alg` is `none` or one that Gantry does not implement.
    #[error("signature algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` is not among the issuer's configured `algorithms`.
    #[error("signature algorithm is not accepted for this issuer")]
    AlgorithmNotAccepted,
    /// The header has `crit` (RFC 7515 §4.1.11): it asks for extensions, and Gantry has none.
    #[error("header demands an extension that is not understood")]
    CriticalExtension,
    /// No key of the issuer fits the `kid` and the algorithm, also after a fresh look at its key set.
    #[error("no key of the issuer fits the token")]
    UnknownKey,
    /// No fitting key of the issuer made this signature.
    #[error("signature is wrong")]
    BadSignature,
    /// `typ` says the token is for something else than a session (RFC 8725 §3.11).
    #[error("token type is not one of a session token")]
    WrongType,
    /// The token is a security event, such as an OpenID Connect logout token, and no session token.
    #[error("token is a security event")]
    SecurityEvent,
    /// A claim that every token needs is absent.
    #[error("claim {claim} is missing")]
    MissingClaim {
        /// The claim, by its role.
        claim: &'static str,
    },
    /// A claim is there with a value of the wrong type, or out of all bounds.
    #[error("claim {claim} has a value of the wrong type")]
    WrongClaimType {
        /// The claim, by its role.
        claim: &'static str,
    },
    /// The token is for somebody else.
    #[error("audience is not accepted")]
    WrongAudience,
    /// `exp` has passed, leeway included.
    #[error("token has expired")]
    Expired,
    /// `nbf` lies ahead, leeway included.
    #[error("token is not valid yet")]
    NotYetValid,
    /// `iat` lies ahead, leeway included: some clock is wrong.
    #[error("token was issued in the future")]
    IssuedInFuture,
    /// `iat` lies further back than the issuer's `max_age`.
    #[error("token is older than max_age")]
    TooOld,
    /// A claim of the issuer's `required_claims` is absent or has another value.
    #[error("a required claim is absent or differs")]
    RequiredClaim,
}

impl VerifyError {
    /// Is it for want of keys, and not the bearer's fault?
    #[must_use]
    pub fn is_unavailable(self) -> bool {
        self == Self::KeysUnavailable
    }

    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownIssuer => "unknown-issuer",
            Self::KeysUnavailable => "keys-unavailable",
            Self::UnsupportedAlgorithm => "unsupported-algorithm",
            Self::AlgorithmNotAccepted => "algorithm-not-accepted",
            Self::CriticalExtension => "critical-extension",
            Self::UnknownKey => "unknown-key",
            Self::BadSignature => "bad-signature",
            Self::WrongType => "wrong-type",
            Self::SecurityEvent => "security-event",
            Self::MissingClaim { .. } => "missing-claim",
            Self::WrongClaimType { .. } => "wrong-claim-type",
            Self::WrongAudience => "wrong-audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::IssuedInFuture => "issued-in-future",
            Self::TooOld => "too-old",
            Self::RequiredClaim => "required-claim",
        }
    }
}

/// Why a logout token was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutError {
    /// It is not believed, as any other token would not be.
    #[error("logout token is not believed")]
    Token(#[from] VerifyError),
    /// Its `events` are there, and logging out over the back channel is not among them.
    #[error("token is a security event other than a logout")]
    OtherEvent,
    /// It has a `nonce`, which keeps ID tokens from passing for logout tokens.
    #[error("token has a nonce, so it is no logout token")]
    Nonce,
    /// It has neither `sub` nor `sid`.
    #[error("logout token names neither a subject nor a session")]
    NamesNobody,
    /// Its `jti` was taken before.
    #[error("logout token was taken before")]
    Replayed,
    /// Its issuer has sent so many that no further `jti` can be remembered for now.
    #[error("issuer has sent more logout tokens in a short time than are remembered")]
    TooMany,
}

impl LogoutError {
    /// May the same token be taken later?
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Token(VerifyError::KeysUnavailable) | Self::TooMany
        )
    }

    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Token(error) => error.kind(),
            Self::OtherEvent => "other-event",
            Self::Nonce => "nonce",
            Self::NamesNobody => "names-nobody",
            Self::Replayed => "replayed",
            Self::TooMany => "too-many",
        }
    }
}

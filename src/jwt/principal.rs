//! Who the issuer says is acting, as a verified JWT said it. Only this layer makes these.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// One verified JWT: its principal and its times. Shared by every request that carries the same token.
#[derive(Debug)]
pub struct Verified {
    /// Who acts.
    pub principal: Principal,
    /// Names this exact token without holding it.
    pub fingerprint: TokenFingerprint,
    /// `iat`, when the token has one.
    pub issued_at: Option<SystemTime>,
    /// `exp`; the leeway is not added.
    pub expires_at: SystemTime,
}

/// Who the issuer says is acting.
#[derive(Debug)]
pub struct Principal {
    /// The exact `iss`.
    pub issuer: Arc<str>,
    /// `sub`.
    pub subject: Arc<str>,
    /// The session claim, when present.
    pub session_claim: Option<Arc<str>>,
    /// Names the host session: issuer, subject and session claim in one digest.
    pub host_session: HostSession,
    /// Names the principal alone, over all its host sessions.
    pub key: PrincipalKey,
    /// Profile data of this token.
    pub profile: Profile,
}

/// Profile data from mapped claims; absent claims are `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The username claim.
    pub username: Option<String>,
    /// The display name claim.
    pub name: Option<String>,
    /// The e-mail claim.
    pub email: Option<String>,
    /// The e-mail-verified claim; false when absent.
    pub email_verified: bool,
    /// Host roles; `None` when no roles claim is configured or the claim is absent.
    pub roles: Option<Vec<String>>,
}

/// Digest of (issuer, subject, session claim): the key of a host session. Unambiguous: each part goes in with its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostSession(pub(in crate::jwt) [u8; 32]);

/// Digest of (issuer, subject).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalKey(pub(in crate::jwt) [u8; 32]);

/// SHA-256 of a token's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenFingerprint(pub(in crate::jwt) [u8; 32]);

impl fmt::Debug for HostSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HostSession")
    }
}

impl fmt::Debug for PrincipalKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrincipalKey")
    }
}

impl fmt::Debug for TokenFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenFingerprint")
    }
}

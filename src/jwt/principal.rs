//! Who the issuer says is acting, as a verified JWT said it. Only this layer makes these.
//!
//! Digests name host sessions, principals and tokens without holding them. Each part goes into a digest with its length and each kind
//! of digest has its own prefix, so no two different inputs make the same bytes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

use crate::jwt::memo::Memo;
use crate::jwt::unverified::Signed;
use crate::jwt::verified_cache::Standing;

/// One verified JWT: its principal and its times. Shared by every request that carries the same token. What each of them looks at comes
/// first, and so lies together.
#[derive(Debug)]
#[repr(C)]
pub struct Verified {
    /// What was found for it.
    pub memo: Memo,
    /// Whether it may be used at a given time.
    pub(in crate::jwt) standing: Standing,
    /// `exp`; the leeway is not added.
    pub expires_at: SystemTime,
    /// `iat`, when the token has one.
    pub issued_at: Option<SystemTime>,
    /// Who acts.
    pub principal: Principal,
    /// Names this exact token without holding it.
    pub fingerprint: TokenFingerprint,
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
    /// Names the session claim alone, whoever is the subject; when present.
    pub claim: Option<ClaimKey>,
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

impl Principal {
    pub(in crate::jwt) fn new(
        issuer: Arc<str>,
        subject: &str,
        session_claim: Option<&str>,
        profile: Profile,
    ) -> Self {
        Self {
            host_session: HostSession::of(&issuer, subject, session_claim),
            key: PrincipalKey::of(&issuer, subject),
            claim: session_claim.map(|claim| ClaimKey::of(&issuer, claim)),
            subject: Arc::from(subject),
            session_claim: session_claim.map(Arc::from),
            issuer,
            profile,
        }
    }
}

/// Digest of (issuer, subject, session claim): the key of a host session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostSession([u8; SHA256_OUTPUT_LEN]);

impl HostSession {
    pub(in crate::jwt) fn of(issuer: &str, subject: &str, session_claim: Option<&str>) -> Self {
        // An absent claim is no part at all, which differs from an empty one.
        let parts = [Some(issuer), Some(subject), session_claim];
        Self(digest_parts(b"gantry host session", &parts))
    }

    pub(in crate::jwt) fn from_kept(digest: [u8; SHA256_OUTPUT_LEN]) -> Self {
        Self(digest)
    }

    /// The digest itself, as a key in stores.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SHA256_OUTPUT_LEN] {
        &self.0
    }
}

/// Digest of (issuer, subject).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrincipalKey([u8; SHA256_OUTPUT_LEN]);

impl PrincipalKey {
    /// Of the exact `iss` and `sub`: how administrators name a principal.
    #[must_use]
    pub fn of(issuer: &str, subject: &str) -> Self {
        Self(digest_parts(
            b"gantry principal",
            &[Some(issuer), Some(subject)],
        ))
    }

    pub(in crate::jwt) fn from_kept(digest: [u8; SHA256_OUTPUT_LEN]) -> Self {
        Self(digest)
    }

    /// The digest itself, as a key in stores.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SHA256_OUTPUT_LEN] {
        &self.0
    }
}

/// Digest of (issuer, session claim): what an issuer names when it says that a session is over and not whose it was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimKey([u8; SHA256_OUTPUT_LEN]);

impl ClaimKey {
    pub(in crate::jwt) fn of(issuer: &str, session_claim: &str) -> Self {
        Self(digest_parts(
            b"gantry session claim",
            &[Some(issuer), Some(session_claim)],
        ))
    }

    pub(in crate::jwt) fn from_kept(digest: [u8; SHA256_OUTPUT_LEN]) -> Self {
        Self(digest)
    }

    /// The digest itself, as a key in stores.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SHA256_OUTPUT_LEN] {
        &self.0
    }
}

/// SHA-256 of what a token's signature covers: its header and claims, as written.
///
/// The signature stays out of it on purpose. Anybody can turn an ECDSA signature into a second valid one, so a name that covered it
/// would let a revoked token come back under a new name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenFingerprint([u8; SHA256_OUTPUT_LEN]);

impl TokenFingerprint {
    pub(in crate::jwt) fn of(signed: &Signed<'_>) -> Self {
        Self(array(signed.sha256().as_ref()))
    }

    pub(in crate::jwt) fn from_kept(digest: [u8; SHA256_OUTPUT_LEN]) -> Self {
        Self(digest)
    }

    /// The digest itself, as a key in stores.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; SHA256_OUTPUT_LEN] {
        &self.0
    }
}

fn digest_parts(prefix: &[u8], parts: &[Option<&str>]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut context = Context::new(&SHA256);
    context.update(prefix);
    for part in parts.iter().flatten() {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    array(context.finish().as_ref())
}

/// What maps hash of a digest: a part of it is spread as well as the whole.
fn beginning(digest: &[u8; SHA256_OUTPUT_LEN]) -> u64 {
    digest
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first))
}

fn array(digest: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    digest.try_into().expect("SHA-256 has 32 bytes")
}

impl Hash for HostSession {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(beginning(&self.0));
    }
}

impl fmt::Debug for HostSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HostSession")
    }
}

impl Hash for PrincipalKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(beginning(&self.0));
    }
}

impl fmt::Debug for PrincipalKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrincipalKey")
    }
}

impl Hash for ClaimKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(beginning(&self.0));
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClaimKey")
    }
}

impl fmt::Debug for TokenFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenFingerprint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_moved_between_parts_names_another_host_session() {
        let sessions = [
            HostSession::of("a", "bc", None),
            HostSession::of("ab", "c", None),
            HostSession::of("a", "b", Some("c")),
            HostSession::of("a", "bc", Some("")),
            HostSession::of("", "abc", None),
        ];
        for (index, session) in sessions.iter().enumerate() {
            assert!(!sessions[..index].contains(session), "row {index}");
        }
        assert_eq!(sessions[0], HostSession::of("a", "bc", None));
    }

    #[test]
    fn a_host_session_without_claim_differs_from_its_principal() {
        let session = HostSession::of("a", "b", None);
        assert_ne!(session.as_bytes(), PrincipalKey::of("a", "b").as_bytes());
    }

    #[test]
    fn a_subject_and_a_session_claim_of_the_same_text_have_different_names() {
        let principal = PrincipalKey::of("a", "b");
        assert_ne!(principal.as_bytes(), ClaimKey::of("a", "b").as_bytes());
        assert_ne!(ClaimKey::of("a", "bc"), ClaimKey::of("ab", "c"));
    }

    #[test]
    fn digests_print_nothing_of_themselves() {
        let shown = format!("{:?}", TokenFingerprint::of(&Signed::new("a.b")));
        assert_eq!(shown, "TokenFingerprint");
    }
}

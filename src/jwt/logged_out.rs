//! What an issuer says has ended, as a verified logout token said it (OpenID Connect Back-Channel Logout 1.0 §2.4). Only this layer
//! makes these.

use std::sync::Arc;
use std::time::SystemTime;

use crate::jwt::{ClaimKey, HostSession, PrincipalKey};

/// One verified logout token.
#[derive(Debug)]
pub struct LoggedOut {
    /// The exact `iss`.
    pub issuer: Arc<str>,
    /// `jti`.
    pub id: Arc<str>,
    /// Until when the token could be taken.
    pub until: SystemTime,
    /// `iat`.
    pub issued_at: SystemTime,
    /// Whose sessions are over.
    pub ended: Ended,
}

/// Which host sessions of an issuer are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// `sub` alone: every host session of the principal.
    Principal(PrincipalKey),
    /// `sid` alone: the host sessions with this session claim, whoever's they are.
    Claim(ClaimKey),
    /// `sub` and `sid`.
    HostSession {
        /// The host session of both.
        named: HostSession,
        /// The principal's host session without a session claim: its JWTs do not say to which session they belong, so it may be
        /// this one, and doubt ends it.
        unnamed: HostSession,
    },
}

impl Ended {
    /// Of what a logout token names: at least one of the two.
    pub(in crate::jwt) fn of(
        issuer: &str,
        subject: Option<&str>,
        session_claim: Option<&str>,
    ) -> Option<Self> {
        match (subject, session_claim) {
            (None, None) => None,
            (Some(subject), None) => Some(Self::Principal(PrincipalKey::of(issuer, subject))),
            (None, Some(claim)) => Some(Self::Claim(ClaimKey::of(issuer, claim))),
            (Some(subject), claim) => Some(Self::HostSession {
                named: HostSession::of(issuer, subject, claim),
                unnamed: HostSession::of(issuer, subject, None),
            }),
        }
    }
}

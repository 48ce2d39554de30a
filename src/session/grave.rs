//! Graves: where tombstones stand. A JWT is dead when the tombstone on any of its graves refuses it.

use std::fmt;
use std::sync::Arc;

use crate::jwt::{ClaimKey, HostSession, Principal, PrincipalKey, TokenFingerprint};
use crate::session::tombstone::{Token, Tombstone};

/// What a logout names: a host session, a principal or a session claim. Digests of different kinds never meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::session) struct Grave([u8; 32]);

impl Grave {
    pub(in crate::session) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Every grave that a principal's JWT may lie in.
    pub(in crate::session) fn all_of(principal: &Principal) -> impl Iterator<Item = Self> {
        [
            Self::from(&principal.host_session),
            Self::from(&principal.key),
        ]
        .into_iter()
        .chain(principal.claim.as_ref().map(Self::from))
    }
}

impl From<&HostSession> for Grave {
    fn from(host_session: &HostSession) -> Self {
        Self(*host_session.as_bytes())
    }
}

impl From<&PrincipalKey> for Grave {
    fn from(principal: &PrincipalKey) -> Self {
        Self(*principal.as_bytes())
    }
}

impl From<&ClaimKey> for Grave {
    fn from(claim: &ClaimKey) -> Self {
        Self(*claim.as_bytes())
    }
}

impl fmt::Debug for Grave {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Grave")
    }
}

/// The tombstones that concern one principal's JWTs; usually none.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Tombstones(Vec<Arc<Tombstone>>);

impl Tombstones {
    /// These and others.
    pub(in crate::session) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Are there none? So it is for almost every session.
    pub(in crate::session) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One that refuses this token, if any does.
    pub(in crate::session) fn refusing(
        &self,
        token: &Token<TokenFingerprint>,
    ) -> Option<&Tombstone> {
        self.0
            .iter()
            .map(|tombstone| &**tombstone)
            .find(|tombstone| tombstone.refuses(token))
    }
}

impl FromIterator<Arc<Tombstone>> for Tombstones {
    fn from_iter<I: IntoIterator<Item = Arc<Tombstone>>>(tombstones: I) -> Self {
        Self(tombstones.into_iter().collect())
    }
}

//! What a session is, apart from its credentials: facts that never change, and how it is used; both as they are kept in a store.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::jwt::{ClaimKey, HostSession, PrincipalKey, TokenFingerprint, Verified};
use crate::random;
use crate::session::moment::Moment;
use crate::session::tombstone::Token;

/// Random bytes of a session's id: it stands ten times in a store, and two of a million sessions have the same once in 10^17 times.
pub(in crate::session) const ID: usize = 12;

/// What is settled when a session begins.
#[derive(Clone, Debug)]
pub(in crate::session) struct Facts {
    /// Random, ours, safe to log.
    pub(in crate::session) id: Arc<str>,
    /// The Rocket.Chat username.
    pub(in crate::session) username: Box<str>,
    pub(in crate::session) host_session: HostSession,
    pub(in crate::session) principal: PrincipalKey,
    pub(in crate::session) claim: Option<ClaimKey>,
    pub(in crate::session) issuer: Arc<str>,
    pub(in crate::session) began: Moment,
    /// The moment it began, with `max_lifetime`.
    pub(in crate::session) hard_end: Moment,
}

/// What its use has brought so far. Of two such notes of one session each value that is later holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::session) struct Uses {
    pub(in crate::session) last_used: Moment,
    /// The latest `exp` among its JWTs.
    pub(in crate::session) token_expires: Moment,
    /// When a socket of it was last known to be open; [`Moment::BEGINNING`] when none ever was.
    pub(in crate::session) connected: Moment,
    /// The latest `iat` among its JWTs.
    pub(in crate::session) issued: Moment,
    /// Its JWTs that have no `iat`.
    pub(in crate::session) bare: Vec<Token<TokenFingerprint>>,
}

impl Facts {
    /// Of a session that begins now for this token.
    pub(in crate::session) fn new(
        verified: &Verified,
        username: String,
        now: Moment,
        hard_end: Moment,
    ) -> Self {
        let principal = &verified.principal;
        Self {
            id: Arc::from(random::text::<ID>()),
            username: username.into(),
            host_session: principal.host_session,
            principal: principal.key,
            claim: principal.claim,
            issuer: Arc::clone(&principal.issuer),
            began: now,
            hard_end,
        }
    }
}

impl Uses {
    /// By the token that begins a session.
    pub(in crate::session) fn new(verified: &Verified, now: Moment) -> Self {
        let token = Token::of(verified);
        Self {
            last_used: now,
            token_expires: token.expires_at,
            connected: Moment::BEGINNING,
            issued: token.issued_at.unwrap_or(Moment::BEGINNING),
            bare: match token.issued_at {
                Some(_) => Vec::new(),
                None => vec![token],
            },
        }
    }

    /// What both say together.
    pub(in crate::session) fn and(mut self, other: &Self) -> Self {
        self.last_used = self.last_used.max(other.last_used);
        self.token_expires = self.token_expires.max(other.token_expires);
        self.connected = self.connected.max(other.connected);
        self.issued = self.issued.max(other.issued);
        for token in &other.bare {
            let known = |known: &Token<_>| known.fingerprint == token.fingerprint;
            if !self.bare.iter().any(known) {
                self.bare.push(*token);
            }
        }
        self
    }
}

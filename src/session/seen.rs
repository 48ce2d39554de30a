//! The JWTs that a session has lived on: what a logout of it must bury when it comes by a stand-in and names no JWT.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::jwt::{TokenFingerprint, Verified};
use crate::session::moment::{Mark, Moment};
use crate::session::tombstone::Token;

/// Tokens without `iat` that one session remembers. An honest host signs a handful in the life of a session, and the newest ones
/// last longest.
const BARE_TOKENS: usize = 16;

/// Of all its JWTs the latest `iat`, and each one that has none.
#[derive(Debug)]
pub(in crate::session) struct Seen {
    issued: Mark,
    /// Oldest first; on the way of tokens without `iat` only.
    bare: Mutex<VecDeque<Token<TokenFingerprint>>>,
}

impl Seen {
    /// With the token that a session begins with.
    pub(in crate::session) fn new(verified: &Verified) -> Self {
        let seen = Self {
            issued: Mark::new(Moment::BEGINNING),
            bare: Mutex::default(),
        };
        seen.note(verified);
        seen
    }

    /// Remembers a token that was admitted.
    pub(in crate::session) fn note(&self, verified: &Verified) {
        if let Some(issued_at) = verified.issued_at {
            self.issued.raise(Moment::of(issued_at));
            return;
        }
        let mut bare = self.bare.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |token: &Token<_>| token.fingerprint == verified.fingerprint;
        if bare.iter().any(known) {
            return;
        }
        if bare.len() >= BARE_TOKENS {
            bare.pop_front();
        }
        bare.push_back(Token::of(verified));
    }

    /// The latest `iat`, the beginning of time when no token has one.
    pub(in crate::session) fn issued(&self) -> Moment {
        self.issued.load()
    }

    /// The tokens without `iat`.
    pub(in crate::session) fn bare(&self) -> Vec<Token<TokenFingerprint>> {
        let bare = self.bare.lock().unwrap_or_else(PoisonError::into_inner);
        bare.iter().copied().collect()
    }
}

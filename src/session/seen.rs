//! The JWTs that a session has lived on: what a logout of it must bury when it comes by a stand-in and names no JWT.
//!
//! What is forgotten for want of room is buried all the same: a tombstone of that many refuses every JWT without `iat`.

use std::sync::{Mutex, PoisonError};

use crate::jwt::{TokenFingerprint, Verified};
use crate::session::moment::{Mark, Moment};
use crate::session::tombstone::{EXACT_TOKENS, Token};

/// Tokens without `iat` that one session remembers: one more than a tombstone names, so that its tombstone refuses all of them where
/// there were more than are remembered.
const BARE_TOKENS: usize = EXACT_TOKENS + 1;

/// Of all its JWTs the latest `iat`, and each one that has none.
#[derive(Debug)]
pub(in crate::session) struct Seen {
    issued: Mark,
    /// On the way of tokens without `iat` only.
    bare: Mutex<Vec<Token<TokenFingerprint>>>,
}

impl Seen {
    /// With the latest `iat` and the tokens without one that are known when a session begins.
    pub(in crate::session) fn new(issued: Moment, bare: Vec<Token<TokenFingerprint>>) -> Self {
        Self {
            issued: Mark::new(issued),
            bare: Mutex::new(bare),
        }
    }

    /// Remembers a token that was admitted.
    pub(in crate::session) fn note(&self, verified: &Verified) {
        if let Some(issued_at) = verified.issued_at {
            self.issued.raise(Moment::of(issued_at));
            return;
        }
        let mut bare = self.bare.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut bare, Token::of(verified));
    }

    /// Takes over what is known elsewhere.
    pub(in crate::session) fn learn(&self, issued: Moment, tokens: &[Token<TokenFingerprint>]) {
        self.issued.raise(issued);
        let mut bare = self.bare.lock().unwrap_or_else(PoisonError::into_inner);
        for token in tokens {
            add(&mut bare, *token);
        }
    }

    /// The latest `iat`, the beginning of time when no token has one.
    pub(in crate::session) fn issued(&self) -> Moment {
        self.issued.load()
    }

    /// The tokens without `iat`.
    pub(in crate::session) fn bare(&self) -> Vec<Token<TokenFingerprint>> {
        let bare = self.bare.lock().unwrap_or_else(PoisonError::into_inner);
        bare.clone()
    }
}

fn add(bare: &mut Vec<Token<TokenFingerprint>>, token: Token<TokenFingerprint>) {
    let known = |known: &Token<_>| known.fingerprint == token.fingerprint;
    if bare.iter().any(known) {
        return;
    }
    if bare.len() < BARE_TOKENS {
        bare.push(token);
    } else if let Some(last) = bare.last_mut()
        && last.expires_at < token.expires_at
    {
        // The tombstone must last as long as the longest of those that are not remembered.
        *last = token;
    }
}

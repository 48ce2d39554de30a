//! Tombstones: which JWTs of what was logged out are refused, and for how long that must be remembered.
//!
//! After a logout every JWT of the host session with an `iat` not later than the logout is refused; of those without `iat` the
//! very token that logged out. After the issuer's own logout, over the back channel, all without `iat` are refused: nothing tells one
//! that was signed before from one that was signed later. A tombstone is kept until none of the tokens it refuses could pass verification anyway: for tokens
//! with `iat` that is the longest `max_age` of any issuer after the logout, for the others their own `exp`, leeway included.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::jwt::{TokenFingerprint, Verified};
use crate::session::EndCause;
use crate::session::moment::Moment;

/// Exact tokens remembered per host session. An honest host session logs out once; past this many, all its tokens without `iat`
/// are refused, so that forgetting the oldest never lets one back in.
pub(in crate::session) const EXACT_TOKENS: usize = 16;

/// How long tokens can pass verification.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct TokenLife {
    /// Longest `max_age` among the issuers.
    pub(in crate::session) longest_age: Duration,
    /// Longest `leeway` among the issuers.
    pub(in crate::session) longest_leeway: Duration,
}

/// What a tombstone looks at in a token.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::session) struct Token<F> {
    pub(in crate::session) issued_at: Option<Moment>,
    pub(in crate::session) expires_at: Moment,
    pub(in crate::session) fingerprint: F,
}

/// The record that JWTs are refused from a moment on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::session) struct Tombstone<F = TokenFingerprint> {
    issued_up_to: Moment,
    exact: Vec<F>,
    all_without_iat: bool,
    kept_until: Moment,
    cause: EndCause,
}

impl Token<TokenFingerprint> {
    pub(in crate::session) fn of(verified: &Verified) -> Self {
        Self {
            issued_at: verified.issued_at.map(Moment::of),
            expires_at: Moment::of(verified.expires_at),
            fingerprint: verified.fingerprint,
        }
    }
}

impl<F: Clone + PartialEq> Tombstone<F> {
    /// The tombstone of a logout with `token` at `now`, on top of an older one of the same host session.
    pub(in crate::session) fn over(
        older: Option<&Self>,
        token: &Token<F>,
        now: Moment,
        life: &TokenLife,
    ) -> Self {
        // A host whose clock is ahead signs an `iat` later than our present: that token must die too.
        let moment = token.issued_at.map_or(now, |issued_at| issued_at.max(now));
        let mut tombstone = Self::up_to(older, moment, life);
        if token.issued_at.is_none() {
            tombstone.add_exact(token.fingerprint.clone());
            let last = token.expires_at.after(life.longest_leeway);
            tombstone.kept_until = tombstone.kept_until.max(last);
        }
        tombstone
    }

    /// The tombstone of all tokens issued up to a moment, on top of an older one.
    pub(in crate::session) fn up_to(
        older: Option<&Self>,
        moment: Moment,
        life: &TokenLife,
    ) -> Self {
        let mut tombstone = older.cloned().unwrap_or(Self {
            issued_up_to: moment,
            exact: Vec::new(),
            all_without_iat: false,
            kept_until: moment,
            cause: EndCause::Logout,
        });
        tombstone.issued_up_to = tombstone.issued_up_to.max(moment);
        let kept_until = moment
            .after(life.longest_age)
            .after(life.longest_leeway)
            .after(life.longest_leeway);
        tombstone.kept_until = tombstone.kept_until.max(kept_until);
        tombstone
    }

    /// The same by the issuer's word: nothing without `iat` is believed any more.
    pub(in crate::session) fn by_issuer(mut self) -> Self {
        self.all_without_iat = true;
        self.cause = EndCause::Backchannel;
        self
    }

    /// What both refuse.
    pub(in crate::session) fn and(mut self, other: &Self) -> Self {
        self.issued_up_to = self.issued_up_to.max(other.issued_up_to);
        self.all_without_iat |= other.all_without_iat;
        self.kept_until = self.kept_until.max(other.kept_until);
        for fingerprint in &other.exact {
            self.add_exact(fingerprint.clone());
        }
        if other.cause != EndCause::Logout {
            self.cause = other.cause;
        }
        self
    }

    /// The same by an administrator's word, as strict as the issuer's.
    pub(in crate::session) fn by_admin(mut self) -> Self {
        self.all_without_iat = true;
        self.cause = EndCause::Revoked;
        self
    }

    /// What ends a session whose token it refuses.
    pub(in crate::session) fn cause(&self) -> EndCause {
        self.cause
    }

    /// Is this token dead?
    pub(in crate::session) fn refuses(&self, token: &Token<F>) -> bool {
        match token.issued_at {
            Some(issued_at) => issued_at <= self.issued_up_to,
            None => self.all_without_iat || self.exact.contains(&token.fingerprint),
        }
    }

    /// From when on it may be forgotten.
    pub(in crate::session) fn kept_until(&self) -> Moment {
        self.kept_until
    }

    fn add_exact(&mut self, fingerprint: F) {
        if self.exact.contains(&fingerprint) {
            return;
        }
        if self.exact.len() >= EXACT_TOKENS {
            self.all_without_iat = true;
            return;
        }
        self.exact.push(fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const LIFE: TokenLife = TokenLife {
        longest_age: Duration::from_secs(1000),
        longest_leeway: Duration::from_secs(30),
    };

    fn at(seconds: u64) -> Moment {
        Moment::of(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn token(issued_at: Option<u64>, fingerprint: u32) -> Token<u32> {
        Token {
            issued_at: issued_at.map(at),
            expires_at: at(5000),
            fingerprint,
        }
    }

    #[test]
    fn tokens_issued_up_to_the_logout_are_refused_and_later_ones_are_not() {
        let tombstone = Tombstone::over(None, &token(Some(100), 1), at(200), &LIFE);
        let check = |issued_at, refused| {
            assert_eq!(
                tombstone.refuses(&token(issued_at, 2)),
                refused,
                "issued {issued_at:?}"
            );
        };
        check(Some(100), true);
        check(Some(150), true);
        check(Some(200), true);
        check(Some(201), false);
        check(None, false);
    }

    #[test]
    fn a_token_from_a_clock_ahead_of_ours_dies_at_its_own_logout() {
        let tombstone = Tombstone::over(None, &token(Some(220), 1), at(200), &LIFE);
        assert!(tombstone.refuses(&token(Some(220), 1)));
        assert!(!tombstone.refuses(&token(Some(221), 1)));
    }

    #[test]
    fn a_token_without_iat_is_refused_exactly() {
        let tombstone = Tombstone::over(None, &token(None, 1), at(200), &LIFE);
        assert!(tombstone.refuses(&token(None, 1)));
        assert!(!tombstone.refuses(&token(None, 2)));
        assert!(tombstone.refuses(&token(Some(150), 3)));
    }

    #[test]
    fn a_second_logout_forgets_nothing_of_the_first() {
        let first = Tombstone::over(None, &token(None, 1), at(200), &LIFE);
        let second = Tombstone::over(Some(&first), &token(None, 2), at(300), &LIFE);
        assert!(second.refuses(&token(None, 1)));
        assert!(second.refuses(&token(None, 2)));
        assert!(second.refuses(&token(Some(300), 3)));
    }

    #[test]
    fn too_many_exact_tokens_refuse_all_without_iat() {
        let mut tombstone = Tombstone::over(None, &token(None, 0), at(200), &LIFE);
        for fingerprint in 1..16 {
            tombstone =
                Tombstone::over(Some(&tombstone), &token(None, fingerprint), at(200), &LIFE);
        }
        assert!(!tombstone.refuses(&token(None, 99)));
        tombstone = Tombstone::over(Some(&tombstone), &token(None, 16), at(200), &LIFE);
        assert!(tombstone.refuses(&token(None, 99)));
    }

    #[test]
    fn the_issuers_word_refuses_all_without_iat_and_is_not_forgotten_at_a_later_logout() {
        let issuers = Tombstone::<u32>::up_to(None, at(200), &LIFE).by_issuer();
        assert!(issuers.refuses(&token(None, 1)));
        assert!(issuers.refuses(&token(Some(200), 2)));
        assert!(!issuers.refuses(&token(Some(201), 3)));
        let later = Tombstone::over(Some(&issuers), &token(None, 4), at(300), &LIFE);
        assert!(later.refuses(&token(None, 5)));
        assert_eq!(later.cause(), EndCause::Backchannel);
    }

    #[test]
    fn it_is_kept_until_no_refused_token_could_be_verified() {
        let with_iat = Tombstone::over(None, &token(Some(100), 1), at(200), &LIFE);
        assert_eq!(with_iat.kept_until(), at(1260));
        let without_iat = Tombstone::over(None, &token(None, 1), at(200), &LIFE);
        assert_eq!(without_iat.kept_until(), at(5030));
        let short = Token {
            expires_at: at(300),
            ..token(None, 2)
        };
        let second = Tombstone::over(Some(&without_iat), &short, at(400), &LIFE);
        assert_eq!(second.kept_until(), at(5030));
    }
}

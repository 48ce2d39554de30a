//! A user's stamped tokens: login tokens and personal access tokens in one array (RC §1.1, §3.4, §3.5).
//!
//! The plain token is remembered beside its hash, which RC does not do, so that tests can ask which
//! tokens still live.

use crate::random;

/// How often the cleanup job runs, in milliseconds (RC §3.5): REST takes a token until it has run.
pub(crate) const EXPIRY_JOB_MS: i64 = 600_000;
const DAY_MS: f64 = 86_400_000.0;
const DEFAULT_DAYS: f64 = 90.0;

/// What kind of token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Made by a login or by `users.createToken`; dies by age.
    Login {
        /// When it was made, in milliseconds.
        when: i64,
    },
    /// Personal access token; never dies by age.
    Personal {
        /// Its name, unique per user.
        name: String,
        /// Skips the two-factor check (RC §1.5).
        bypass_two_factor: bool,
    },
}

/// One entry of `services.resume.loginTokens`.
#[derive(Clone, Debug)]
pub(crate) struct StampedToken {
    /// `base64(sha256(plain))`.
    pub(crate) hashed: String,
    /// What the holder sends.
    pub(crate) plain: String,
    pub(crate) kind: TokenKind,
    /// How many uses are still refused because the insert has not settled.
    pub(crate) unsettled_uses: u32,
}

impl StampedToken {
    /// A new random token.
    pub(crate) fn new(kind: TokenKind) -> Self {
        Self::of(random::token(), kind)
    }

    /// A token whose text is given.
    pub(crate) fn of(plain: String, kind: TokenKind) -> Self {
        Self {
            hashed: random::hashed_token(&plain),
            plain,
            kind,
            unsettled_uses: 0,
        }
    }

    pub(crate) fn is_personal(&self) -> bool {
        matches!(self.kind, TokenKind::Personal { .. })
    }

    /// When it was made; `None` for a personal access token.
    pub(crate) fn when(&self) -> Option<i64> {
        match self.kind {
            TokenKind::Login { when } => Some(when),
            TokenKind::Personal { .. } => None,
        }
    }

    /// When it dies, in milliseconds; `None` for a personal access token.
    pub(crate) fn expires_at(&self, days: f64) -> Option<i64> {
        self.when().map(|when| when + life_ms(days))
    }
}

/// The life of a token for a value of `Accounts_LoginExpiration`; anything not positive counts as 90 days.
pub(crate) fn life_ms(days: f64) -> i64 {
    let days = if days > 0.0 { days } else { DEFAULT_DAYS };
    (days * DAY_MS) as i64
}

/// Drops the oldest login tokens beyond the cap; personal access tokens do not count (RC §3.4).
pub(crate) fn trim(tokens: &mut Vec<StampedToken>, cap: usize) {
    let live = tokens.iter().filter(|token| !token.is_personal()).count();
    for _ in cap..live {
        let oldest = tokens
            .iter()
            .enumerate()
            .filter_map(|(at, token)| token.when().map(|when| (when, at)))
            .min();
        if let Some((_, at)) = oldest {
            tokens.remove(at);
        }
    }
}

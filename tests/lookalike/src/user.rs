//! One user document, as the workspace holds it and as tests see it.

use serde_json::{Map, Value};

use crate::tokens::{self, StampedToken, TokenKind};

/// One mail address of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The address as given.
    pub address: String,
    /// Whether it counts as verified (RC §2.2: then password logins meet e-mail two-factor).
    pub verified: bool,
}

/// A remembered two-factor pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TwoFactorPass {
    pub(crate) hashed_token: String,
    /// User agent and client address.
    pub(crate) from: (String, String),
    /// Milliseconds since the epoch.
    pub(crate) until: i64,
}

/// A user document.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) emails: Vec<Email>,
    pub(crate) roles: Vec<String>,
    /// `user`, `bot`, `app` (cannot log in) or `visitor`.
    pub(crate) user_type: String,
    pub(crate) active: bool,
    /// Hex SHA-256 of the password.
    pub(crate) password_digest: Option<String>,
    /// The shared secret of TOTP, raw bytes.
    pub(crate) totp_secret: Option<Vec<u8>>,
    pub(crate) email_two_factor: bool,
    /// The code last mailed, while unused.
    pub(crate) mailed_code: Option<String>,
    /// Which token, from where, passed two-factor, and until when that is remembered (RC §1.5).
    pub(crate) two_factor_passes: Vec<TwoFactorPass>,
    pub(crate) created_at: i64,
    pub(crate) tokens: Vec<StampedToken>,
    /// How many login tokens were ever minted.
    pub(crate) tokens_minted: u64,
    /// Made through the API rather than before the test began.
    pub(crate) by_api: bool,
    /// Other fields of the document: bio, nickname, customFields and so on.
    pub(crate) more: Map<String, Value>,
}

impl User {
    /// Mints a login token and trims to the cap.
    pub(crate) fn mint(&mut self, now: i64, cap: usize) -> StampedToken {
        let token = StampedToken::new(TokenKind::Login { when: now });
        self.tokens.push(token.clone());
        self.tokens_minted += 1;
        tokens::trim(&mut self.tokens, cap);
        token
    }

    /// The token with this hash.
    pub(crate) fn token(&self, hashed: &str) -> Option<&StampedToken> {
        self.tokens.iter().find(|token| token.hashed == hashed)
    }

    /// The first verified address.
    pub(crate) fn verified_email(&self) -> Option<&str> {
        self.emails
            .iter()
            .find(|email| email.verified)
            .map(|email| email.address.as_str())
    }

    /// What tests see.
    pub(crate) fn view(&self) -> UserView {
        UserView {
            id: self.id.clone(),
            username: self.username.clone(),
            name: self.name.clone(),
            emails: self.emails.clone(),
            roles: self.roles.clone(),
            user_type: self.user_type.clone(),
            active: self.active,
            live_tokens: self
                .tokens
                .iter()
                .filter(|token| !token.is_personal())
                .map(|token| token.hashed.clone())
                .collect(),
            tokens_minted: self.tokens_minted,
            by_api: self.by_api,
            more: self.more.clone(),
        }
    }
}

/// A user as tests see it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserView {
    /// `_id`.
    pub id: String,
    /// `username`.
    pub username: String,
    /// `name`.
    pub name: String,
    /// `emails`.
    pub emails: Vec<Email>,
    /// `roles`.
    pub roles: Vec<String>,
    /// `type`.
    pub user_type: String,
    /// `active`.
    pub active: bool,
    /// Hashes of the login tokens that live; personal access tokens are left out.
    pub live_tokens: Vec<String>,
    /// How many login tokens were ever minted.
    pub tokens_minted: u64,
    /// Made by `users.create` or `users.register`.
    pub by_api: bool,
    /// Other fields of the document.
    pub more: Map<String, Value>,
}

/// A user to put into the workspace before a test begins.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// `_id`; `None` makes a random one.
    pub id: Option<String>,
    /// `username`; must be free.
    pub username: String,
    /// `name`; empty takes the username.
    pub name: String,
    /// The address, unverified unless `verified`.
    pub email: Option<String>,
    /// Whether the address is verified.
    pub verified: bool,
    /// `roles`.
    pub roles: Vec<String>,
    /// `type`.
    pub user_type: String,
    /// `active`.
    pub active: bool,
    /// The password, if it has one.
    pub password: Option<String>,
    /// The raw TOTP secret, if it has that second factor.
    pub totp_secret: Option<Vec<u8>>,
}

impl NewUser {
    /// An ordinary active user without a mail address or password.
    #[must_use]
    pub fn new(username: &str) -> Self {
        Self {
            id: None,
            username: username.to_owned(),
            name: String::new(),
            email: None,
            verified: false,
            roles: vec!["user".to_owned()],
            user_type: "user".to_owned(),
            active: true,
            password: None,
            totp_secret: None,
        }
    }
}

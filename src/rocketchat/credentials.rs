//! A Rocket.Chat user id with its auth token, and the header values made from them once. Only this layer makes these.

use std::fmt;
use std::sync::OnceLock;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::HeaderValue;
use subtle::ConstantTimeEq;

use crate::secret::AuthToken;

/// Keeps marks apart from digests of the auth token that others make.
const MARK: &[u8] = b"gantry credentials\0";

/// What Rocket.Chat wants to see on a user's requests (RC §1.1, §8). All of it is one text in memory, the cookies; the other values are
/// parts of it, because there is one for each of hundreds of thousands of sessions.
pub struct Credentials {
    minted_at: SystemTime,
    expires_at: SystemTime,
    user_id_value: HeaderValue,
    auth_token_value: HeaderValue,
    cookie_value: HeaderValue,
    /// Made when a gateway first asks; most sessions have none, and hold little for it.
    mark: OnceLock<Box<HeaderValue>>,
}

/// An auth token where it is held, for whoever must write it out.
#[derive(Clone, Copy)]
pub struct HeldToken<'a>(&'a str);

impl<'a> HeldToken<'a> {
    /// The text itself, as [`AuthToken::reveal`].
    #[must_use]
    pub fn reveal(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for HeldToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HeldToken([redacted])")
    }
}

impl Credentials {
    /// Longest id and token that are believed; Rocket.Chat's have 17 and 43 characters, and each goes into every request.
    const LONGEST: usize = 512;

    /// Builds the header values. `None` when Rocket.Chat sent something that no header can carry.
    #[must_use]
    pub(in crate::rocketchat) fn new(
        user_id: &str,
        auth_token: &AuthToken,
        minted_at: SystemTime,
        expires_at: SystemTime,
    ) -> Option<Self> {
        let believable = 1..=Self::LONGEST;
        if !believable.contains(&user_id.len()) || !believable.contains(&auth_token.reveal().len())
        {
            return None;
        }
        let token = auth_token.reveal();
        let (id_at, token_at) = ("rc_uid=".len(), "rc_uid=; rc_token=".len() + user_id.len());
        let cookies = Bytes::from(format!("rc_uid={user_id}; rc_token={token}"));
        let part = |from: usize, length: usize| {
            HeaderValue::from_maybe_shared(cookies.slice(from..from + length)).ok()
        };
        let user_id_value = part(id_at, user_id.len())?;
        let mut auth_token_value = part(token_at, token.len())?;
        auth_token_value.set_sensitive(true);
        let mut cookie_value = part(0, cookies.len())?;
        cookie_value.set_sensitive(true);
        // Bytes that are no visible ASCII can stand in a header, and in no text of ours.
        auth_token_value.to_str().ok()?;
        user_id_value.to_str().ok()?;
        Some(Self {
            minted_at,
            expires_at,
            user_id_value,
            auth_token_value,
            cookie_value,
            mark: OnceLock::new(),
        })
    }

    /// Credentials that were minted before and kept in a store since. `None` as for those that come from Rocket.Chat.
    #[must_use]
    pub fn kept(
        user_id: &str,
        auth_token: &AuthToken,
        minted_at: SystemTime,
        expires_at: SystemTime,
    ) -> Option<Self> {
        Self::new(user_id, auth_token, minted_at, expires_at)
    }

    /// Are these the same user's same auth token?
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.cookie_value.as_bytes(), other.cookie_value.as_bytes());
        bool::from(ours.ct_eq(theirs))
    }

    /// Credentials that nobody minted, for tests of what uses them and for the fuzz targets.
    ///
    /// # Panics
    /// When no header can carry them.
    #[cfg(any(test, feature = "fuzzing"))]
    #[must_use]
    pub fn unminted(user_id: &str, auth_token: &str) -> Self {
        let auth_token = AuthToken::new(auth_token.to_owned());
        let now = SystemTime::UNIX_EPOCH;
        Self::new(user_id, &auth_token, now, now).expect("a header can carry them")
    }

    /// The user's id.
    #[must_use]
    pub fn user_id(&self) -> &str {
        text(&self.user_id_value)
    }

    /// The auth token.
    #[must_use]
    pub fn auth_token(&self) -> HeldToken<'_> {
        HeldToken(text(&self.auth_token_value))
    }

    /// When the token was minted, by our clock just before the call.
    #[must_use]
    pub fn minted_at(&self) -> SystemTime {
        self.minted_at
    }

    /// When Rocket.Chat stops honouring the token (RC §3.5).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The value of `X-User-Id`.
    #[must_use]
    pub fn user_id_value(&self) -> &HeaderValue {
        &self.user_id_value
    }

    /// The value of `X-Auth-Token`, marked sensitive.
    #[must_use]
    pub fn auth_token_value(&self) -> &HeaderValue {
        &self.auth_token_value
    }

    /// What tells these credentials from later ones of the same user, and tells nobody the auth token: for whoever has to say which ones
    /// Rocket.Chat refused. Only who was told the credentials can know it.
    #[must_use]
    pub fn mark(&self) -> &HeaderValue {
        self.mark.get_or_init(|| Box::new(self.new_mark()))
    }

    fn new_mark(&self) -> HeaderValue {
        let mut context = Context::new(&SHA256);
        context.update(MARK);
        context.update(self.auth_token().reveal().as_bytes());
        let mark = BASE64URL_NOPAD.encode(context.finish().as_ref());
        // The alphabet of base64url may stand in every header.
        let mut mark = HeaderValue::try_from(mark).unwrap_or_else(|_| HeaderValue::from_static(""));
        mark.set_sensitive(true);
        mark
    }

    /// The cookies `rc_uid` and `rc_token` for the file routes, marked sensitive.
    #[must_use]
    pub fn cookie_value(&self) -> &HeaderValue {
        &self.cookie_value
    }
}

fn text(value: &HeaderValue) -> &str {
    // Looked at when it was made.
    value.to_str().unwrap_or_default()
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("user_id", &self.user_id())
            .field("minted_at", &self.minted_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user_id: &str, auth_token: &str) -> Option<Credentials> {
        let now = SystemTime::UNIX_EPOCH;
        let auth_token = AuthToken::new(auth_token.to_owned());
        Credentials::new(user_id, &auth_token, now, now)
    }

    #[test]
    fn the_token_is_marked_sensitive_and_not_shown() {
        let credentials = credentials("u1", "t0ken").expect("credentials");
        assert!(credentials.auth_token_value().is_sensitive());
        assert!(!format!("{credentials:?}").contains("t0ken"));
    }

    #[test]
    fn a_mark_tells_credentials_apart_and_not_the_token() {
        let mark = |token| {
            let credentials = credentials("u1", token).expect("credentials");
            credentials.mark().clone()
        };
        assert_eq!(mark("t0ken"), mark("t0ken"));
        assert_ne!(mark("t0ken"), mark("t1ken"));
        assert_eq!(mark("t0ken").len(), 43);
        assert!(mark("t0ken").is_sensitive());
    }

    #[test]
    fn what_no_header_can_carry_makes_no_credentials() {
        assert!(credentials("u1", "t0ken\r\nX-User-Id: admin").is_none());
        assert!(credentials("u1\n", "t0ken").is_none());
        assert!(credentials("", "t0ken").is_none());
        assert!(credentials("u1", "").is_none());
        assert!(credentials("u1", &"t".repeat(513)).is_none());
    }
}

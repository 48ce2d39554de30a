//! Stand-ins: what clients hold in place of Rocket.Chat's auth token.
//!
//! A session has one, made when it is first asked for, however many tabs and clients log in: no client's stand-in is dropped because
//! another came. It is found by its SHA-256, so what is stored besides the session opens nothing.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};

use crate::jwt::HostSession;
use crate::random;
use crate::secret::Secret;
use crate::session::moment::Moment;
use crate::session::record::{Admitted, Kept, Session};
use crate::session::{ExchangeError, Inner, Sessions};

/// Whom a text that may be a stand-in names, beside a JWT that was shown with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// No live session.
    Nobody,
    /// A live session of that host session.
    Same,
    /// A live session of another one.
    Another,
}

impl Sessions {
    /// The stand-in of a session. That of a session that has just ended names nothing.
    #[must_use]
    pub fn stand_in(&self, admitted: &Admitted) -> StandIn {
        self.0.stand_in(&admitted.session)
    }

    /// The live session that a stand-in names, with its current credentials if they can be used now. Marks its use.
    #[must_use]
    pub fn of_stand_in(&self, text: &str) -> Option<Admitted> {
        let session = self.named(text)?;
        session.usable(Moment::of(self.0.clock.now()))
    }

    /// As [`Sessions::of_stand_in`], with new credentials where the old ones have expired.
    ///
    /// # Errors
    /// [`ExchangeError`]. `Ok(None)` when it names no live session.
    pub async fn admit_stand_in(&self, text: &str) -> Result<Option<Admitted>, ExchangeError> {
        match self.find_named(text).await? {
            Some(session) => self.revive(&session).await.map(Some),
            None => Ok(None),
        }
    }

    /// The session known here that a stand-in names, in whatever state.
    fn named(&self, text: &str) -> Option<Arc<Session>> {
        self.0.local.of_stand_in(&StandInHash::of(text))
    }

    /// The session that a stand-in names, wherever it is known.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn find_named(&self, text: &str) -> Result<Option<Arc<Session>>, ExchangeError> {
        if let Some(session) = self.named(text) {
            return Ok(Some(session));
        }
        let Some(together) = &self.0.shared else {
            return Ok(None);
        };
        match together
            .store
            .find_by_stand_in(&StandInHash::of(text))
            .await?
        {
            Some(found) => self.0.adopt(found).await,
            None => Ok(None),
        }
    }

    /// A session with credentials that can be used now, new ones if need be.
    ///
    /// # Errors
    /// [`ExchangeError`], also when the session has ended.
    pub async fn revive(&self, session: &Arc<Session>) -> Result<Admitted, ExchangeError> {
        let usable = || Arc::clone(session).usable(Moment::of(self.0.clock.now()));
        if let Some(admitted) = usable() {
            return Ok(admitted);
        }
        self.0.mend(session).await?;
        usable().ok_or_else(|| session.end_error())
    }

    /// Whether a text names a live session, and whether it is this host session's. `None`: nobody here knows it, and others may.
    #[must_use]
    pub fn naming(&self, text: &str, host_session: &HostSession) -> Option<Naming> {
        match self.named(text) {
            Some(session) => Some(Naming::of(&session, host_session)),
            None if self.0.shared.is_some() => None,
            None => Some(Naming::Nobody),
        }
    }

    /// As [`Sessions::naming`], asking whoever may know.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn find_naming(
        &self,
        text: &str,
        host_session: &HostSession,
    ) -> Result<Naming, ExchangeError> {
        let session = self.find_named(text).await?;
        Ok(session.map_or(Naming::Nobody, |session| Naming::of(&session, host_session)))
    }
}

impl Naming {
    fn of(session: &Session, host_session: &HostSession) -> Self {
        if session.is_of(host_session) {
            Self::Same
        } else {
            Self::Another
        }
    }
}

impl Inner {
    fn stand_in(&self, session: &Arc<Session>) -> StandIn {
        if let Some(stand_in) = session.stand_in() {
            return stand_in;
        }
        let stand_in = StandIn::random();
        let hash = stand_in.hash();
        // First where it is found, then where its end finds it: an end between the two refuses it, and it is taken out again.
        self.local.add_stand_in(hash, session);
        match session.keep_stand_in(&stand_in) {
            Kept::This => stand_in,
            Kept::Other(first) => {
                self.local.remove_stand_in(&hash);
                first
            }
            Kept::None => {
                self.local.remove_stand_in(&hash);
                stand_in
            }
        }
    }
}

/// 256 random bits in base64url, 43 characters: the form of a Rocket.Chat token, worthless there.
#[derive(Clone)]
pub struct StandIn(SecretString);

/// SHA-256 of a stand-in's text, by which its session is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::session) struct StandInHash([u8; 32]);

impl StandIn {
    /// A new one from the system's random source.
    #[must_use]
    pub fn random() -> Self {
        Self(SecretString::from(random::text::<32>()))
    }

    /// Made of bits that are as good as random to whoever lacks the key they come from.
    pub(in crate::session) fn of_bits(bits: &[u8; 32]) -> Self {
        Self(SecretString::from(BASE64URL_NOPAD.encode(bits)))
    }

    /// The text, for the one answer that hands it to its client.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// As a secret for a socket's login, whose answer hands it to its client.
    #[must_use]
    pub fn into_secret(self) -> Secret {
        Secret::new(self.reveal().to_owned())
    }

    pub(in crate::session) fn hash(&self) -> StandInHash {
        StandInHash::of(self.reveal())
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StandIn([redacted])")
    }
}

impl StandInHash {
    pub(in crate::session) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As it was kept in a store.
    pub(in crate::session) fn from_kept(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// Of text as a client sent it, a stand-in or not.
    pub(in crate::session) fn of(text: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(hash)
    }
}

impl fmt::Debug for StandInHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StandInHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_has_the_form_of_a_rocket_chat_token_and_is_never_the_same() {
        let (one, other) = (StandIn::random(), StandIn::random());
        assert_eq!(one.reveal().len(), 43);
        assert!(
            one.reveal()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        );
        assert_ne!(one.reveal(), other.reveal());
    }

    #[test]
    fn neither_a_stand_in_nor_its_hash_can_be_printed() {
        let stand_in = StandIn::random();
        let hash = stand_in.hash();
        assert_eq!(
            format!("{stand_in:?} {hash:?}"),
            "StandIn([redacted]) StandInHash"
        );
    }
}

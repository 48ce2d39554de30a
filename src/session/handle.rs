//! Stand-ins: what clients hold in place of Rocket.Chat's auth token.
//!
//! Only the SHA-256 of a stand-in is kept, so what Gantry stores opens nothing.

use std::fmt;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};

use crate::session::random;

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

    /// The text, for the one answer that hands it to its client.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StandIn([redacted])")
    }
}

impl StandInHash {
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
        let hash = StandInHash::of(stand_in.reveal());
        assert_eq!(
            format!("{stand_in:?} {hash:?}"),
            "StandIn([redacted]) StandInHash"
        );
    }
}

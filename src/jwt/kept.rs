//! Digests as they are kept: their bytes in records, and as texts base64url without padding; nothing else is read back.
//!
//! What comes from a store was made by this layer before and names what it named then.

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::jwt::{ClaimKey, HostSession, PrincipalKey, TokenFingerprint};

macro_rules! kept {
    ($name:ident) => {
        impl $name {
            /// The text under which it is kept, read back.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                bytes(text).map(Self::from_kept)
            }

            /// As it is kept.
            #[must_use]
            pub fn to_text(&self) -> String {
                BASE64URL_NOPAD.encode(self.as_bytes())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.as_bytes().serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <[u8; SHA256_OUTPUT_LEN]>::deserialize(deserializer).map(Self::from_kept)
            }
        }
    };
}

kept!(HostSession);
kept!(PrincipalKey);
kept!(ClaimKey);
kept!(TokenFingerprint);

fn bytes(text: &str) -> Option<[u8; SHA256_OUTPUT_LEN]> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .ok()?
        .try_into()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::unverified::Signed;

    #[test]
    fn a_kept_digest_comes_back_and_nothing_else_does() {
        let fingerprint = TokenFingerprint::of(&Signed::new("a.b"));
        let text = fingerprint.to_text();
        assert_eq!(text.len(), 43);
        assert_eq!(TokenFingerprint::from_text(&text), Some(fingerprint));
        for wrong in [
            "",
            &text[1..],
            "=",
            &format!("{text}="),
            &text.replace(&text[..1], "!"),
        ] {
            assert_eq!(TokenFingerprint::from_text(wrong), None, "{wrong}");
        }
    }
}

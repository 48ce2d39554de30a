//! What a bearer says before its signature was checked: only what is needed to find the key, under a name that forbids any other use.
//!
//! Refuses what is no compact JWS with JSON objects (RFC 7515 §7.1), what is larger than any sound token, and a header with `crit`
//! (RFC 7515 §4.1.11). Key material in the header (`jku`, `x5u`, `jwk`, `x5c`) is not even read: keys come from the config alone.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::OnceLock;

use aws_lc_rs::digest::{Digest, SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::Algorithm;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::jwt::VerifyError;
use crate::jwt::claims::Claims;

/// Largest token that is looked at. Real ones stay below 4 KiB, and a header line of four times that is refused by most servers.
pub(in crate::jwt) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A bearer in its two halves: what is signed, and the signature.
#[derive(Clone, Copy)]
pub(in crate::jwt) struct Halves<'a> {
    /// Header and claims, as written.
    pub signing_input: &'a str,
    /// The signature, as written.
    pub signature: &'a str,
}

impl<'a> Halves<'a> {
    /// Cuts at the last dot; `None` when there is none or the text is larger than any sound token.
    pub(in crate::jwt) fn cut(bearer: &'a str) -> Option<Self> {
        if bearer.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let dot = memchr::memrchr(b'.', bearer.as_bytes())?;
        Some(Self {
            signing_input: &bearer[..dot],
            signature: &bearer[dot + 1..],
        })
    }
}

/// What a signature covers: header and claims, as written.
pub(in crate::jwt) struct Signed<'a> {
    text: &'a str,
    sha256: OnceLock<Digest>,
}

impl<'a> Signed<'a> {
    pub(in crate::jwt) const fn new(text: &'a str) -> Self {
        Self {
            text,
            sha256: OnceLock::new(),
        }
    }

    pub(in crate::jwt) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// Its SHA-256, made once: most signatures are of it, and so is the token's fingerprint.
    pub(in crate::jwt) fn sha256(&self) -> &Digest {
        self.sha256.get_or_init(|| digest(&SHA256, self.bytes()))
    }
}

/// The decoded parts of a bearer, not read yet.
pub(in crate::jwt) struct Decoded {
    header: Vec<u8>,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// A bearer that is a JWT by its form. Until its signature was checked, only `iss` may be asked of its claims.
pub(in crate::jwt) struct Unverified<'a> {
    /// What is signed.
    pub signed: Signed<'a>,
    /// The decoded signature.
    pub signature: &'a [u8],
    /// What finds the key.
    pub header: UnverifiedHeader<'a>,
    /// The claims.
    pub claims: Claims<'a>,
}

/// The parts of an unverified header that find the key, and `typ`, to be judged after the signature.
#[derive(Deserialize)]
pub(in crate::jwt) struct UnverifiedHeader<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default)]
    pub kid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub typ: Option<Cow<'a, str>>,
    // Present means refused, whatever its value, `null` included.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl Decoded {
    pub(in crate::jwt) fn parse(halves: Halves<'_>) -> Result<Self, VerifyError> {
        // A third dot stays in `claims`, where it is no base64url.
        let (header, claims) = halves
            .signing_input
            .split_once('.')
            .ok_or(VerifyError::Malformed)?;
        Ok(Self {
            header: decode(header)?,
            claims: decode(claims)?,
            signature: decode(halves.signature)?,
        })
    }

    /// Reads the parts; a header that demands extensions is refused.
    pub(in crate::jwt) fn read<'a>(
        &'a self,
        halves: Halves<'a>,
    ) -> Result<Unverified<'a>, VerifyError> {
        let header: UnverifiedHeader<'_> =
            serde_json::from_slice(&self.header).map_err(|_| VerifyError::Malformed)?;
        if header.crit {
            return Err(VerifyError::CriticalExtension);
        }
        Ok(Unverified {
            signed: Signed::new(halves.signing_input),
            signature: &self.signature,
            header,
            claims: Claims::parse(&self.claims)?,
        })
    }
}

impl UnverifiedHeader<'_> {
    /// The named algorithm. `none` is unsupported like any other that is not implemented.
    pub(in crate::jwt) fn algorithm(&self) -> Result<Algorithm, VerifyError> {
        Algorithm::from_str(&self.alg).map_err(|_| VerifyError::UnsupportedAlgorithm)
    }
}

/// Strict base64url: no padding, no line breaks, no stray bits, so one token has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    BASE64URL_NOPAD
        .decode(part.as_bytes())
        .map_err(|_| VerifyError::Malformed)
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(json: &str) -> Result<(Algorithm, Option<String>), VerifyError> {
        let bearer = format!("{}.e30.c2ln", BASE64URL_NOPAD.encode(json.as_bytes()));
        let halves = Halves::cut(&bearer).ok_or(VerifyError::Malformed)?;
        let decoded = Decoded::parse(halves)?;
        let header = decoded.read(halves)?.header;
        Ok((header.algorithm()?, header.kid.map(Cow::into_owned)))
    }

    #[test]
    fn a_header_gives_its_algorithm_and_key_id() {
        assert_eq!(
            header(r#"{"alg":"RS256","kid":"a\u0062","jku":"https://evil.example"}"#),
            Ok((Algorithm::RS256, Some("ab".to_owned())))
        );
        assert_eq!(header(r#"{"alg":"EdDSA"}"#), Ok((Algorithm::EdDSA, None)));
    }

    #[test]
    fn a_header_that_is_not_understood_is_refused() {
        let rows = [
            (r#"{"alg":"none"}"#, VerifyError::UnsupportedAlgorithm),
            (r#"{"alg":"NONE"}"#, VerifyError::UnsupportedAlgorithm),
            (r#"{"alg":"rs256"}"#, VerifyError::UnsupportedAlgorithm),
            (r#"{"alg":""}"#, VerifyError::UnsupportedAlgorithm),
            (r#"{"alg":null}"#, VerifyError::Malformed),
            (r#"{"alg":["RS256"]}"#, VerifyError::Malformed),
            (r#"{"kid":"a"}"#, VerifyError::Malformed),
            (r#"{"alg":"RS256","alg":"none"}"#, VerifyError::Malformed),
            (r#"{"alg":"RS256","kid":7}"#, VerifyError::Malformed),
            (
                r#"{"alg":"RS256","crit":["exp"]}"#,
                VerifyError::CriticalExtension,
            ),
            (
                r#"{"alg":"RS256","crit":[]}"#,
                VerifyError::CriticalExtension,
            ),
            (
                r#"{"alg":"RS256","crit":null}"#,
                VerifyError::CriticalExtension,
            ),
            (r#"{"alg":"RS256"} x"#, VerifyError::Malformed),
            (r"[]", VerifyError::Malformed),
            ("", VerifyError::Malformed),
        ];
        for (json, expected) in rows {
            assert_eq!(header(json), Err(expected), "{json}");
        }
    }

    #[test]
    fn only_three_parts_of_strict_base64url_are_a_token() {
        let sound = |bearer: &str| {
            let bearer = bearer.replace('H', &BASE64URL_NOPAD.encode(br#"{"alg":"RS256"}"#));
            Halves::cut(&bearer).is_some_and(|halves| {
                Decoded::parse(halves).is_ok_and(|decoded| decoded.read(halves).is_ok())
            })
        };
        assert!(sound("H.e30.e30"));
        let rows = [
            "",
            ".",
            "..",
            "H",
            "H.e30",
            "H.e30.e30.e30",
            "H.e30.e30.e30.e30",
            "H=.e30.e30",
            "H.e30=.e30",
            "H.e30.e30=",
            "H.e3 0.e30",
            "H.e31.e30",
            "H.e30.e31",
            "H.e30.e3\n0",
            "H.e30.\u{e9}",
            " H.e30.e30",
        ];
        for bearer in rows {
            assert!(!sound(bearer), "{bearer}");
        }
    }

    #[test]
    fn a_token_larger_than_any_sound_one_is_not_looked_at() {
        let sound = format!("e30.{}.c2ln", "A".repeat(MAX_TOKEN_BYTES - 9));
        assert!(Halves::cut(&sound).is_some());
        assert!(Halves::cut(&format!("{sound}A")).is_none());
    }
}

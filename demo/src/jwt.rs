//! The host application as an issuer: an ES256 key made at start, its JWK set, and the JWTs it signs.
//!
//! ES256 keeps the JWTs short enough for a cookie and for a line of shell.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::people::Person;
use crate::random;

/// The audience that Gantry is told to expect.
pub(crate) const AUDIENCE: &str = "chat";

/// Signs JWTs as the host application.
pub(crate) struct Signer {
    issuer: String,
    key: EncodingKey,
    key_id: String,
    jwks: Value,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    iat: u64,
    exp: u64,
    preferred_username: &'a str,
    name: &'a str,
    email: String,
    email_verified: bool,
}

impl Signer {
    /// Makes a key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) fn new(issuer: String) -> anyhow::Result<Self> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
            .ok()
            .context("cannot make a signing key")?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref())
            .ok()
            .context("cannot read the signing key back")?;
        // An uncompressed point: one byte of form, then both coordinates (SEC 1, 2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = (&point[1..33], &point[33..65]);
        let key_id = random::text(8)?;
        let jwks = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key_id,
            "x": BASE64URL_NOPAD.encode(x), "y": BASE64URL_NOPAD.encode(y),
        }]});
        Ok(Self {
            issuer,
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
            key_id,
            jwks,
        })
    }

    /// The public half, as `/.well-known/jwks.json` serves it.
    pub(crate) fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// A JWT for a person in a host session, good for `life` from `now` on.
    ///
    /// # Errors
    /// When the key refuses to sign.
    pub(crate) fn sign(
        &self,
        person: &Person,
        sid: &str,
        now: SystemTime,
        life: Duration,
    ) -> anyhow::Result<String> {
        let claims = Claims {
            iss: &self.issuer,
            aud: AUDIENCE,
            sub: person.username,
            sid,
            iat: unix_seconds(now),
            exp: unix_seconds(now + life),
            preferred_username: person.username,
            name: person.name,
            email: person.email(),
            email_verified: true,
        };
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.key).context("cannot sign a JWT")
    }
}

/// Whole seconds since 1970, as `exp` counts them.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

    use super::*;
    use crate::people::PEOPLE;

    #[test]
    fn the_published_key_verifies_what_was_signed() {
        let signer = Signer::new("http://host.test".to_owned()).unwrap();
        let now = gantry::clock::Clock::system().now();
        let jwt = signer
            .sign(&PEOPLE[0], "sid-1", now, Duration::from_secs(600))
            .unwrap();

        let keys: JwkSet = serde_json::from_value(signer.jwks().clone()).unwrap();
        let key_id = decode_header(&jwt).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&key_id).unwrap()).unwrap();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&["http://host.test"]);
        let claims = decode::<Value>(&jwt, &key, &rules).unwrap().claims;

        assert_eq!(claims["preferred_username"], "alice");
        assert_eq!(claims["sid"], "sid-1");
        assert_eq!(
            claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
            600
        );
    }
}

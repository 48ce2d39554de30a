//! The issuer of the bench: one RSA key, as many users and tokens as asked for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

/// Signs JWTs.
pub(crate) struct Issuer {
    key: EncodingKey,
    public_pem: String,
    /// Of another issuer, for tokens by the hundred thousand.
    quick: EncodingKey,
    quick_public_pem: String,
}

impl Issuer {
    /// Makes a key.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let private: Pkcs8V1Der<'_> = pair.as_der()?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let key = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes())?;
        let quick = Ed25519KeyPair::generate()?;
        let quick_private = quick.to_pkcs8v1()?;
        let quick_public: PublicKeyX509Der<'_> = quick.public_key().as_der()?;
        Ok(Self {
            key,
            public_pem: pem("PUBLIC KEY", public.as_ref()),
            quick: EncodingKey::from_ed_pem(pem("PRIVATE KEY", quick_private.as_ref()).as_bytes())?,
            quick_public_pem: pem("PUBLIC KEY", quick_public.as_ref()),
        })
    }

    /// The public key of the other issuer.
    pub(crate) fn quick_public_pem(&self) -> &str {
        &self.quick_public_pem
    }

    /// The time of day in so long, as `exp` has it.
    pub(crate) fn in_time(&self, time: Duration) -> u64 {
        now() + time.as_secs()
    }

    /// How long it is until then.
    pub(crate) fn until(&self, expires: u64) -> Duration {
        Duration::from_secs(expires.saturating_sub(now()))
    }

    /// A token of the other issuer.
    pub(crate) fn quick_token(&self, user: usize, expires: u64) -> anyhow::Result<String> {
        let claims = json!({
            "iss": "https://quick.example.com",
            "aud": "chat",
            "sub": format!("quick-{user}"),
            "sid": format!("session-{user}"),
            "preferred_username": format!("quick.user-{user}"),
            "iat": now(),
            "exp": expires,
        });
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::EdDSA),
            &claims,
            &self.quick,
        )?)
    }

    /// The public key, for Gantry.
    pub(crate) fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// A token of this user; `serial` makes it one of its own.
    pub(crate) fn token(&self, user: usize, serial: usize) -> anyhow::Result<String> {
        let now = now();
        let claims = json!({
            "iss": "https://host.example.com",
            "aud": "chat",
            "sub": format!("user-{user}"),
            "sid": format!("session-{user}"),
            "preferred_username": format!("bench.user-{user}"),
            "name": "A User of the Bench",
            "email": format!("user-{user}@example.com"),
            "email_verified": true,
            "iat": now,
            "exp": now + 3600,
            "jti": serial.to_string(),
        });
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::RS256),
            &claims,
            &self.key,
        )?)
    }
}

fn now() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the bench has no clock to be moved"
    )]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let mut pem = format!("-----BEGIN {kind}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {kind}-----\n"));
    pem
}

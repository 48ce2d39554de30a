//! JWTs for as many users as asked for, each in a host session of its own.
//!
//! The session claim is new with every run, so the sessions at Gantry are, too; the users are the same as long as the
//! prefix is.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use aws_lc_rs::rand;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

use crate::options::Tokens;
use crate::{say, write_private};

/// What is tried when no algorithm is given: what fits one key fits no other.
const FITTING: [Algorithm; 4] = [
    Algorithm::RS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Signs and writes them all.
///
/// # Errors
/// When the key cannot be read or does not fit, or the file cannot be written.
pub(crate) fn write(wanted: &Tokens) -> anyhow::Result<()> {
    let key_text = std::fs::read(&wanted.key_file)
        .with_context(|| format!("{} cannot be read", wanted.key_file.display()))?;
    let (algorithm, key) = fitting(wanted, &key_text)?;
    let mut header = Header::new(algorithm);
    header.kid.clone_from(&wanted.key_id);
    let run = run_id()?;
    let now = now();
    let mut text = String::new();
    for number in 1..=wanted.users {
        let claims = claims(wanted, number, (&run, now));
        let jwt = jsonwebtoken::encode(&header, &claims, &key).context("a JWT cannot be signed")?;
        text.push_str(&jwt);
        text.push('\n');
    }
    write_private(&wanted.file, &text)?;
    say(&format!(
        "{} JWTs ({algorithm:?}, good for {} min) are in {}; whoever reads them can be these users: delete them after the test",
        wanted.users,
        wanted.life,
        wanted.file.display(),
    ));
    Ok(())
}

fn claims(wanted: &Tokens, number: u32, (run, now): (&str, u64)) -> Map<String, Value> {
    let username = format!("{}-{number}", wanted.prefix);
    let fixed = json!({
        "iss": wanted.issuer,
        "aud": wanted.audience,
        "sub": username,
        "sid": format!("{run}-{number}"),
        "iat": now,
        "exp": now + u64::from(wanted.life) * 60,
        "preferred_username": username,
        "name": format!("Load Test {number}"),
        "email": format!("{username}@{}", wanted.email_domain),
        "email_verified": true,
    });
    let Value::Object(mut claims) = fixed else {
        return Map::new();
    };
    claims.extend(wanted.claims.iter().cloned());
    claims
}

/// The key in the form that the algorithm wants.
fn fitting(wanted: &Tokens, text: &[u8]) -> anyhow::Result<(Algorithm, EncodingKey)> {
    let tried = match &wanted.algorithm {
        Some(algorithm) => std::slice::from_ref(algorithm),
        None => &FITTING[..],
    };
    for algorithm in tried {
        // Some keys are only found not to fit when they sign.
        let fits = key(*algorithm, text)
            .filter(|key| jsonwebtoken::encode(&Header::new(*algorithm), &json!({}), key).is_ok());
        if let Some(key) = fits {
            return Ok((*algorithm, key));
        }
    }
    bail!(
        "{} is no private key for {tried:?}: it must be PEM, and PKCS#8 unless it is an RSA key \
         (openssl pkcs8 -topk8 -nocrypt -in KEY); for a shared secret give --algorithm HS256",
        wanted.key_file.display()
    )
}

fn key(algorithm: Algorithm, text: &[u8]) -> Option<EncodingKey> {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            Some(EncodingKey::from_secret(text.trim_ascii_end()))
        }
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(text).ok(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(text).ok(),
        _rsa => EncodingKey::from_rsa_pem(text).ok(),
    }
}

fn run_id() -> anyhow::Result<String> {
    let mut bytes = [0; 6];
    rand::fill(&mut bytes)
        .ok()
        .context("the system gives no randomness")?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// Whole seconds since 1970, as `exp` counts them.
fn now() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a load test has no clock to be moved"
    )]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

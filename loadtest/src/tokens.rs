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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::Ed25519KeyPair;
    use clap::Parser as _;
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use tempfile::TempDir;

    use super::*;
    use crate::options::{Command, Options};

    /// Writes JWTs with this key, and what came of it.
    fn written(key: &str, more: &[&str]) -> anyhow::Result<(TempDir, Vec<String>)> {
        let folder = tempfile::tempdir()?;
        let (key_file, file) = (folder.path().join("key"), folder.path().join("tokens.txt"));
        std::fs::write(&key_file, key)?;
        let fixed = [
            "kit",
            "tokens",
            "--issuer",
            "https://app.example",
            "--audience",
            "chat",
        ];
        let files = [
            "--key-file",
            key_file.to_str().unwrap(),
            "--file",
            file.to_str().unwrap(),
        ];
        let words = fixed.iter().chain(&files).chain(more);
        let Command::Tokens(wanted) = Options::parse_from(words).command else {
            panic!("not tokens")
        };
        write(&wanted)?;
        let lines = std::fs::read_to_string(&file)?;
        Ok((folder, lines.lines().map(str::to_owned).collect()))
    }

    const SECRET: &str = "a shared secret that is long enough for everybody\n";

    fn claims_of(jwt: &str) -> Map<String, Value> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&["chat"]);
        rules.set_issuer(&["https://app.example"]);
        let key = DecodingKey::from_secret(SECRET.trim_end().as_bytes());
        decode(jwt, &key, &rules).unwrap().claims
    }

    #[test]
    fn everybody_gets_a_jwt_of_their_own_that_says_what_was_asked() {
        let more = [
            "--algorithm",
            "HS256",
            "--users",
            "3",
            "--life",
            "5",
            "--prefix",
            "storm",
            "--key-id",
            "k7",
            "--claim",
            "tenant=7",
            "--claim",
            "realm=chat",
        ];

        let (_folder, jwts) = written(SECRET, &more).unwrap();
        let (_other, later) = written(SECRET, &more).unwrap();

        let all: Vec<_> = jwts.iter().map(|jwt| claims_of(jwt)).collect();
        let subjects: Vec<_> = all
            .iter()
            .map(|claims| claims["sub"].as_str().unwrap())
            .collect();
        assert_eq!(subjects, ["storm-1", "storm-2", "storm-3"]);
        let first = &all[0];
        assert_eq!(first["preferred_username"], "storm-1");
        assert_eq!(first["email"], "storm-1@load.example");
        assert_eq!(
            first["exp"].as_u64().unwrap() - first["iat"].as_u64().unwrap(),
            300
        );
        assert_eq!(
            (&first["tenant"], &first["realm"]),
            (&json!(7), &json!("chat"))
        );
        assert_ne!(first["sid"], all[1]["sid"]);
        assert_ne!(
            first["sid"],
            claims_of(&later[0])["sid"],
            "a session of the last run"
        );
        assert_eq!(decode_header(&jwts[0]).unwrap().kid.as_deref(), Some("k7"));
    }

    #[test]
    fn the_algorithm_is_the_one_that_fits_the_key() {
        let rsa = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let rsa: Pkcs8V1Der<'_> = rsa.as_der().unwrap();
        let edwards = Ed25519KeyPair::generate().unwrap();
        let edwards = edwards.to_pkcs8v1().unwrap();

        for (der, algorithm) in [
            (rsa.as_ref(), Algorithm::RS256),
            (edwards.as_ref(), Algorithm::EdDSA),
        ] {
            let (_folder, jwts) =
                written(&crate::key::pem("PRIVATE KEY", der), &["--users", "1"]).unwrap();

            assert_eq!(decode_header(&jwts[0]).unwrap().alg, algorithm);
        }
    }

    #[test]
    fn a_key_that_fits_nothing_is_refused_with_the_mend() {
        let refused = written(SECRET, &[]).unwrap_err().to_string();

        assert!(
            refused.contains("openssl pkcs8") && refused.contains("HS256"),
            "{refused}"
        );
    }

    #[test]
    fn nobody_else_may_read_the_jwts() {
        let (folder, _jwts) = written(SECRET, &["--algorithm", "HS256", "--users", "1"]).unwrap();

        let mode = std::fs::metadata(folder.path().join("tokens.txt"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

//! The whole way of a bearer: which tokens are believed, what a verified token says, and what is remembered.

use std::collections::HashSet;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::clock::unix_seconds;
use crate::config::issuer::KeySource;
use crate::jwt::VerifyError;
use crate::jwt::tests::host::Host;
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{Bench, PUBLIC, SECRET, issuer, secret_issuer};

#[tokio::test]
async fn every_algorithm_verifies_with_its_key_from_a_key_set() {
    let signers = PUBLIC.map(|algorithm| {
        let kid: &'static str = match algorithm {
            Algorithm::ES256 => "es256",
            Algorithm::ES384 => "es384",
            Algorithm::EdDSA => "eddsa",
            _ => "rsa",
        };
        Signer::new(algorithm, kid)
    });
    let host = Host::start().await;
    let seen = &mut HashSet::new();
    let distinct = signers.iter().filter(|signer| seen.insert(signer.kid));
    host.serve("/keys", key_set(distinct.map(Signer::jwk)));
    let bench = Bench::new([issuer(KeySource::JwksUrl(host.at("/keys")))]);

    for signer in &signers {
        let token = signer.token(&bench.claims(json!({})));
        let verified = bench.verify(&token).await;
        assert!(verified.is_ok(), "{:?}: {verified:?}", signer.algorithm);
    }
}

#[tokio::test]
async fn a_shared_secret_verifies_hs256_without_any_fetch() {
    let bench = Bench::new([secret_issuer()]);
    assert!(bench.readiness.missing().is_empty());

    let signer = Signer::secret(SECRET.as_bytes());
    let claims = bench.claims(json!({
        "sid": "s1", "preferred_username": "alice", "name": "Alice", "email": "a@example.com",
        "email_verified": true,
    }));
    let verified = bench.verify(&signer.token(&claims)).await.unwrap();

    let principal = &verified.principal;
    assert_eq!(&*principal.issuer, claims["iss"]);
    assert_eq!(&*principal.subject, "u1");
    assert_eq!(principal.session_claim.as_deref(), Some("s1"));
    assert_eq!(principal.profile.username.as_deref(), Some("alice"));
    assert_eq!(principal.profile.name.as_deref(), Some("Alice"));
    assert_eq!(principal.profile.email.as_deref(), Some("a@example.com"));
    assert!(principal.profile.email_verified);
    assert_eq!(principal.profile.roles, None);
    assert_eq!(unix_seconds(verified.expires_at), claims["exp"]);
    assert_eq!(verified.issued_at.map(unix_seconds), claims["iat"].as_u64());
}

#[tokio::test]
async fn one_host_session_is_one_name_over_all_its_tokens() {
    let bench = Bench::new([secret_issuer()]);
    let signer = Signer::secret(SECRET.as_bytes());
    let verify = async |changes| {
        let token = signer.token(&bench.claims(changes));
        bench.verify(&token).await.unwrap()
    };
    let first = verify(json!({"sid": "s1"})).await;
    let newer = verify(json!({"sid": "s1", "jti": "2"})).await;
    let other = verify(json!({"sid": "s2"})).await;
    let person = verify(json!({"sid": "s1", "sub": "u2"})).await;

    assert_eq!(first.principal.host_session, newer.principal.host_session);
    assert_ne!(first.fingerprint, newer.fingerprint);
    assert_ne!(first.principal.host_session, other.principal.host_session);
    assert_eq!(first.principal.key, other.principal.key);
    assert_ne!(first.principal.host_session, person.principal.host_session);
    assert_ne!(first.principal.key, person.principal.key);
}

#[tokio::test]
async fn a_verified_token_is_known_until_it_expires() {
    let bench = Bench::new([secret_issuer()]);
    let token = Signer::secret(SECRET.as_bytes()).token(&bench.claims(json!({})));
    assert!(bench.verifier.known(&token).is_none());

    bench.verify(&token).await.unwrap();
    assert!(bench.verifier.known(&token).is_some());
    bench.verify(&token).await.unwrap();
    assert_eq!(
        bench.counted("gantry_token_verifications_total{result=\"ok\"}"),
        1
    );
    assert_eq!(
        bench.counted("gantry_token_verifications_total{result=\"cached\"}"),
        2
    );

    // exp lies 300 s ahead, the leeway is 30 s.
    bench.hand.advance(Duration::from_secs(329));
    assert!(bench.verifier.known(&token).is_some());
    bench.hand.advance(Duration::from_secs(1));
    assert!(bench.verifier.known(&token).is_none());
    assert_eq!(
        bench.verify(&token).await.unwrap_err(),
        VerifyError::Expired
    );
    assert_eq!(
        bench.counted("gantry_token_verifications_total{result=\"expired\"}"),
        1
    );
}

#[tokio::test]
async fn a_forgotten_token_is_verified_anew() {
    let bench = Bench::new([secret_issuer()]);
    let token = Signer::secret(SECRET.as_bytes()).token(&bench.claims(json!({})));
    let verified = bench.verify(&token).await.unwrap();
    bench.verifier.forget(verified.fingerprint);
    assert!(bench.verifier.known(&token).is_none());
    assert!(bench.verify(&token).await.is_ok());
}

#[tokio::test]
async fn a_known_token_with_another_signature_is_not_known() {
    let bench = Bench::new([secret_issuer()]);
    let token = Signer::secret(SECRET.as_bytes()).token(&bench.claims(json!({})));
    bench.verify(&token).await.unwrap();
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    for forged in [
        format!("{signing_input}."),
        format!("{signing_input}.{}", &signature[1..]),
        format!("{signing_input}.{first}{}", &signature[1..]),
        format!("{signing_input}.{signature}A"),
    ] {
        assert!(bench.verifier.known(&forged).is_none(), "{forged}");
        assert!(bench.verify(&forged).await.is_err(), "{forged}");
    }
}

#[tokio::test]
async fn a_token_of_nobody_configured_is_refused() {
    let bench = Bench::new([secret_issuer()]);
    let signer = Signer::secret(SECRET.as_bytes());
    for other in [
        "https://app.example.com/",
        "https://APP.example.com",
        "",
        "x",
    ] {
        let token = signer.token(&bench.claims(json!({"iss": other})));
        let outcome = bench.verify(&token).await.unwrap_err();
        assert_eq!(outcome, VerifyError::UnknownIssuer, "{other}");
    }
    let token = signer.token(&bench.claims(json!({"iss": null})));
    let outcome = bench.verify(&token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::MissingClaim { claim: "iss" });
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_named_and_opens_nothing() {
    let pem = Signer::new(Algorithm::ES256, "k").public_pem();
    for secret in ["too short", &pem] {
        let keys = KeySource::Secret(crate::secret::Secret::new(secret.to_owned()));
        let bench = Bench::new([issuer(keys)]);
        let token = Signer::secret(secret.as_bytes()).token(&bench.claims(json!({})));
        let outcome = bench.verify(&token).await.unwrap_err();
        assert_eq!(outcome, VerifyError::KeysUnavailable);
        let missing = bench.readiness.missing().join("\n");
        assert!(
            missing.starts_with("keys of issuer https://app.example.com: the secret "),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn verifying_can_be_left_to_any_task() {
    let bench = Bench::new([secret_issuer()]);
    let token = Signer::secret(SECRET.as_bytes()).token(&bench.claims(json!({})));
    let verifier = bench.verifier.clone();
    let bearer = crate::secret::Bearer::new(token);
    let task = tokio::spawn(async move { verifier.verify(&bearer).await.is_ok() });
    assert!(task.await.unwrap());
}

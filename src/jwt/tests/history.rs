//! Security history of the field: each advisory that concerns verification as a test.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::config::issuer::{Issuer, KeySource};
use crate::jwt::VerifyError;
use crate::jwt::tests::host::Host;
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{Bench, SECRET, issuer, secret_issuer};

/// One issuer for each way to give a public key, with names of their own.
async fn issuers_of(signer: &Signer) -> (Bench, Vec<String>) {
    let host = Host::start().await;
    host.serve("/keys", key_set([signer.jwk()]));
    let pem = std::env::temp_dir().join(format!("gantry-history-{}.pem", std::process::id()));
    std::fs::write(&pem, signer.public_pem()).unwrap();
    let sources = [
        KeySource::JwksUrl(host.at("/keys")),
        KeySource::PublicKeyFile(pem.clone()),
    ];
    let named = |(index, source): (usize, KeySource)| Issuer {
        issuer: format!("issuer-{index}"),
        ..issuer(source)
    };
    let rules: Vec<_> = sources.into_iter().enumerate().map(named).collect();
    let names: Vec<_> = rules.iter().map(|rules| rules.issuer.clone()).collect();
    let bench = Bench::new(rules);
    for name in &names {
        let token = signer.token(&bench.claims(json!({"iss": name})));
        bench.verify(&token).await.unwrap();
    }
    std::fs::remove_file(pem).unwrap();
    (bench, names)
}

#[tokio::test]
async fn cve_2026_39999_a_public_key_is_never_an_hmac_secret() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let signer = Signer::new(algorithm, "k");
        let (bench, names) = issuers_of(&signer).await;
        let pem = signer.public_pem();
        let jwk = signer.jwk().to_string();
        let secrets = [pem.as_bytes(), pem.trim_end().as_bytes(), jwk.as_bytes()];
        for (name, secret) in names.iter().flat_map(|name| secrets.map(|s| (name, s))) {
            let token = Signer::secret(secret)
                .token_with(json!({"kid": "k"}), &bench.claims(json!({"iss": name})));
            let outcome = bench.verify(&token).await.unwrap_err();
            assert_eq!(outcome, VerifyError::AlgorithmNotAccepted, "{algorithm:?}");
        }
    }
}

#[tokio::test]
async fn cve_2026_39999_an_hmac_algorithm_in_the_config_of_a_public_key_opens_nothing() {
    let (host, signer) = (Host::start().await, Signer::new(Algorithm::RS256, "k"));
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([Issuer {
        algorithms: vec![Algorithm::RS256, Algorithm::HS256],
        ..issuer(KeySource::JwksUrl(host.at("/keys")))
    }]);
    let forged = Signer::secret(signer.public_pem().as_bytes()).token(&bench.claims(json!({})));
    let outcome = bench.verify(&forged).await.unwrap_err();
    assert_eq!(outcome, VerifyError::UnknownKey);
}

#[tokio::test]
async fn cve_2026_39999_a_token_without_signature_is_refused_for_every_key_type() {
    let public = Signer::new(Algorithm::ES256, "k");
    let (bench, mut names) = issuers_of(&public).await;
    names.push(crate::jwt::tests::ISSUER.to_owned());
    let with_secret = Bench::new([secret_issuer()]);
    for name in &names {
        let bench = if name.starts_with("issuer-") {
            &bench
        } else {
            &with_secret
        };
        let claims = bench.claims(json!({"iss": name})).to_string();
        for algorithm in ["none", "None", "NONE", "nOnE", "", "HS1"] {
            let header = json!({"alg": algorithm}).to_string();
            let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
            for signature in ["", "AAAA"] {
                let token = format!("{}.{}.{signature}", encode(&header), encode(&claims));
                let outcome = bench.verify(&token).await.unwrap_err();
                assert_eq!(outcome, VerifyError::UnsupportedAlgorithm, "{algorithm}");
            }
        }
    }
}

#[tokio::test]
async fn cve_2024_47077_a_token_of_one_issuer_is_never_valid_for_another() {
    let (host_a, host_b) = (Host::start().await, Host::start().await);
    let (a, b) = (
        Signer::new(Algorithm::ES256, "same"),
        Signer::new(Algorithm::ES256, "same"),
    );
    host_a.serve("/keys", key_set([a.jwk()]));
    host_b.serve("/keys", key_set([b.jwk()]));
    let named = |name: &str, audience: &str, host: &Host| Issuer {
        issuer: name.to_owned(),
        audiences: vec![audience.to_owned()],
        ..issuer(KeySource::JwksUrl(host.at("/keys")))
    };
    let bench = Bench::new([
        named("a", "chat-a", &host_a),
        named("b", "chat-b", &host_b),
        // Shares its keys with `a`, not its audience.
        named("c", "chat-c", &host_a),
    ]);
    let claims =
        |issuer: &str, audience: &str| bench.claims(json!({"iss": issuer, "aud": audience}));
    let rows = [
        (&a, "a", "chat-a", None),
        (&b, "b", "chat-b", None),
        (&a, "c", "chat-c", None),
        (&a, "b", "chat-b", Some(VerifyError::BadSignature)),
        (&b, "a", "chat-a", Some(VerifyError::BadSignature)),
        (&a, "a", "chat-c", Some(VerifyError::WrongAudience)),
        (&a, "c", "chat-a", Some(VerifyError::WrongAudience)),
    ];
    for (signer, issuer, audience, expected) in rows {
        let token = signer.token(&claims(issuer, audience));
        let outcome = bench.verify(&token).await.map(|_| ()).err();
        assert_eq!(outcome, expected, "{issuer} {audience}");
    }

    let sessions = ["a", "c"].map(|issuer| a.token(&claims(issuer, &format!("chat-{issuer}"))));
    let [first, second] = &sessions;
    let (first, second) = (
        bench.verify(first).await.unwrap(),
        bench.verify(second).await.unwrap(),
    );
    assert_ne!(first.principal.key, second.principal.key);
    assert_ne!(first.principal.host_session, second.principal.host_session);
}

#[tokio::test]
async fn cve_2026_33496_what_one_verifier_remembers_means_nothing_to_another() {
    let strict = Issuer {
        audiences: vec!["other".to_owned()],
        ..secret_issuer()
    };
    let (first, second) = (Bench::new([secret_issuer()]), Bench::new([strict]));
    let token = Signer::secret(SECRET.as_bytes()).token(&first.claims(json!({})));
    first.verify(&token).await.unwrap();
    assert!(second.verifier.known(&token).is_none());
    let outcome = second.verify(&token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::WrongAudience);
}

#[tokio::test]
async fn cve_2026_33496_every_hit_runs_the_policy_again() {
    let bench = Bench::new([Issuer {
        max_age: std::time::Duration::from_secs(60),
        ..secret_issuer()
    }]);
    let token = Signer::secret(SECRET.as_bytes()).token(&bench.claims(json!({})));
    bench.verify(&token).await.unwrap();
    bench.hand.advance(std::time::Duration::from_secs(90));
    assert!(bench.verifier.known(&token).is_none());
    assert_eq!(bench.verify(&token).await.unwrap_err(), VerifyError::TooOld);
}

#[tokio::test]
async fn istio_jwks_hardening_keys_that_a_token_brings_are_ignored() {
    let (host, evil) = (Host::start().await, Host::start().await);
    let (signer, stranger) = (
        Signer::new(Algorithm::ES256, "k"),
        Signer::new(Algorithm::ES256, "k"),
    );
    host.serve("/keys", key_set([signer.jwk()]));
    evil.serve("/keys", key_set([stranger.jwk()]));
    let bench = Bench::new([issuer(KeySource::JwksUrl(host.at("/keys")))]);
    let url = evil.at("/keys").to_string();
    for header in [
        json!({"jku": url}),
        json!({"x5u": url}),
        json!({"jwk": stranger.jwk()}),
        json!({"jku": url, "kid": url}),
        json!({"jwk": stranger.jwk(), "kid": "other"}),
        json!({"x5c": ["AAAA"], "x5t": "AAAA"}),
    ] {
        let token = stranger.token_with(header.clone(), &bench.claims(json!({})));
        assert!(bench.verify(&token).await.is_err(), "{header}");
        // The same members do no harm to a token that the issuer signed under its own key.
        if header.get("kid").is_none() {
            let token = signer.token_with(header.clone(), &bench.claims(json!({})));
            assert!(bench.verify(&token).await.is_ok(), "{header}");
        }
    }
    assert_eq!(evil.asked(), 0);
}

#[tokio::test]
async fn a_logout_token_of_the_issuer_is_no_bearer() {
    let bench = Bench::new([secret_issuer()]);
    let signer = Signer::secret(SECRET.as_bytes());
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let claims = bench.claims(json!({"events": events, "sid": "s1", "jti": "1"}));
    let typed = signer.token_with(json!({"typ": "logout+jwt"}), &claims);
    let outcome = bench.verify(&typed).await.unwrap_err();
    assert_eq!(outcome, VerifyError::WrongType);
    let plain = signer.token(&claims);
    let outcome = bench.verify(&plain).await.unwrap_err();
    assert_eq!(outcome, VerifyError::SecurityEvent);
    let disguised = signer.token_with(json!({"typ": "logout+jwt"}), &bench.claims(json!({})));
    let outcome = bench.verify(&disguised).await.unwrap_err();
    assert_eq!(outcome, VerifyError::WrongType);
}

#[tokio::test]
async fn a_revoked_ecdsa_token_does_not_come_back_by_its_twin_signature() {
    let (host, signer) = (Host::start().await, Signer::new(Algorithm::ES256, "k"));
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([issuer(KeySource::JwksUrl(host.at("/keys")))]);
    let token = signer.token(&bench.claims(json!({})));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let twin = format!("{message}.{}", twin_signature(signature));
    assert_ne!(token, twin);
    let (first, second) = (bench.verify(&token).await, bench.verify(&twin).await);
    assert_eq!(first.unwrap().fingerprint, second.unwrap().fingerprint);
}

/// Of an ECDSA signature (r, s), the other valid one: (r, n - s).
fn twin_signature(signature: &str) -> String {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = data_encoding::HEXLOWER.decode(ORDER.as_bytes()).unwrap();
    let mut signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let mut borrow = 0;
    for (byte, order) in signature[32..].iter_mut().zip(&order).rev() {
        let difference = i16::from(*order) - i16::from(*byte) - borrow;
        borrow = i16::from(difference < 0);
        *byte = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    BASE64URL_NOPAD.encode(&signature)
}

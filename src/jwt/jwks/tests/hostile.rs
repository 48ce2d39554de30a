//! Issuers and networks that misbehave, and discovery documents that lie.

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::config::issuer::{Issuer, KeySource};
use crate::jwt::VerifyError;
use crate::jwt::jwks::source::MAX_BYTES;
use crate::jwt::jwks::tests::REFRESH;
use crate::jwt::tests::host::Host;
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{Bench, eventually, issuer};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Waits for the one latch to tell why there are no keys, and proves that a token is refused then.
async fn refused(rules: Issuer, reason: &str) {
    let name = rules.issuer.clone();
    let bench = Bench::new([rules]);
    let told = format!("keys of issuer {name}: {reason}");
    eventually(&told, || bench.readiness.missing() == [told.as_str()]).await;
    let signer = Signer::new(Algorithm::ES256, "a");
    let token = signer.token(&bench.claims(json!({"iss": name})));
    let outcome = bench.verify(&token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::KeysUnavailable);
}

fn keys_at(host: &Host) -> Issuer {
    issuer(KeySource::JwksUrl(host.at("/keys")))
}

/// An issuer with discovery whose name is the host's own URL, without the slash.
fn discovered(host: &Host) -> Issuer {
    Issuer {
        issuer: host.url.as_str().trim_end_matches('/').to_owned(),
        ..issuer(KeySource::Discovery)
    }
}

#[tokio::test]
async fn cve_2026_31837_an_unreachable_or_empty_key_set_denies() {
    let host = Host::start().await;
    let rows = [
        (r#"{"keys":[]}"#, "no usable key: the set has no keys"),
        (
            r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
            "no usable key: a shared secret does not belong into a key set",
        ),
        (
            "{}",
            "not a JWK set: a JSON object with a list `keys` was expected",
        ),
        (
            "",
            "not a JWK set: a JSON object with a list `keys` was expected",
        ),
    ];
    for (body, reason) in rows {
        host.serve("/keys", body);
        refused(keys_at(&host), reason).await;
    }
    host.fail("/keys", 404);
    let reason = "issuer answered 404 when asked for its keys";
    refused(keys_at(&host), reason).await;

    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", closed.local_addr().unwrap());
    drop(closed);
    let rules = issuer(KeySource::JwksUrl(url.parse().unwrap()));
    refused(rules, "issuer could not be asked for its keys").await;
}

#[tokio::test]
async fn cve_2026_31837_a_set_that_becomes_empty_withdraws_every_key() {
    let (host, signer) = (Host::start().await, Signer::new(Algorithm::ES256, "a"));
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([keys_at(&host)]);
    let token = signer.token(&bench.claims(json!({"exp": 9_999_999_999_u64})));
    bench.verify(&token).await.unwrap();
    host.serve("/keys", key_set([]));
    bench.hand.advance(REFRESH);
    eventually("forgotten", || bench.verifier.known(&token).is_none()).await;
    let outcome = bench.verify(&token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::KeysUnavailable);
    assert_eq!(bench.readiness.missing().len(), 1);
}

#[tokio::test]
async fn istio_jwks_hardening_an_answer_larger_than_any_key_set_is_refused() {
    let host = Host::start().await;
    host.serve("/keys", " ".repeat(MAX_BYTES + 1));
    refused(keys_at(&host), "answer is larger than 256 KiB").await;
}

#[tokio::test]
async fn istio_jwks_hardening_redirects_lead_only_where_they_may() {
    let (host, signer) = (Host::start().await, Signer::new(Algorithm::ES256, "a"));
    let rows = [
        (
            "http://169.254.169.254/keys",
            "host of a key set or redirect has an address that is not public",
        ),
        (
            "file:///etc/passwd",
            "redirect is not followed: its scheme is another or a weaker one",
        ),
        (
            "/keys",
            "redirect is not followed: there are more than three",
        ),
        ("http://[", "redirect is not followed: its target is no URL"),
    ];
    for (target, reason) in rows {
        host.redirect("/keys", target);
        refused(keys_at(&host), reason).await;
    }

    host.redirect("/keys", "/moved");
    host.serve("/moved", key_set([signer.jwk()]));
    let bench = Bench::new([keys_at(&host)]);
    let token = signer.token(&bench.claims(json!({})));
    assert!(bench.verify(&token).await.is_ok());
}

#[tokio::test]
async fn discovery_leads_to_the_keys() {
    let (host, signer) = (Host::start().await, Signer::new(Algorithm::ES256, "a"));
    let rules = discovered(&host);
    let name = rules.issuer.clone();
    let document =
        json!({"issuer": name, "jwks_uri": host.at("/keys").as_str(), "scopes_supported": []});
    host.serve(DISCOVERY, document.to_string());
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([rules]);
    let token = signer.token(&bench.claims(json!({"iss": name})));
    assert!(bench.verify(&token).await.is_ok());
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn a_discovery_document_that_lies_is_refused() {
    let host = Host::start().await;
    let rules = discovered(&host);
    let name = &rules.issuer;
    let rows = [
        (
            json!({"issuer": format!("{name}/"), "jwks_uri": host.at("/keys").as_str()}),
            "issuer's discovery document names another issuer",
        ),
        (
            json!({"issuer": "https://other.example", "jwks_uri": host.at("/keys").as_str()}),
            "issuer's discovery document names another issuer",
        ),
        (
            json!({"issuer": name}),
            "issuer's discovery document is not one",
        ),
        (
            json!({"issuer": name, "jwks_uri": "keys"}),
            "issuer's discovery document has a `jwks_uri` that is no URL",
        ),
        (
            json!({"issuer": name, "jwks_uri": "file:///etc/passwd"}),
            "redirect is not followed: its scheme is another or a weaker one",
        ),
        (
            json!({"issuer": name, "jwks_uri": "http://169.254.169.254/keys"}),
            "host of a key set or redirect has an address that is not public",
        ),
    ];
    for (document, reason) in rows {
        host.serve(DISCOVERY, document.to_string());
        refused(discovered(&host), reason).await;
    }
    let nameless = Issuer {
        issuer: "host application".to_owned(),
        ..issuer(KeySource::Discovery)
    };
    let reason = "issuer's name is not a URL, so it has no discovery document";
    refused(nameless, reason).await;
}

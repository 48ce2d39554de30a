//! Tokens that somebody made or bent: one public answer to all of them, over TCP as in the verifier's own tests.

use data_encoding::BASE64URL_NOPAD;
use gantry::clock::unix_seconds;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, slug};
use crate::support::issuer::{AUDIENCE, ISSUER};

const ECHO: &str = "/api/v1/gantry-test.echo";

async fn refused(gateway: &Gateway, token: &str) {
    let before = gateway.rc.requests().len();
    let answer = gateway.get(ECHO, token).send().await.unwrap();
    assert_eq!(answer.status(), 401, "{token}");
    assert_eq!(slug(answer).await, "invalid-token", "{token}");
    assert_eq!(gateway.rc.requests().len(), before, "{token}");
}

#[tokio::test]
async fn cve_2026_25537_times_of_a_wrong_type_are_refused() {
    let gateway = Gateway::start().await;
    let soon = unix_seconds(gateway.clock.now()) + 300;
    for odd in [
        json!(soon.to_string()),
        json!([soon]),
        json!({}),
        json!(true),
        json!(-1),
        json!(1.5e300),
        json!(u64::MAX),
        json!(""),
    ] {
        for claim in ["exp", "nbf", "iat"] {
            let token = gateway.issuer.token_with("alice", json!({ claim: odd }));
            refused(&gateway, &token).await;
        }
    }
    refused(
        &gateway,
        &gateway.issuer.token_with("alice", json!({ "exp": null })),
    )
    .await;
    let token = gateway.issuer.token_with("alice", json!({ "exp": soon }));
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn cve_2024_47077_a_token_for_somebody_else_is_refused() {
    let gateway = Gateway::start().await;
    for changes in [
        json!({ "iss": "https://other.example.com" }),
        json!({ "iss": format!("{ISSUER}/") }),
        json!({ "iss": ISSUER.to_uppercase() }),
        json!({ "iss": [ISSUER] }),
        json!({ "iss": null }),
        json!({ "aud": "other" }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "aud": AUDIENCE.to_uppercase() }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
    ] {
        refused(&gateway, &gateway.issuer.token_with("alice", changes)).await;
    }
}

#[tokio::test]
async fn cve_2026_39999_neither_the_token_nor_a_public_key_chooses_the_algorithm() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut parts = token.split('.');
    let (head, claims, signature) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    let published = gateway
        .client
        .get(gateway.issuer.jwks_url())
        .send()
        .await
        .unwrap();
    let published = published.text().await.unwrap();
    let key: Value = serde_json::from_str(&published).unwrap();
    let key = &key["keys"][0];
    for alg in ["none", "None", "HS256", "ES384", "RS256", ""] {
        let forged = json!({ "alg": alg, "typ": "JWT", "kid": key["kid"] }).to_string();
        let forged = BASE64URL_NOPAD.encode(forged.as_bytes());
        for signature in ["", signature] {
            refused(&gateway, &format!("{forged}.{claims}.{signature}")).await;
        }
    }
    let claims: Value =
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    let coordinates = ["x", "y"].map(|name| key[name].as_str().unwrap());
    for secret in [
        published.as_bytes(),
        key.to_string().as_bytes(),
        coordinates.concat().as_bytes(),
        b"",
    ] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = key["kid"].as_str().map(str::to_owned);
        let forged =
            jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
        refused(&gateway, &forged).await;
    }
    refused(
        &gateway,
        &format!("{head}.{}.{signature}", BASE64URL_NOPAD.encode(b"{}")),
    )
    .await;
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
}

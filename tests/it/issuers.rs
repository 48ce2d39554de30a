//! Who signs: several issuers side by side, their keys from everywhere they may come from, and new keys while Gantry runs.

use std::io::Write as _;
use std::sync::Arc;

use gantry::config::Config;
use gantry::config::issuer::{Issuer as Setting, KeySource};
use gantry::secret::Secret;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, slug};
use crate::support::issuer::{ISSUER, Issuer};
use crate::support::world::World;

const OTHER: &str = "https://intranet.example.org";
const SECRET: &str = "a secret of more than thirty-two bytes, as HS256 wants";

/// The only issuer of the config, changed.
fn change_issuer(config: &mut Config, change: impl FnOnce(&mut Setting)) {
    let mut setting = Setting::clone(&config.issuers[0]);
    change(&mut setting);
    config.issuers = vec![Arc::new(setting)];
}

async fn me(gateway: &Gateway, token: &str) -> Value {
    let answer = gateway.get("/api/v1/me", token).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", gateway.log.text());
    answer.json().await.unwrap()
}

async fn refused(gateway: &Gateway, token: &str) {
    let answer = gateway.get("/api/v1/me", token).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(slug(answer).await, "invalid-token");
}

async fn with_second_issuer() -> (Gateway, Issuer) {
    let world = World::plain().await;
    let second = Issuer::start(world.clock.clone()).await;
    let keys = KeySource::JwksUrl(second.jwks_url().parse().unwrap());
    let gateway = world
        .gantry(|config, _| {
            let mut setting = Setting::clone(&config.issuers[0]);
            setting.issuer = OTHER.to_owned();
            setting.keys = keys;
            config.issuers.push(Arc::new(setting));
        })
        .await;
    gateway.until_ready().await;
    (gateway, second)
}

#[tokio::test]
async fn the_same_subject_at_two_issuers_is_two_principals() {
    let (gateway, second) = with_second_issuer().await;
    let of_first = gateway.issuer.token_with("alice", json!({ "sub": "7" }));
    let of_second = second.token_with("anna", json!({ "iss": OTHER, "sub": "7" }));
    let first = me(&gateway, &of_first).await;
    let other = me(&gateway, &of_second).await;
    assert_eq!(
        (&first["username"], &other["username"]),
        (&json!("alice"), &json!("anna"))
    );
    assert_ne!(first["_id"], other["_id"]);
    assert_eq!(gateway.metric("gantry_sessions").await, 2.0);
    // One's logout leaves the other alone.
    gateway
        .post("/_gantry/logout", &of_first)
        .send()
        .await
        .unwrap();
    refused(&gateway, &of_first).await;
    assert_eq!(me(&gateway, &of_second).await["username"], "anna");
}

#[tokio::test]
async fn a_username_of_one_issuer_is_not_taken_over_by_another_issuers_person() {
    let (gateway, second) = with_second_issuer().await;
    me(&gateway, &gateway.issuer.token("alice")).await;
    let token = second.token_with("alice", json!({ "iss": OTHER }));
    let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(slug(answer).await, "not-permitted");
    gateway
        .log
        .until_line(&["another principal acts as", "users.username"])
        .await;
}

#[tokio::test]
async fn a_token_of_one_issuer_in_the_name_of_another_is_refused() {
    let (gateway, second) = with_second_issuer().await;
    refused(&gateway, &second.token("alice")).await;
    refused(
        &gateway,
        &gateway.issuer.token_with("alice", json!({ "iss": OTHER })),
    )
    .await;
    refused(
        &gateway,
        &second.token_with("alice", json!({ "iss": "https://nobody.example" })),
    )
    .await;
}

#[tokio::test]
async fn a_rotated_key_is_found_without_a_restart_and_the_withdrawn_one_is_dead() {
    let gateway = Gateway::start().await;
    let old = gateway.issuer.token("alice");
    assert_eq!(me(&gateway, &old).await["username"], "alice");
    gateway.issuer.rotate();
    // Unknown keys cause a fetch, but not at once again after the last.
    gateway.hand.advance(std::time::Duration::from_secs(11));
    let new = gateway.issuer.token("bob");
    assert_eq!(me(&gateway, &new).await["username"], "bob");
    refused(&gateway, &old).await;
}

#[tokio::test]
async fn keys_are_found_by_discovery() {
    let world = World::plain().await;
    let url = world.issuer.url();
    let gateway = world
        .gantry(|config, _| {
            change_issuer(config, |setting| {
                setting.issuer.clone_from(&url);
                setting.keys = KeySource::Discovery;
            });
        })
        .await;
    gateway.until_ready().await;
    let token = gateway.issuer.token_with("alice", json!({ "iss": url }));
    assert_eq!(me(&gateway, &token).await["username"], "alice");
    refused(
        &gateway,
        &gateway.issuer.token_with("alice", json!({ "iss": ISSUER })),
    )
    .await;
}

#[tokio::test]
async fn a_public_key_may_come_from_a_file() {
    let world = World::plain().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(world.issuer.public_key().as_bytes())
        .unwrap();
    let gateway = world
        .gantry(|config, _| {
            change_issuer(config, |setting| {
                setting.keys = KeySource::PublicKeyFile(file.path().to_owned());
            });
        })
        .await;
    gateway.until_ready().await;
    assert_eq!(
        me(&gateway, &gateway.issuer.token("alice")).await["username"],
        "alice"
    );
    gateway.issuer.rotate();
    refused(&gateway, &gateway.issuer.token("bob")).await;
}

#[tokio::test]
async fn a_shared_secret_makes_hs256_tokens_and_nothing_else() {
    let world = World::plain().await;
    let gateway = world
        .gantry(|config, _| {
            change_issuer(config, |setting| {
                setting.algorithms = vec![Algorithm::HS256];
                setting.keys = KeySource::Secret(Secret::new(SECRET.to_owned()));
            });
        })
        .await;
    gateway.until_ready().await;
    let signed = |secret: &str, algorithm| {
        let claims = gateway.issuer.claims("alice", json!({}));
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
    };
    assert_eq!(
        me(&gateway, &signed(SECRET, Algorithm::HS256)).await["username"],
        "alice"
    );
    refused(
        &gateway,
        &signed(
            "another secret of more than thirty-two bytes",
            Algorithm::HS256,
        ),
    )
    .await;
    refused(&gateway, &signed(SECRET, Algorithm::HS384)).await;
    refused(&gateway, &gateway.issuer.token("alice")).await;
}

#[tokio::test]
async fn an_issuer_whose_clock_is_ahead_or_behind_is_believed_within_the_leeway() {
    let gateway = Gateway::start().await;
    let now = gantry::clock::unix_seconds(gateway.clock.now());
    let ahead = |by: u64| json!({ "iat": now + by, "nbf": now + by, "exp": now + by + 600 });
    me(&gateway, &gateway.issuer.token_with("alice", ahead(20))).await;
    refused(&gateway, &gateway.issuer.token_with("bob", ahead(60))).await;
    let behind = |by: u64| json!({ "iat": now - 600, "exp": now - by });
    me(&gateway, &gateway.issuer.token_with("carol", behind(20))).await;
    refused(&gateway, &gateway.issuer.token_with("dave", behind(60))).await;
}

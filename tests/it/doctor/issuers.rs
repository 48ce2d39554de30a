//! Issuers: away, wrong, without keys, with keys that are no good, behind certificates that are not believed; and their clocks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use gantry::app::doctor::{State, examine};
use gantry::config::issuer::{Issuer, KeySource};
use gantry::secret::Secret;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{assert_told, find, report};
use crate::support::gateway::config;
use crate::support::issuer::ISSUER;
use crate::support::world::World;

/// Answers everything with this status and text, at this time if one is given; its URL.
async fn answering(status: u16, text: String, date: Option<SystemTime>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(move || {
        let text = text.clone();
        async move {
            let mut answer = http::Response::new(text);
            *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
            if let Some(date) = date {
                let date = httpdate::fmt_http_date(date).parse().unwrap();
                answer.headers_mut().insert("date", date);
            }
            answer.map(axum::body::Body::from)
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What is said of an issuer that was changed so.
async fn told_of(change: impl FnOnce(&mut Issuer), part: &str) {
    let world = World::plain().await;
    let report = report(&world, |config| {
        change(Arc::make_mut(&mut config.issuers[0]));
    })
    .await;
    assert_told(&report, "issuer-keys", State::Failed, part);
    // An issuer's trouble is nobody else's.
    assert_told(&report, "minting", State::Ok, "");
}

fn at(url: &str) -> KeySource {
    KeySource::JwksUrl(url.parse().unwrap())
}

#[tokio::test]
async fn one_that_is_away_or_answers_something_else_is_told() {
    let world = World::plain().await;
    let url = world.issuer.jwks_url();
    world.issuer.stop().await;
    told_of(|it| it.keys = at(&url), "can be reached from here").await;
    let url = answering(404, "not here".to_owned(), None).await;
    told_of(|it| it.keys = at(&url), "answered 404").await;
    let url = answering(200, "<html>".to_owned(), None).await;
    told_of(|it| it.keys = at(&url), "not a JWK set").await;
}

#[tokio::test]
async fn one_without_keys_of_use_is_told_why() {
    let set = |keys: Value| json!({ "keys": keys }).to_string();
    let short = "w7Zdfmece8iaB0kiTY8pCtiBtzbptJmP28nSWwtdjRu0f2GFpajvWE4VhfJAjEsOcwYzay7XGN0b-X84BfC8hmCTOj2b2eHT7NsZegFPKRUQzJ9wW8ipn_aDJWMGDuB1XyqT1E7DYqjUCEOD1b4FLpy_xPn6oV_TYOfQ9fZdbE5HGxJUzekuGcOKqOQ8M7wfYHhHHLxGpQVgL0apWuP2gDDOdTtpuld4D2LK1MZK99s9gaSjRHE8JDb1Z4IGhEcEyzkxswVdPndUWzfvWBBWXWxtSUvQGBRkuy1BHOa4sP6FKjWEeeF7gm7UMs2Nm2QUgNZw6xvEDGaLk4KASdIxRQ";
    let table = [
        (set(json!([])), "the set has no keys"),
        (
            set(json!([{ "kty": "RSA", "n": &short[..168], "e": "AQAB" }])),
            "shorter than 2048",
        ),
        (
            set(json!([{ "kty": "oct", "k": "AAAA" }])),
            "a shared secret does not belong",
        ),
        (
            set(json!([{ "kty": "RSA", "n": short, "e": "AQAB" }])),
            "fits none of the issuer's `algorithms`",
        ),
    ];
    for (keys, seen) in table {
        let url = answering(200, keys, None).await;
        let rsa = seen.starts_with("shorter");
        let change = |it: &mut Issuer| {
            it.keys = at(&url);
            if rsa {
                it.algorithms = vec![Algorithm::RS256];
            }
        };
        told_of(change, seen).await;
        told_of(change, "publish a key").await;
    }
}

#[tokio::test]
async fn a_discovery_document_must_name_the_issuer() {
    let world = World::plain().await;
    let name = world.issuer.url();
    let change = |it: &mut Issuer| {
        it.issuer = format!("{name}/");
        it.keys = KeySource::Discovery;
    };
    told_of(change, "names another issuer").await;
    told_of(change, "set `issuer` to the exact name").await;
    let url = answering(200, "{}".to_owned(), None).await;
    let change = |it: &mut Issuer| {
        it.issuer.clone_from(&url);
        it.keys = KeySource::Discovery;
    };
    told_of(change, "set `jwks_url` when the issuer offers no discovery").await;
    // And one that does is well.
    let report = report(&world, |config| {
        let it = Arc::make_mut(&mut config.issuers[0]);
        it.issuer.clone_from(&name);
        it.keys = KeySource::Discovery;
    })
    .await;
    assert_eq!(find(&report, "issuer-keys", &name).state, State::Ok);
}

#[tokio::test]
async fn files_and_secrets_are_looked_at_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let keys = KeySource::PublicKeyFile(path.clone());
    told_of(|it| it.keys = keys, "Gantry may read it").await;
    std::fs::write(&path, "no key").unwrap();
    let keys = KeySource::JwksFile(path);
    told_of(|it| it.keys = keys, "not a JWK set").await;
    let keys = KeySource::Secret(Secret::new("short".to_owned()));
    told_of(|it| it.keys = keys, "32 bytes").await;
}

#[tokio::test]
async fn every_issuer_has_its_own_line() {
    let world = World::plain().await;
    let report = report(&world, |config| {
        let mut second = Issuer::clone(&config.issuers[0]);
        second.issuer = "https://other.example.com".to_owned();
        second.keys = at("http://127.0.0.1:1/jwks.json");
        config.issuers.push(Arc::new(second));
    })
    .await;
    assert_eq!(find(&report, "issuer-keys", ISSUER).state, State::Ok);
    let second = find(&report, "issuer-keys", "https://other.example.com");
    assert_eq!(second.state, State::Failed);
}

#[tokio::test]
async fn a_clock_of_an_issuer_that_is_off_is_told_by_how_much() {
    let keys = json!({ "keys": [] }).to_string();
    let table = [
        (0_i64, State::Ok, "agrees"),
        (-3, State::Ok, "agrees"),
        (10, State::Warning, "NTP"),
        (-12, State::Warning, "NTP"),
        (3600, State::Failed, "more than the leeway"),
        (-3600, State::Failed, "NTP"),
    ];
    for (seconds, state, part) in table {
        let world = World::plain().await;
        let by = Duration::from_secs(seconds.unsigned_abs());
        let now = world.clock.now();
        let date = if seconds < 0 { now - by } else { now + by };
        let url = answering(200, keys.clone(), Some(date)).await;
        let mut config = config(&world.rc, &world.issuer);
        let it = Arc::make_mut(&mut config.issuers[0]);
        it.keys = at(&url);
        it.leeway = Duration::from_secs(60);
        let report = Box::pin(examine(&config, world.clock.clone()))
            .await
            .unwrap();
        let finding = find(&report, "clock", ISSUER);
        assert_eq!(finding.state, state, "{seconds}\n{}", report.table());
        let told = format!("{finding:?}");
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn a_clock_of_ours_that_is_off_is_told_for_rocketchat_too() {
    let world = World::plain().await;
    let config = config(&world.rc, &world.issuer);
    world.hand.advance(Duration::from_secs(3600));
    let report = Box::pin(examine(&config, world.clock.clone()))
        .await
        .unwrap();
    assert_eq!(find(&report, "clock", ISSUER).state, State::Failed);
    assert_eq!(find(&report, "clock", "Rocket.Chat").state, State::Warning);
}

//! Starting while others are away: alive at once, ready when they are there, by itself; and what is said meanwhile.

use std::time::Duration;

use lookalike::{Manner, Options};

use crate::support::eventually::eventually;
use crate::support::gateway::{Gateway, slug};
use crate::support::issuer::ISSUER;
use crate::support::world::World;

const ECHO: &str = "/api/v1/gantry-test.echo";

/// Lets time pass until it is ready.
async fn ready_in_time(gateway: &Gateway) {
    let ready = async {
        while gateway.admin("/readyz").await.0 != 200 {
            gateway.hand.advance(Duration::from_secs(1));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ready)
        .await
        .expect("gantry heals by itself");
}

async fn until_missing(gateway: &Gateway, what: &str) -> String {
    let missing = async {
        loop {
            let (status, text) = gateway.admin("/readyz").await;
            assert_eq!(status, 503);
            if text.contains(what) {
                return text;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), missing)
        .await
        .unwrap_or_else(|_| panic!("{what} is never said to be missing"))
}

async fn status(gateway: &Gateway, token: &str) -> u16 {
    gateway
        .get(ECHO, token)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn rocketchat_away_at_start_delays_readiness_and_not_liveness() {
    let world = World::plain().await;
    world.rc.stop().await;
    let gateway = world.gantry(|_, _| ()).await;
    let missing = until_missing(&gateway, "rocketchat: ").await;
    assert!(
        missing.lines().any(|line| line.starts_with("rocketchat: ")),
        "{missing}"
    );
    assert_eq!(gateway.admin("/livez").await, (200, "live\n".to_owned()));
    gateway.log.until_line(&["Rocket.Chat: unreachable"]).await;
    let token = gateway.issuer.token("alice");
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(slug(answer).await, "upstream-unreachable");
    gateway.rc.restart().await.unwrap();
    ready_in_time(&gateway).await;
    assert_eq!(status(&gateway, &token).await, 200);
}

#[tokio::test]
async fn rocketchat_away_later_is_told_to_those_who_ask_and_heals() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, &token).await, 200);
    gateway.rc.stop().await;
    for person in [&token, &gateway.issuer.token("bob")] {
        let answer = gateway.get(ECHO, person).send().await.unwrap();
        assert_eq!(answer.status(), 502);
        assert_eq!(slug(answer).await, "upstream-unreachable");
    }
    gateway
        .log
        .until_line(&["\"level\":\"ERROR\"", "upstream-unreachable"])
        .await;
    assert_eq!(gateway.admin("/readyz").await.0, 200);
    gateway.rc.restart().await.unwrap();
    // Alice's session was kept meanwhile.
    assert_eq!(status(&gateway, &token).await, 200);
    assert_eq!(gateway.rc.calls("POST", "/api/v1/users.createToken"), 1);
    assert_eq!(status(&gateway, &gateway.issuer.token("bob")).await, 200);
}

#[tokio::test]
async fn an_issuer_away_at_start_is_named_and_its_tokens_are_put_off() {
    let world = World::plain().await;
    world.issuer.stop().await;
    let gateway = world.gantry(|_, _| ()).await;
    let latch = format!("keys of issuer {ISSUER}: ");
    until_missing(&gateway, &latch).await;
    assert_eq!(gateway.admin("/livez").await.0, 200);
    let token = gateway.issuer.token("alice");
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(slug(answer).await, "keys-unavailable");
    gateway
        .log
        .until_line(&[
            "keys of issuer",
            "could not be read",
            "all its tokens are refused",
        ])
        .await;
    gateway.issuer.restart().await;
    ready_in_time(&gateway).await;
    assert_eq!(status(&gateway, &token).await, 200);
}

#[tokio::test]
async fn an_issuer_away_later_hinders_nobody_whose_key_is_known() {
    let gateway = Gateway::start().await;
    gateway.issuer.stop().await;
    gateway.hand.advance(Duration::from_secs(24 * 3600));
    gateway
        .log
        .until_line(&["could not be read", "the known ones stay in use"])
        .await;
    assert_eq!(status(&gateway, &gateway.issuer.token("alice")).await, 200);
    assert_eq!(gateway.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn a_refused_service_account_is_named_with_what_to_do() {
    let gateway = World::plain()
        .await
        .gantry(|config, world| {
            config.rocketchat.service_account = gantry::config::rocketchat::ServiceAccount::Token {
                user_id: world.rc.service_user_id(),
                auth_token: gantry::secret::Secret::new("of-somebody-else".to_owned()),
            };
        })
        .await;
    until_missing(&gateway, "rocketchat: ").await;
    let missing = until_missing(&gateway, "service account").await;
    assert!(
        missing.contains("the token is unknown to Rocket.Chat"),
        "{missing}"
    );
    let answer = gateway
        .get(ECHO, &gateway.issuer.token("alice"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(slug(answer).await, "upstream-refused");
    gateway
        .log
        .until_line(&["service account", "the token is unknown to Rocket.Chat"])
        .await;
    assert!(!gateway.log.text().contains("of-somebody-else"));
}

#[tokio::test]
async fn a_missing_create_token_secret_is_named() {
    let gateway = World::new(Options::new(Manner::V80))
        .await
        .gantry(|config, _| config.rocketchat.create_token_secret = None)
        .await;
    let missing = until_missing(&gateway, "create_token_secret").await;
    assert!(missing.starts_with("rocketchat: "), "{missing}");
}

#[tokio::test]
async fn both_away_are_both_named() {
    let world = World::plain().await;
    world.rc.stop().await;
    world.issuer.stop().await;
    let gateway = world.gantry(|_, _| ()).await;
    until_missing(&gateway, "keys of issuer").await;
    let missing = until_missing(&gateway, "rocketchat: ").await;
    assert_eq!(missing.lines().count(), 2, "{missing}");
    eventually("both are told", || {
        let text = gateway.log.text();
        text.contains("keys of issuer") && text.contains("Rocket.Chat: ")
    })
    .await;
    gateway.rc.restart().await.unwrap();
    gateway.issuer.restart().await;
    ready_in_time(&gateway).await;
}

//! The commands that ask something running: `healthcheck` its own kind, `whois` the issuer and, with `--live`, Rocket.Chat.

use gantry::app::{self, healthcheck};
use gantry::config::Config;
use gantry::secret::Bearer;
use serde_json::json;

use crate::support::gateway::{Gateway, config};
use crate::support::issuer::ISSUER;
use crate::support::world::World;

fn of(gateway: &Gateway) -> Config {
    config(&gateway.rc, &gateway.issuer)
}

async fn whois(gateway: &Gateway, token: String, live: bool) -> Result<String, String> {
    let told = app::whois(&of(gateway), &Bearer::new(token), live).await;
    told.map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn healthcheck_tells_whether_somebody_lives_there() {
    let gateway = Gateway::start().await;
    let mut config = of(&gateway);
    config.admin.address = gateway.running.admin_address();
    healthcheck(&config).await.unwrap();
    gateway.running.stop().await;
    let error = healthcheck(&config).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("cannot be reached"),
        "{error:#}"
    );
}

#[tokio::test]
async fn healthcheck_does_not_depend_on_others() {
    let world = World::plain().await;
    world.rc.stop().await;
    world.issuer.stop().await;
    let gateway = world.gantry(|_, _| ()).await;
    let mut config = of(&gateway);
    config.admin.address = gateway.running.admin_address();
    healthcheck(&config).await.unwrap();
}

#[tokio::test]
async fn healthcheck_believes_no_stranger() {
    let gateway = Gateway::start().await;
    let mut config = of(&gateway);
    // There is no `/livez` at an issuer.
    let issuer = gateway.issuer.url();
    config.admin.address = issuer.strip_prefix("http://").unwrap().parse().unwrap();
    assert!(healthcheck(&config).await.is_err());
}

#[tokio::test]
async fn whois_tells_who_a_token_is_without_touching_rocketchat() {
    let gateway = Gateway::start().await;
    gateway.rc.forget_requests();
    let told = whois(&gateway, gateway.issuer.token("alice"), false)
        .await
        .unwrap();
    for line in [
        format!("issuer:       {ISSUER}"),
        "subject:      subject of alice".to_owned(),
        "host session: main".to_owned(),
        "user:         alice".to_owned(),
    ] {
        assert!(told.lines().any(|said| said == line), "{line}\n{told}");
    }
    assert!(gateway.rc.requests().is_empty());
}

#[tokio::test]
async fn whois_live_asks_rocketchat_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let told = whois(&gateway, token.clone(), true).await.unwrap();
    assert!(told.contains("not there; would be created"), "{told}");
    assert!(gateway.rc.created_users().is_empty());
    gateway.get("/api/v1/me", &token).send().await.unwrap();
    let told = whois(&gateway, token, true).await.unwrap();
    let user = gateway.rc.user("alice").unwrap();
    assert!(
        told.contains(&format!("{}, active, type user, roles user", user.id)),
        "{told}"
    );
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    let nobody = gateway
        .issuer
        .token_with("x", json!({ "sid": null, "preferred_username": null }));
    let error = whois(&gateway, nobody, false).await.unwrap_err();
    assert!(error.contains("maps to no username"), "{error}");
}

#[tokio::test]
async fn whois_says_why_a_token_is_refused() {
    let gateway = Gateway::start().await;
    let expired = gateway
        .issuer
        .token_with("alice", json!({ "exp": 1_000_000_000 }));
    for (token, reason) in [
        (expired, "expired"),
        (
            gateway
                .issuer
                .token_with("alice", json!({ "aud": "another" })),
            "audience",
        ),
        ("nonsense".to_owned(), "token is refused"),
    ] {
        let error = whois(&gateway, token, false).await.unwrap_err();
        assert!(error.contains("the token is refused"), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

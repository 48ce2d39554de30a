//! What a logout token ends: by subject, by session, or one session of one subject; what is live, what is on its way, and what nobody
//! has shown yet.

use std::time::Duration;

use gantry::config::issuer::KeySource;
use lookalike::{Fault, FaultKind, Latch};
use serde_json::{Value, json};

use super::{ECHO, OTHER, changed, ends, send, status};
use crate::support::gateway::{Gateway, slug};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;
use crate::support::world::World;

const CREATE_TOKEN: &str = "/api/v1/users.createToken";

/// A host session with its open socket.
struct There {
    token: String,
    socket: Socket,
}

impl There {
    async fn come(gateway: &Gateway, person: &str, changes: Value) -> Self {
        Self::by(gateway, gateway.issuer.token_with(person, changes)).await
    }

    async fn by(gateway: &Gateway, token: String) -> Self {
        let mut socket = Socket::open(gateway, &token).await;
        socket.connect_ddp().await;
        Self { token, socket }
    }

    async fn is_over(&mut self, gateway: &Gateway) {
        assert_eq!(self.socket.closed().await, Some(4401));
        let answer = gateway.get("/api/v1/me", &self.token).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(slug(answer).await, "invalid-token");
    }

    async fn goes_on(&mut self, gateway: &Gateway) {
        self.socket.ping().await;
        assert_eq!(status(gateway, &self.token).await, 200);
    }
}

/// Alice in two host sessions and in one without a claim; Bob in a host session of the same claim as her first.
struct Four {
    gateway: Gateway,
    first: There,
    second: There,
    unnamed: There,
    bob: There,
}

impl Four {
    async fn new() -> Self {
        let gateway = Gateway::start().await;
        Self {
            first: There::come(&gateway, "alice", json!({ "sid": "one" })).await,
            second: There::come(&gateway, "alice", json!({ "sid": "two" })).await,
            unnamed: There::come(&gateway, "alice", json!({ "sid": null })).await,
            bob: There::come(&gateway, "bob", json!({ "sid": "one" })).await,
            gateway,
        }
    }
}

#[tokio::test]
async fn a_subject_alone_ends_every_host_session_of_it() {
    let mut four = Four::new().await;
    ends(&four.gateway, json!({ "sub": "subject of alice" })).await;
    four.first.is_over(&four.gateway).await;
    four.second.is_over(&four.gateway).await;
    four.unnamed.is_over(&four.gateway).await;
    four.bob.goes_on(&four.gateway).await;
    four.gateway.until_live_tokens("alice", 0).await;
    four.gateway.until_live_tokens("bob", 1).await;
    let series = r#"gantry_credentials_revoked_total{cause="backchannel-logout",result="ok"} "#;
    assert_eq!(four.gateway.metric(series).await, 3.0);
    let cause = r#""cause":"backchannel-logout""#;
    four.gateway
        .log
        .until_line(&["a session ended", cause, "\"ended_by\":\"issuer\""])
        .await;
}

#[tokio::test]
async fn a_session_alone_ends_it_whoever_it_is_of() {
    let mut four = Four::new().await;
    ends(&four.gateway, json!({ "sid": "one" })).await;
    four.first.is_over(&four.gateway).await;
    four.bob.is_over(&four.gateway).await;
    four.second.goes_on(&four.gateway).await;
    four.unnamed.goes_on(&four.gateway).await;
    four.gateway.until_live_tokens("alice", 2).await;
    four.gateway.until_live_tokens("bob", 0).await;
}

#[tokio::test]
async fn both_end_that_one_host_session_and_the_one_that_may_be_it() {
    let mut four = Four::new().await;
    ends(
        &four.gateway,
        json!({ "sub": "subject of alice", "sid": "one" }),
    )
    .await;
    four.first.is_over(&four.gateway).await;
    // Its JWTs do not say to which session they belong.
    four.unnamed.is_over(&four.gateway).await;
    four.second.goes_on(&four.gateway).await;
    four.bob.goes_on(&four.gateway).await;
    four.gateway.until_live_tokens("alice", 1).await;
    four.gateway.until_live_tokens("bob", 1).await;
}

#[tokio::test]
async fn jwts_that_nobody_has_shown_yet_are_refused_and_newer_ones_are_not() {
    for names in [
        json!({ "sub": "subject of alice" }),
        json!({ "sid": "main" }),
        json!({ "sub": "subject of alice", "sid": "main" }),
    ] {
        let gateway = Gateway::start().await;
        let kept_back = gateway.issuer.token("alice");
        gateway.hand.advance(Duration::from_secs(5));
        ends(&gateway, names.clone()).await;
        assert_eq!(status(&gateway, &kept_back).await, 401, "{names}");
        assert!(gateway.rc.user("alice").is_none(), "{names}");
        gateway.hand.advance(Duration::from_secs(5));
        let newer = gateway.issuer.token("alice");
        assert_eq!(status(&gateway, &newer).await, 200, "{names}");
        assert_eq!(status(&gateway, &kept_back).await, 401, "{names}");
    }
}

#[tokio::test]
async fn jwts_without_iat_are_refused_altogether() {
    let gateway = Gateway::start().await;
    let shown = gateway
        .issuer
        .token_with("alice", json!({ "iat": null, "jti": "1" }));
    let kept_back = gateway
        .issuer
        .token_with("alice", json!({ "iat": null, "jti": "2" }));
    assert_eq!(status(&gateway, &shown).await, 200);
    ends(&gateway, json!({ "sub": "subject of alice" })).await;
    assert_eq!(status(&gateway, &shown).await, 401);
    assert_eq!(status(&gateway, &kept_back).await, 401);
    gateway.hand.advance(Duration::from_secs(1));
    assert_eq!(status(&gateway, &gateway.issuer.token("alice")).await, 200);
    assert_eq!(status(&gateway, &kept_back).await, 401);
}

#[tokio::test]
async fn an_issuer_whose_clock_is_ahead_means_its_own_present() {
    let gateway = Gateway::start().await;
    let now = gantry::clock::unix_seconds(gateway.clock.now());
    let ahead = gateway
        .issuer
        .token_with("alice", json!({ "iat": now + 20 }));
    assert_eq!(status(&gateway, &ahead).await, 200);
    let unseen = gateway
        .issuer
        .token_with("alice", json!({ "iat": now + 20, "jti": "2" }));
    ends(
        &gateway,
        json!({ "sub": "subject of alice", "iat": now + 20 }),
    )
    .await;
    assert_eq!(status(&gateway, &ahead).await, 401);
    assert_eq!(status(&gateway, &unseen).await, 401);
}

#[tokio::test]
async fn what_a_session_has_shown_is_dead_also_where_its_iat_lies_ahead() {
    for names in [
        json!({ "sub": "subject of alice" }),
        json!({ "sid": "main" }),
        json!({ "sub": "subject of alice", "sid": "main" }),
    ] {
        let gateway = Gateway::start().await;
        let now = gantry::clock::unix_seconds(gateway.clock.now());
        let ahead = json!({ "iat": now + 20 });
        let shown = gateway.issuer.token_with("alice", ahead);
        assert_eq!(status(&gateway, &shown).await, 200, "{names}");
        ends(&gateway, names.clone()).await;
        assert_eq!(status(&gateway, &shown).await, 401, "{names}");
    }
}

#[tokio::test]
async fn a_stand_in_dies_with_its_session() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let begun = gateway
        .post("/_gantry/session", &token)
        .send()
        .await
        .unwrap();
    let begun: Value = begun.json().await.unwrap();
    let stand_in = begun["token"].as_str().unwrap();
    let ask = async || {
        let request = gateway.client.get(gateway.url("/api/v1/me"));
        let request = request.header("x-auth-token", stand_in);
        let request = request.header("x-user-id", begun["userId"].as_str().unwrap());
        request.send().await.unwrap().status()
    };
    assert_eq!(ask().await, 200);
    ends(&gateway, json!({ "sid": "main" })).await;
    assert_eq!(ask().await, 401);
}

#[tokio::test]
async fn an_exchange_on_its_way_ends_when_it_lands() {
    for names in [
        json!({ "sub": "subject of alice" }),
        json!({ "sid": "main" }),
        json!({ "sub": "subject of alice", "sid": "main" }),
    ] {
        let gateway = Gateway::start().await;
        let latch = Latch::new();
        let hold = FaultKind::HoldAnswer(latch.clone());
        gateway.rc.fault(Fault::times(CREATE_TOKEN, 1, hold));
        let token = gateway.issuer.token("alice");
        let request = gateway.get(ECHO, &token).send();
        let waiting = tokio::spawn(request);
        latch.until_arrived(1).await;
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
        ends(&gateway, names.clone()).await;
        latch.open();
        assert_eq!(waiting.await.unwrap().unwrap().status(), 401, "{names}");
        gateway.until_live_tokens("alice", 0).await;
        assert!(gateway.received(ECHO).is_empty(), "{names}");
        assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 1);
        let revoked =
            r#"gantry_credentials_revoked_total{cause="backchannel-logout",result="ok"} "#;
        assert_eq!(gateway.metric(revoked).await, 1.0, "{names}");
    }
}

#[tokio::test]
async fn sessions_of_another_issuer_with_the_same_names_go_on() {
    let world = World::plain().await;
    let second = Issuer::start(world.clock.clone()).await;
    let keys = KeySource::JwksUrl(second.jwks_url().parse().unwrap());
    let gateway = world
        .gantry(|config, _| {
            let other = changed(&config.issuers[0], |setting| {
                setting.issuer = OTHER.to_owned();
                setting.keys = keys;
            });
            config.issuers.push(other);
        })
        .await;
    gateway.until_ready().await;
    let mut alice = There::come(&gateway, "alice", json!({ "sub": "7" })).await;
    let changes = json!({ "iss": OTHER, "sub": "7" });
    let mut anna = There::by(&gateway, second.token_with("anna", changes)).await;
    // Neither may speak for the other: not by its own key, nor by its own name.
    let crossed = second.logout_token(json!({ "sub": "7" }));
    assert_eq!(send(&gateway, &crossed).await.status(), 400);
    let crossed = gateway
        .issuer
        .logout_token(json!({ "iss": OTHER, "sub": "7" }));
    assert_eq!(send(&gateway, &crossed).await.status(), 400);
    for names in [
        json!({ "sub": "7" }),
        json!({ "sid": "main" }),
        json!({ "sub": "7", "sid": "main" }),
    ] {
        ends(&gateway, names).await;
    }
    alice.is_over(&gateway).await;
    anna.goes_on(&gateway).await;

    // The same id at two issuers is two tokens.
    let of_first = gateway
        .issuer
        .logout_token(json!({ "sub": "9", "jti": "same" }));
    let of_second = json!({ "iss": OTHER, "sub": "7", "jti": "same" });
    assert_eq!(send(&gateway, &of_first).await.status(), 200);
    assert_eq!(
        send(&gateway, &second.logout_token(of_second))
            .await
            .status(),
        200
    );
    anna.is_over(&gateway).await;
}

#[tokio::test]
async fn logouts_while_rocketchat_is_away_are_owed() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, &token).await, 200);
    let broken = FaultKind::Status(503, "down".to_owned());
    gateway.rc.fault(Fault::always("/api/v1/logout", broken));
    ends(&gateway, json!({ "sid": "main" })).await;
    assert_eq!(status(&gateway, &token).await, 401);
    assert_eq!(gateway.metric("gantry_owed_logouts ").await, 1.0);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
}

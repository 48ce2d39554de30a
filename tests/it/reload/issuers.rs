//! Issuers that come, go and change: who is believed from the next request on, and who is not.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::reload::stage::{Stage, issuer, metric};
use crate::support::gateway::slug;
use crate::support::issuer::{ISSUER, Issuer};

/// The second issuer.
const OTHER: &str = "https://intranet.example.org";

const FETCHED: &str = "gantry_jwks_fetches_total{result=\"ok\"}";

async fn other(stage: &Stage) -> Arc<Issuer> {
    Arc::new(Issuer::start(stage.gateway.clock.clone()).await)
}

fn by_other(other: &Issuer, name: &str) -> String {
    other.token_with(name, json!({ "iss": OTHER }))
}

/// Waits until somebody is let in, whose issuer's keys may be on their way.
async fn let_in(stage: &Stage, token: &str) {
    while stage.status(token).await == 503 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.status(token).await, 200);
}

#[tokio::test]
async fn a_new_issuer_is_believed_and_the_known_ones_keys_are_not_fetched_again() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let mut socket = stage.socket(&alice).await;
    let other = other(&stage).await;
    let bob = by_other(&other, "bob");
    assert_eq!(stage.status(&bob).await, 401);

    let keys = other.jwks_url();
    stage
        .change(|config| {
            let all = config["issuers"].as_array_mut().unwrap();
            all.push(issuer(OTHER, &keys));
        })
        .await;

    let_in(&stage, &bob).await;
    assert_eq!(stage.status(&alice).await, 200);
    socket.ping().await;
    assert_eq!(metric(&stage.gateway, FETCHED), 2);
    assert_eq!(stage.gateway.rc.live_tokens("alice").len(), 1);
    stage
        .gateway
        .log
        .until_line(&["is in force", "issuers[1].issuer"])
        .await;
}

#[tokio::test]
async fn a_removed_issuers_jwts_are_refused_and_its_sessions_end_in_their_time() {
    let mut stage = Stage::start().await;
    let other = other(&stage).await;
    let keys = other.jwks_url();
    stage
        .change(|config| {
            let all = config["issuers"].as_array_mut().unwrap();
            all.push(issuer(OTHER, &keys));
        })
        .await;
    let bob = by_other(&other, "bob");
    let_in(&stage, &bob).await;
    let stand_in = stage.stand_in(&bob).await;
    let mut socket = stage.socket(&bob).await;

    stage
        .change(|config| {
            config["issuers"].as_array_mut().unwrap().truncate(1);
        })
        .await;

    assert_eq!(stage.status(&bob).await, 401);
    let newer = by_other(&other, "bob");
    assert_eq!(stage.status(&newer).await, 401);
    assert_eq!(stage.status_by_stand_in(&stand_in).await, 200);
    socket.ping().await;
    // No JWT can extend it any more: its last one's ten minutes and the grace.
    let rest = std::time::Duration::from_secs(600 + 30 + 1);
    stage.gateway.hand.advance(rest);
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(stage.status_by_stand_in(&stand_in).await, 401);
    stage.gateway.until_live_tokens("bob", 0).await;
}

#[tokio::test]
async fn a_removed_issuer_is_not_believed_on_a_socket_that_was_open_before() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let (mut socket, _) =
        crate::support::socket::Socket::with(&stage.gateway, "/websocket", &[]).await;
    socket.connect_ddp().await;
    let other = other(&stage).await;
    let keys = other.jwks_url();
    stage
        .change(|config| config["issuers"] = json!([issuer(OTHER, &keys)]))
        .await;
    let login = json!({
        "msg": "method", "method": "login", "id": "l", "params": [{ "resume": alice }],
    });
    socket.say(login.to_string()).await;
    let heard = socket.hear_until(|text| text.contains("\"result\"")).await;
    let heard: Value = serde_json::from_str(&heard).unwrap();
    assert!(heard["error"].is_object(), "{heard}");
    assert!(stage.gateway.rc.user("alice").is_none());
}

#[tokio::test]
async fn a_new_issuer_whose_keys_are_away_takes_no_readiness_and_nobody_elses_access() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let other = other(&stage).await;
    other.stop().await;
    let keys = other.jwks_url();
    stage
        .change(|config| {
            let all = config["issuers"].as_array_mut().unwrap();
            all.push(issuer(OTHER, &keys));
        })
        .await;

    let bob = by_other(&other, "bob");
    let answer = stage.gateway.get(super::stage::ECHO, &bob).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(slug(answer).await, "keys-unavailable");
    assert_eq!(stage.status(&alice).await, 200);
    assert_eq!(stage.gateway.admin("/readyz").await.0, 200);
    let (_, status) = stage.gateway.admin("/status.json").await;
    assert!(status.contains(OTHER), "{status}");

    stage
        .change(|config| {
            config["issuers"].as_array_mut().unwrap().truncate(1);
        })
        .await;
    let (_, status) = stage.gateway.admin("/status.json").await;
    assert!(!status.contains(OTHER), "{status}");
}

#[tokio::test]
async fn a_token_that_was_verified_by_the_old_rules_is_judged_by_the_new_ones() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 200);
    stage
        .change(|config| config["issuers"][0]["audiences"] = json!(["others"]))
        .await;
    assert_eq!(stage.status(&alice).await, 401);
    stage
        .change(|config| config["issuers"][0]["audiences"] = json!(["others", "chat"]))
        .await;
    assert_eq!(stage.status(&alice).await, 200);
    assert_eq!(metric(&stage.gateway, FETCHED), 1, "the keys are the same");
}

#[tokio::test]
async fn another_key_in_an_issuers_file_counts_at_the_reload() {
    let mut stage = Stage::start().await;
    let pem = stage.gateway.issuer.public_key();
    stage.write("issuer.pem", &pem);
    let path = stage.path("issuer.pem");
    stage
        .change(|config| {
            config["issuers"][0] = json!({
                "issuer": ISSUER, "audiences": ["chat"], "algorithms": ["ES256"],
                "public_key_file": path,
            });
        })
        .await;
    let before = stage.gateway.issuer.token("alice");
    let_in(&stage, &before).await;

    stage.gateway.issuer.rotate();
    let pem = stage.gateway.issuer.public_key();
    stage.write("issuer.pem", &pem);
    stage.reload("ok").await;

    let after = stage
        .gateway
        .issuer
        .token_with("alice", json!({ "sid": "second" }));
    while stage.status(&after).await != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.status(&before).await, 401);
}

#[tokio::test]
async fn a_logout_token_is_taken_once_whatever_is_reloaded_in_between() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 200);
    let logout = stage
        .gateway
        .issuer
        .logout_token(json!({ "sub": "subject of alice" }));
    let send = async |stage: &Stage| {
        let url = stage.gateway.url("/_gantry/backchannel-logout");
        let asked = stage.gateway.client.post(url);
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        let answer = asked.body(format!("logout_token={logout}")).send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!(send(&stage).await, 200);
    stage
        .change(|config| config["issuers"][0]["leeway"] = json!("31s"))
        .await;
    assert_eq!(send(&stage).await, 400);
}

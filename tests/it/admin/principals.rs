//! One principal: what is known of it, and the end of all of it.

use std::time::Duration;

use lookalike::{Fault, FaultKind, Latch};
use serde_json::json;

use crate::admin::stage::{ECHO, Office};
use crate::support::eventually::eventually;

/// The path that names the principal of this username.
fn path(username: &str) -> String {
    format!("/principals?issuer=https://app.example.com&subject=subject+of+{username}")
}

#[tokio::test]
async fn a_principal_is_told_with_its_user_its_sessions_and_its_auth_tokens() {
    let office = Office::start().await;
    office.enter("alice").await;
    office.gateway.hand.advance(Duration::from_secs(1));
    office.enter_again("alice", "other").await;
    office.enter("bob").await;
    let known = office.get(&path("alice")).await.json();
    let user = office.gateway.rc.user("alice").unwrap();
    assert_eq!(known["issuer"], "https://app.example.com");
    assert_eq!(known["subject"], "subject of alice");
    let told = json!({
        "id": user.id, "username": "alice",
        "tokensHeld": 2, "tokensOwedLogout": 0, "tokensKeptByRocketChat": 50,
    });
    assert_eq!(known["user"], told);
    let sessions = office.sessions("user=alice").await;
    assert_eq!(known["sessions"], json!(sessions));
    assert_eq!(sessions.len(), 2);
}

#[tokio::test]
async fn a_principal_that_was_never_seen_has_nothing() {
    let office = Office::start().await;
    office.enter("alice").await;
    let elsewhere = "/principals?issuer=https://elsewhere.example.com&subject=subject+of+alice";
    for path in [&*path("nobody"), elsewhere] {
        let known = office.get(path).await.json();
        assert_eq!(known["user"], json!(null));
        assert_eq!(known["sessions"], json!([]));
        assert_eq!(office.delete(path).await.json(), json!({ "ended": 0 }));
    }
    assert_eq!(office.sessions("").await.len(), 1);
}

#[tokio::test]
async fn auth_tokens_that_are_owed_a_logout_count_until_rocketchat_answered() {
    let office = Office::start().await;
    let gateway = &office.gateway;
    office.enter("alice").await;
    let other = office.enter_again("alice", "other").await;
    gateway.rc.fault(Fault::times(
        "/api/v1/logout",
        1,
        FaultKind::Status(500, "{}".to_owned()),
    ));
    gateway
        .post("/_gantry/logout", &other)
        .send()
        .await
        .unwrap();
    gateway
        .log
        .until_line(&["could not be logged out", "tried until it is"])
        .await;
    let budget = async || {
        let user = office.get(&path("alice")).await.json()["user"].clone();
        (user["tokensHeld"].clone(), user["tokensOwedLogout"].clone())
    };
    assert_eq!(budget().await, (json!(1), json!(1)));
    gateway.hand.advance(Duration::from_secs(2));
    gateway.until_live_tokens("alice", 1).await;
    let settled = async {
        while budget().await != (json!(1), json!(0)) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), settled).await;
    in_time.expect("nothing is owed any more");
}

#[tokio::test]
async fn a_revoked_principal_loses_every_session_and_every_jwt_up_to_now() {
    let office = Office::start().await;
    let gateway = &office.gateway;
    let token = office.enter("alice").await;
    let other_token = office.enter_again("alice", "other").await;
    let unseen = gateway
        .issuer
        .token_with("alice", json!({ "sid": "never shown" }));
    let ageless = gateway
        .issuer
        .token_with("alice", json!({ "sid": "ageless", "iat": null }));
    let mut sockets = [
        office.socket(&token).await,
        office.socket(&other_token).await,
    ];
    let bob = office.enter("bob").await;
    let mut bobs = office.socket(&bob).await;
    let answer = office.delete(&path("alice")).await;
    assert_eq!(answer.json(), json!({ "ended": 2 }));
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(4401));
    }
    gateway.until_live_tokens("alice", 0).await;
    gateway.hand.advance(Duration::from_secs(1));
    for dead in [&token, &other_token, &unseen, &ageless] {
        assert_eq!(office.use_token(dead).await, 401);
    }
    bobs.ping().await;
    assert_eq!(office.use_token(&bob).await, 200);
    let newer = gateway.issuer.token("alice");
    assert_eq!(office.use_token(&newer).await, 200);
    for dead in [&token, &unseen] {
        assert_eq!(office.use_token(dead).await, 401, "beside a newer session");
    }
    gateway
        .log
        .until_line(&["an administrator revoked a principal", "\"sessions\":2"])
        .await;
    assert!(!gateway.log.text().contains("subject of alice"));
}

#[tokio::test]
async fn an_exchange_that_runs_while_its_principal_is_revoked_makes_no_session() {
    let office = Office::start().await;
    let gateway = &office.gateway;
    let latch = Latch::new();
    let mint = "/api/v1/users.createToken";
    gateway
        .rc
        .fault(Fault::times(mint, 1, FaultKind::Hold(latch.clone())));
    let token = gateway.issuer.token("alice");
    let asking = tokio::spawn(gateway.get(ECHO, &token).send());
    latch.until_arrived(1).await;
    let answer = office.delete(&path("alice")).await;
    assert_eq!(answer.json(), json!({ "ended": 0 }));
    latch.open();
    assert_eq!(asking.await.unwrap().unwrap().status(), 401);
    eventually("the logout was called", || {
        gateway.received("/api/v1/logout").len() == 1
    })
    .await;
    gateway.until_live_tokens("alice", 0).await;
    assert_eq!(office.sessions("").await.len(), 0);
}

//! Sessions under changed rules: they live on, and end by what holds now.

use std::time::Duration;

use serde_json::json;

use crate::reload::stage::Stage;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_shorter_idle_timeout_ends_live_sessions_that_were_idle_for_it() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let bob = stage.gateway.issuer.token("bob");
    assert_eq!(stage.status(&alice).await, 200);
    stage.gateway.hand.advance(2 * MINUTE);
    assert_eq!(stage.status(&bob).await, 200);
    stage
        .change(|config| config["sessions"]["idle_timeout"] = json!("1m"))
        .await;
    stage.gateway.until_live_tokens("alice", 0).await;
    let ended = ["ended", "\"cause\":\"idle\""];
    stage.gateway.log.until_line(&ended).await;
    assert_eq!(stage.gateway.rc.live_tokens("bob").len(), 1);
    assert_eq!(stage.status(&bob).await, 200);
}

#[tokio::test]
async fn a_longer_grace_keeps_a_session_that_would_have_ended() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let stand_in = stage.stand_in(&alice).await;
    stage
        .change(|config| config["sessions"]["grace"] = json!("10m"))
        .await;
    stage.gateway.hand.advance(15 * MINUTE);
    assert_eq!(stage.status_by_stand_in(&stand_in).await, 200);
    assert_eq!(stage.gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn fewer_sessions_of_a_principal_hold_when_the_next_one_begins() {
    let mut stage = Stage::start().await;
    let of = |stage: &Stage, sid: &str| {
        let claims = json!({ "sid": sid });
        stage.gateway.issuer.token_with("alice", claims)
    };
    for sid in ["one", "two", "three"] {
        let token = of(&stage, sid);
        assert_eq!(stage.status(&token).await, 200);
        stage.gateway.hand.advance(Duration::from_secs(1));
    }
    stage
        .change(|config| config["sessions"]["max_per_principal"] = json!(2))
        .await;
    assert_eq!(stage.gateway.rc.live_tokens("alice").len(), 3);
    let token = of(&stage, "four");
    assert_eq!(stage.status(&token).await, 200);
    stage.gateway.until_live_tokens("alice", 2).await;
}

#[tokio::test]
async fn a_session_ends_after_its_last_socket_where_that_is_wanted_now() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let mut socket = stage.socket(&alice).await;
    stage
        .change(|config| config["sessions"]["end_on_last_socket"] = json!("60s"))
        .await;
    socket.ping().await;
    drop(socket);
    let rc = stage.gateway.rc.clone();
    crate::support::eventually::eventually("the socket has gone", || rc.sockets() == 0).await;
    crate::support::eventually::in_time(
        "its token is given back",
        &stage.gateway.hand,
        Duration::from_secs(5),
        || rc.live_tokens("alice").is_empty(),
    )
    .await;
    stage
        .gateway
        .log
        .until_line(&["\"cause\":\"last-socket\""])
        .await;
}

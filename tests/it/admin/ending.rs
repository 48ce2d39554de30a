//! An administrator's revocation of one session: its sockets, its auth token and its JWTs.

use std::time::Duration;

use crate::admin::stage::Office;
use crate::support::eventually::in_time;

#[tokio::test]
async fn a_revoked_session_ends_for_good_and_no_other_does() {
    let office = Office::start().await;
    let gateway = &office.gateway;
    let token = office.enter("alice").await;
    let id = office.session_of("alice").await["id"].clone();
    let id = id.as_str().unwrap();
    let other_token = office.enter_again("alice", "other").await;
    let stand_in = office.stand_in(&token).await;
    let mut socket = office.socket(&token).await;
    let mut other = office.socket(&other_token).await;
    let auth_tokens = gateway.rc.live_tokens("alice");
    let answer = office.delete(&format!("/sessions/{id}")).await;
    assert_eq!((answer.status, &*answer.text), (204, ""));
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(socket.closed().await, Some(4401));
    gateway.until_live_tokens("alice", 1).await;
    assert_eq!(gateway.rc.live_tokens("alice"), auth_tokens[1..]);
    assert_eq!(office.use_token(&token).await, 401, "its JWT is dead");
    assert_eq!(office.use_token(&stand_in).await, 401);
    other.ping().await;
    assert_eq!(office.use_token(&other_token).await, 200);
    gateway
        .log
        .until_line(&["an administrator revoked a session", id, "client.address"])
        .await;
    gateway
        .log
        .until_line(&[
            "a session ended",
            "\"cause\":\"revoked\"",
            "\"ended_by\":\"administrator\"",
            id,
        ])
        .await;
    let ended = "gantry_sessions_ended_total{cause=\"revoked\"}";
    assert_eq!(gateway.metric(ended).await, 1.0);
    gateway.hand.advance(Duration::from_secs(1));
    assert_eq!(office.use_token(&token).await, 401);
    let newer = gateway.issuer.token("alice");
    assert_eq!(
        office.use_token(&newer).await,
        200,
        "a later JWT begins anew"
    );
}

#[tokio::test]
async fn a_session_that_is_not_there_is_not_found() {
    let office = Office::start().await;
    let token = office.enter("alice").await;
    let session = office.session_of("alice").await;
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    office
        .gateway
        .post("/_gantry/logout", &token)
        .send()
        .await
        .unwrap();
    for path in [&*path, "/sessions/unknown", "/sessions/%20"] {
        for answer in [office.get(path).await, office.delete(path).await] {
            let (status, slug, detail) = answer.problem();
            assert_eq!((status, &*slug), (404, "not-found"), "{path}");
            assert_eq!(detail, "No live session has this id.");
        }
    }
}

#[tokio::test]
async fn a_revocation_while_rocketchat_is_away_is_owed_until_it_answers() {
    let office = Office::start().await;
    let gateway = &office.gateway;
    office.enter("alice").await;
    let session = office.session_of("alice").await;
    gateway.rc.stop().await;
    let path = format!("/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(office.delete(&path).await.status, 204);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    gateway.rc.restart().await.unwrap();
    let rc = gateway.rc.clone();
    in_time(
        "the logout was called",
        &gateway.hand,
        Duration::from_secs(1),
        || rc.live_tokens("alice").is_empty(),
    )
    .await;
}

//! An end at one replica is an end at all of them, within a second.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::stage::{LOGOUT, MINT, Replicas, by_stand_in, stand_in, status};
use crate::support::eventually::eventually;
use crate::support::gateway::{HOST_PAGE, slug};
use crate::support::socket::Socket;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_closes_the_sockets_of_other_replicas_and_refuses_the_token_there() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    let given = stand_in(a, &token).await;
    let mut socket = Socket::open(b, &token).await;
    let began = Instant::now();
    let answer = a.post("/_gantry/logout", &token).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(socket.closed().await, Some(4401));
    assert!(began.elapsed() < Duration::from_secs(1));
    let refused = b
        .get("/api/v1/gantry-test.echo", &token)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(slug(refused).await, "invalid-token");
    assert_eq!(by_stand_in(b, &given).await.status(), 401);
    a.until_live_tokens("alice", 0).await;
    assert_eq!(replicas.received(LOGOUT), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_at_a_replica_that_never_saw_the_session_ends_it() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    let mut socket = Socket::open(a, &token).await;
    let answer = b.post("/_gantry/logout", &token).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(status(a, &token).await, 401);
    b.until_live_tokens("alice", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_lets_the_token_begin_again_at_any_replica() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    let mut socket = Socket::open(a, &token).await;
    b.post("/_gantry/release", &token).send().await.unwrap();
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(status(b, &token).await, 200);
    assert_eq!(replicas.received(MINT), 2);
    a.until_live_tokens("alice", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_token_stays_refused_where_the_newer_session_was_only_found() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let old = a.issuer.token("alice");
    assert_eq!(status(b, &old).await, 200);
    a.post("/_gantry/logout", &old).send().await.unwrap();
    a.hand.advance(Duration::from_secs(2));
    let new = a.issuer.token("alice");
    assert_eq!(status(a, &new).await, 200);
    assert_eq!(status(b, &new).await, 200);
    assert_eq!(status(b, &old).await, 401);
    // A stolen old one must not end the newer session either.
    b.post("/_gantry/logout", &old).send().await.unwrap();
    assert_eq!(status(b, &new).await, 200);
    assert_eq!(status(a, &new).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_too_many_ends_wherever_it_is() {
    let replicas = Replicas::configured(2, |config| config.sessions.max_per_principal = 1).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let first = a.issuer.token_with("alice", json!({ "sid": "one" }));
    let mut socket = Socket::open(a, &first).await;
    let second = a.issuer.token_with("alice", json!({ "sid": "two" }));
    assert_eq!(status(b, &second).await, 200);
    assert_eq!(socket.closed().await, Some(4401));
    a.until_live_tokens("alice", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuers_logout_ends_sessions_of_all_replicas() {
    let replicas = Replicas::start(3).await;
    let [a, b, c] = &replicas.all[..] else {
        panic!()
    };
    let tokens = ["one", "two"].map(|sid| a.issuer.token_with("alice", json!({ "sid": sid })));
    let mut sockets = [
        Socket::open(a, &tokens[0]).await,
        Socket::open(b, &tokens[1]).await,
    ];
    let logout_token = a.issuer.logout_token(json!({ "sub": "subject of alice" }));
    let told = |gateway: &crate::support::gateway::Gateway| {
        let asked = gateway
            .client
            .post(gateway.url("/_gantry/backchannel-logout"));
        asked
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("logout_token={logout_token}"))
            .send()
    };
    assert_eq!(told(c).await.unwrap().status(), 200);
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(4401));
    }
    for (gateway, token) in [(a, &tokens[1]), (b, &tokens[0]), (c, &tokens[0])] {
        assert_eq!(status(gateway, token).await, 401);
    }
    a.until_live_tokens("alice", 0).await;
    // Taken once among all.
    assert_eq!(told(a).await.unwrap().status(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_of_one_replica_opens_its_session_at_another_once() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    let issued: Value = a
        .post("/_gantry/ticket", &token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let path = format!(
        "/_gantry/enter?to=/home&ticket={}",
        issued["ticket"].as_str().unwrap()
    );
    let entered = |gateway: &crate::support::gateway::Gateway| {
        let asked = gateway.client.request(Method::GET, gateway.url(&path));
        asked.header("referer", HOST_PAGE).send()
    };
    let statuses = [
        entered(b).await.unwrap().status(),
        entered(a).await.unwrap().status(),
    ];
    assert_eq!(statuses.map(|status| status.as_u16()), [303, 401]);
    eventually("one token", || replicas.live_tokens("alice").len() == 1).await;
}

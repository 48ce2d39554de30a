//! One auth token for all host sessions of a principal: it is logged out with the last of them.

use futures_util::future::join_all;
use gantry::config::Config;
use gantry::config::session::Scope;
use serde_json::json;

use super::stage::{ECHO, LOGOUT, MINT, Replicas, status};
use crate::support::gateway::Gateway;
use crate::support::socket::Socket;

fn shared(config: &mut Config) {
    config.sessions.scope = Scope::Principal;
}

fn tokens(gateway: &Gateway) -> [String; 2] {
    ["one", "two"].map(|sid| gateway.issuer.token_with("alice", json!({ "sid": sid })))
}

async fn logout(gateway: &Gateway, token: &str) {
    let answer = gateway.post("/_gantry/logout", token).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

/// The first ends alone, the last with the token.
async fn check(a: &Gateway, b: &Gateway) {
    let [first, last] = tokens(a);
    let mut socket = Socket::open(a, &first).await;
    assert_eq!(status(b, &last).await, 200);
    assert_eq!(a.received(MINT).len(), 1);
    let held = a.rc.live_tokens("alice");
    logout(b, &first).await;
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(status(a, &first).await, 401);
    for gateway in [a, b] {
        assert_eq!(status(gateway, &last).await, 200);
    }
    assert_eq!(a.rc.live_tokens("alice"), held);
    assert_eq!(a.received(LOGOUT).len(), 0);
    logout(a, &last).await;
    a.until_live_tokens("alice", 0).await;
    assert_eq!(a.received(LOGOUT).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_the_last_session_takes_the_shared_token_with_it() {
    let gateway = Gateway::configured(shared).await;
    check(&gateway, &gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_replicas_the_last_session_takes_the_shared_token_with_it() {
    let replicas = Replicas::configured(2, shared).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    check(a, b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_is_for_all_that_share_the_token() {
    for count in [1, 2] {
        let replicas = Replicas::configured(count, shared).await;
        let (a, b) = (&replicas.all[0], &replicas.all[count - 1]);
        let tokens = tokens(a);
        assert_eq!(
            [status(a, &tokens[0]).await, status(b, &tokens[1]).await],
            [200, 200]
        );
        replicas.world.rc.kill_tokens("alice");
        assert_eq!(status(a, &tokens[0]).await, 200);
        assert_eq!(status(b, &tokens[1]).await, 200);
        assert_eq!(replicas.received(MINT), 2);
        let last = a.received(ECHO).pop().unwrap();
        let held = replicas.live_tokens("alice");
        assert_eq!(
            last.header("x-auth-token"),
            held.first().map(String::as_str)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_end_at_once_one_is_the_last() {
    let replicas = Replicas::configured(2, shared).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    for round in 0..20 {
        let tokens = ["one", "two"].map(|sid| {
            let sid = format!("{sid} {round}");
            a.issuer.token_with("alice", json!({ "sid": sid }))
        });
        assert_eq!(
            [status(a, &tokens[0]).await, status(b, &tokens[1]).await],
            [200, 200]
        );
        join_all([logout(a, &tokens[0]), logout(b, &tokens[1])]).await;
        a.until_live_tokens("alice", 0).await;
    }
    assert_eq!(replicas.received(MINT), 20);
}

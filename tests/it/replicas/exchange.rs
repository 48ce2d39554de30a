//! One exchange, however many replicas are asked at once, and none where another has done it.

use std::time::Duration;

use futures_util::future::join_all;
use lookalike::{Fault, FaultKind};
use serde_json::json;

use super::stage::{CREATE, ECHO, MINT, Replicas, by_stand_in, stand_in, status};
use crate::support::gateway::slug;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_began_at_one_replica_is_known_to_all() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    assert_eq!(status(a, &token).await, 200);
    assert_eq!(status(b, &token).await, 200);
    assert_eq!([CREATE, MINT].map(|path| replicas.received(path)), [1, 1]);
    let used = a.received(ECHO);
    assert_eq!(
        used[0].header("x-auth-token"),
        used[1].header("x-auth-token")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_first_requests_at_three_replicas_make_one_user_and_one_token() {
    let replicas = Replicas::start(3).await;
    let token = replicas.world.issuer.token("alice");
    let asked = replicas
        .all
        .iter()
        .flat_map(|replica| (0..100).map(|_| replica.get(ECHO, &token).send()));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!([CREATE, MINT].map(|path| replicas.received(path)), [1, 1]);
    assert_eq!(replicas.live_tokens("alice").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_sessions_of_one_new_user_at_several_replicas_make_one_user() {
    let replicas = Replicas::start(3).await;
    let tokens: Vec<String> = (0..9)
        .map(|number| {
            let sid = format!("tab {number}");
            replicas
                .world
                .issuer
                .token_with("alice", json!({ "sid": sid }))
        })
        .collect();
    let asked = tokens
        .iter()
        .enumerate()
        .map(|(number, token)| replicas.all[number % 3].get(ECHO, token).send());
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!([CREATE, MINT].map(|path| replicas.received(path)), [1, 9]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rocket_chat_slower_than_a_lease_lives_is_asked_once() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let slow = FaultKind::Delay(Duration::from_secs(7));
    replicas.world.rc.fault(Fault::times(MINT, 1, slow));
    let token = a.issuer.token("alice");
    let (at_a, at_b) = tokio::join!(status(a, &token), status(b, &token));
    assert_eq!([at_a, at_b], [200, 200]);
    assert_eq!(replicas.received(MINT), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stand_in_of_one_replica_is_good_at_all_and_is_the_same_everywhere() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    let given = stand_in(a, &token).await;
    assert_eq!(by_stand_in(b, &given).await.status(), 200);
    assert_eq!(stand_in(b, &token).await, given);
    let unknown = by_stand_in(b, &"x".repeat(43)).await;
    assert_eq!(unknown.status(), 401);
    assert_eq!(slug(unknown).await, "invalid-token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_opens_anything_is_readable_in_the_store() {
    let replicas = Replicas::start(1).await;
    let a = &replicas.all[0];
    let token = a.issuer.token("alice");
    let given = stand_in(a, &token).await;
    let auth_token = replicas.live_tokens("alice").pop().unwrap();
    // Inside Redis, because keys have bytes that no command line takes.
    let everything = "local all = {} \
         for _, key in ipairs(redis.call('KEYS', '*')) do \
         all[#all + 1] = key; all[#all + 1] = redis.call('DUMP', key) end \
         return table.concat(all)";
    let seen = replicas.redis.ask(&["--raw", "EVAL", everything, "0"]);
    assert!(seen.contains("gantry:"));
    for secret in [&given, &auth_token, &token, &"alice".to_owned()] {
        assert!(!seen.contains(secret.as_str()), "{secret} is readable");
    }
}

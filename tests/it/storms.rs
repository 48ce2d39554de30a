//! Everybody at once: after Rocket.Chat came back, while the store is away, while Rocket.Chat asks all to slow down.
//!
//! Nobody gets another's session, waits are bounded and said, and in the end what lives at Rocket.Chat is what is live here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gantry::config::Config;
use lookalike::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::replicas::stage::{ECHO, Replicas};
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;
use crate::support::socket::Socket;

/// Requests under way at a time.
const AT_ONCE: usize = 100;

/// What came of many requests.
#[derive(Debug, Default)]
struct Tally {
    served: AtomicUsize,
    /// 503 with `Retry-After`.
    put_off: AtomicUsize,
}

/// Asks for each user until each was served; who is put off asks again.
async fn serve_all(replicas: &Arc<Replicas>, users: usize) -> Arc<Tally> {
    let (next, tally) = (Arc::new(AtomicUsize::new(0)), Arc::new(Tally::default()));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (replicas, next, tally) = (Arc::clone(replicas), Arc::clone(&next), Arc::clone(&tally));
        workers.spawn(async move {
            loop {
                let user = next.fetch_add(1, Ordering::Relaxed);
                if user >= users {
                    return;
                }
                let gateway = &replicas.all[user % replicas.all.len()];
                until_served(gateway, &format!("user{user}"), &tally).await;
            }
        });
    }
    workers.join_all().await;
    tally
}

async fn until_served(gateway: &Gateway, username: &str, tally: &Tally) {
    let token = gateway.issuer.token(username);
    loop {
        let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
        match answer.status().as_u16() {
            200 => {
                let me: Value = answer.json().await.unwrap();
                assert_eq!(me["username"], username);
                tally.served.fetch_add(1, Ordering::Relaxed);
                return;
            }
            503 => {
                assert!(answer.headers().contains_key("retry-after"));
                tally.put_off.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            status => panic!("{username} was answered {status}"),
        }
    }
}

async fn started(count: usize) -> Arc<Replicas> {
    let plain = |config: &mut Config| config.users.join_default_channels = false;
    Arc::new(Replicas::configured(count, plain).await)
}

/// Each user has exactly one live auth token.
async fn one_token_each(replicas: &Replicas, users: usize) {
    for user in 0..users {
        let name = format!("user{user}");
        eventually("one live token", || replicas.live_tokens(&name).len() == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_come_back_after_rocketchat_forgot_their_tokens() {
    const USERS: usize = 1000;
    let replicas = started(2).await;
    replicas.world.rc.set_recording(false);
    serve_all(&replicas, USERS).await;
    for user in 0..USERS {
        replicas.world.rc.kill_tokens(&format!("user{user}"));
    }
    let tally = serve_all(&replicas, USERS).await;
    assert_eq!(tally.served.load(Ordering::Relaxed), USERS);
    one_token_each(&replicas, USERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_come_back_at_once_and_none_is_taken_for_another() {
    const USERS: usize = 10_000;
    let replicas = started(1).await;
    replicas.world.rc.set_recording(false);
    let tally = serve_all(&replicas, USERS).await;
    assert_eq!(tally.served.load(Ordering::Relaxed), USERS);
    // Another replica finds all of them, and asks Rocket.Chat for none.
    let minted = replicas.world.rc.calls("POST", "/api/v1/users.createToken");
    let again = Arc::new(Replicas {
        all: vec![replicas.another(|_| {}).await],
        world: replicas.world.clone(),
        redis: gantry_redis::node::Node::redis(),
    });
    let tally = serve_all(&again, USERS).await;
    assert_eq!(tally.served.load(Ordering::Relaxed), USERS);
    let calls = replicas.world.rc.calls("POST", "/api/v1/users.createToken");
    assert_eq!(calls, minted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_restarted_under_load_loses_nobody() {
    const USERS: usize = 200;
    let replicas = started(2).await;
    serve_all(&replicas, USERS).await;
    let pausing = Arc::clone(&replicas);
    let pauses = tokio::spawn(async move {
        for _ in 0..3 {
            pausing.redis.pause();
            tokio::time::sleep(Duration::from_millis(700)).await;
            pausing.redis.resume();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    while !pauses.is_finished() {
        // Who is known is served all along.
        let tally = Tally::default();
        for user in 0..USERS {
            let gateway = &replicas.all[user % 2];
            until_served(gateway, &format!("user{user}"), &tally).await;
        }
        assert_eq!(tally.put_off.load(Ordering::Relaxed), 0);
    }
    pauses.await.unwrap();
    // Then it really dies and comes back with what it had written.
    let over = Arc::new(AtomicBool::new(false));
    let (known, until) = (Arc::clone(&replicas), Arc::clone(&over));
    let load = tokio::spawn(async move {
        let tally = Tally::default();
        while !until.load(Ordering::Relaxed) {
            for user in 0..USERS {
                until_served(&known.all[user % 2], &format!("user{user}"), &tally).await;
            }
        }
        tally.put_off.load(Ordering::Relaxed)
    });
    assert_eq!(replicas.redis.ask(&["save"]), "OK");
    replicas.redis.restart();
    // New ones get in as soon as it is back.
    serve_all(&replicas, 2 * USERS).await;
    over.store(true, Ordering::Relaxed);
    assert_eq!(load.await.unwrap(), 0);
    one_token_each(&replicas, 2 * USERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rocketchat_that_asks_all_to_slow_down_is_obeyed_and_all_get_in() {
    const USERS: usize = 100;
    let replicas = started(1).await;
    let gateway = &replicas.all[0];
    let limited = FaultKind::RateLimited {
        reset_in: Duration::from_secs(60),
    };
    replicas
        .world
        .rc
        .fault(Fault::always("/api/v1/users", limited));
    for user in 0..USERS {
        let token = gateway.issuer.token(&format!("user{user}"));
        let answer = gateway.get(ECHO, &token).send().await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    }
    let asked = replicas.world.rc.requests().len();
    assert!(asked < USERS, "{asked} calls were made in spite of it");
    replicas.world.rc.clear_faults();
    gateway.hand.advance(Duration::from_secs(61));
    serve_all(&replicas, USERS).await;
    one_token_each(&replicas, USERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_ends_at_once_close_every_socket_within_a_second() {
    const USERS: usize = 300;
    let replicas = started(3).await;
    replicas.world.rc.set_recording(false);
    let mut closing = JoinSet::new();
    for user in 0..USERS {
        let token = replicas.world.issuer.token(&format!("user{user}"));
        let mut socket = Socket::open(&replicas.all[user % 3], &token).await;
        let replicas = Arc::clone(&replicas);
        closing.spawn(async move {
            // All of them, once all are open.
            let other = &replicas.all[(user + 1) % 3];
            let closed = async { socket.closed().await };
            let ended = async {
                let answer = other.post("/_gantry/logout", &token).send().await.unwrap();
                assert_eq!(answer.status(), 204);
                Instant::now()
            };
            let (code, answered) = tokio::join!(async { (closed.await, Instant::now()) }, ended);
            assert_eq!(code.0, Some(4401));
            code.1.saturating_duration_since(answered)
        });
    }
    let mut waits = closing.join_all().await;
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    assert!(p99 < Duration::from_secs(1), "{p99:?}");
    for user in 0..USERS {
        let name = format!("user{user}");
        eventually("no live token", || replicas.live_tokens(&name).is_empty()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_tokens_are_wiped_goes_on_with_one_refresh() {
    let replicas = started(2).await;
    let token = replicas.world.issuer.token_with("alice", json!({}));
    for gateway in &replicas.all {
        assert_eq!(
            gateway.get(ECHO, &token).send().await.unwrap().status(),
            200
        );
    }
    replicas.world.rc.kill_tokens("alice");
    let mut asked = JoinSet::new();
    for number in 0..50 {
        let (replicas, token) = (Arc::clone(&replicas), token.clone());
        asked.spawn(async move {
            let gateway = &replicas.all[number % 2];
            gateway
                .get(ECHO, &token)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        });
    }
    assert_eq!(asked.join_all().await, vec![200; 50]);
    assert_eq!(
        replicas.world.rc.calls("POST", "/api/v1/users.createToken"),
        2
    );
    assert_eq!(replicas.live_tokens("alice").len(), 1);
}

//! A store that is away: what is known goes on, nothing new begins, nothing is lost.

use std::time::Duration;

use super::stage::{MINT, Replicas, status};
use crate::support::eventually::eventually;
use crate::support::gateway::slug;
use crate::support::socket::Socket;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_sessions_go_on_new_ones_wait_and_ends_are_caught_up() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    assert_eq!(status(a, &token).await, 200);
    let mut socket = Socket::open(b, &token).await;
    replicas.redis.pause();
    assert_eq!(
        [status(a, &token).await, status(b, &token).await],
        [200, 200]
    );
    let refused = a
        .get("/api/v1/me", &a.issuer.token("bob"))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(slug(refused).await, "store-unavailable");
    assert_eq!(replicas.received(MINT), 1);
    // All replicas miss it: were they not ready, a load balancer would turn those away who go on.
    let told = async {
        while !a.admin("/readyz").await.1.contains("store: ") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .expect("word of the store");
    assert_eq!(a.admin("/readyz").await.0, 200);
    // Ended here at once, and at Rocket.Chat; the other replica hears of it when the store is back.
    assert_eq!(
        a.post("/_gantry/logout", &token)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(status(a, &token).await, 401);
    a.until_live_tokens("alice", 0).await;
    replicas.redis.resume();
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(status(b, &token).await, 401);
    let back = async {
        while status(a, &a.issuer.token("bob")).await != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), back)
        .await
        .expect("a new session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_everything_ends_what_it_does_not_know() {
    let replicas = Replicas::start(1).await;
    let a = &replicas.all[0];
    let token = a.issuer.token("alice");
    let mut socket = Socket::open(a, &token).await;
    // Nothing is kept on disk.
    replicas.redis.restart();
    assert_eq!(socket.closed().await, Some(4401));
    eventually("ready again", || true).await;
    a.until_ready().await;
    let again = async {
        while status(a, &token).await != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again)
        .await
        .expect("a new session");
}

//! What keeps a session at one replica keeps it at all of them.

use std::time::Duration;

use serde_json::json;

use super::stage::{ECHO, LOGOUT, MINT, Replicas, status};
use crate::support::eventually::{eventually, in_time};
use crate::support::socket::Socket;

const HOUR: Duration = Duration::from_secs(3600);

/// When the one session's time is over, as the store knows it, in seconds since 1970.
fn due(replicas: &Replicas) -> u64 {
    let entry = ["ZRANGE", "{gantry:}i:due", "0", "-1", "WITHSCORES"];
    let answer = replicas.redis.ask(&entry);
    let scores = answer
        .lines()
        .filter_map(|line| line.trim().parse::<u64>().ok());
    scores.max().unwrap_or_default() / 1000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_one_replica_uses_is_not_idle_at_another() {
    let replicas = Replicas::configured(2, |config| {
        config.sessions.idle_timeout = Duration::from_secs(3 * 3600);
    })
    .await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let until = gantry::clock::unix_seconds(a.clock.now()) + 24 * 3600;
    let token = a.issuer.token_with("alice", json!({ "exp": until }));
    assert_eq!(status(a, &token).await, 200);
    for _ in 0..8 {
        a.hand.advance(HOUR);
        assert_eq!(status(b, &token).await, 200);
        // Use is noted within seconds, which pass before the next hour does.
        let used = gantry::clock::unix_seconds(a.clock.now());
        in_time("the note", &a.hand, Duration::from_secs(10), || {
            due(&replicas) >= used + 3 * 3600
        })
        .await;
    }
    assert_eq!(status(a, &token).await, 200);
    assert_eq!([MINT, LOGOUT].map(|path| replicas.received(path)), [1, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_token_shown_at_one_replica_extends_the_session_at_another() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let now = gantry::clock::unix_seconds(a.clock.now());
    let first = a.issuer.token_with("alice", json!({ "exp": now + 60 }));
    let mut socket = Socket::open(a, &first).await;
    let newer = a.issuer.token_with("alice", json!({ "exp": now + 600 }));
    assert_eq!(status(b, &newer).await, 200);
    // The newer one is noted before the older one's time is over.
    eventually("the note", || due(&replicas) >= now + 600).await;
    a.hand.advance(Duration::from_secs(120));
    socket.ping().await;
    assert_eq!(status(a, &newer).await, 200);
    assert_eq!([MINT, LOGOUT].map(|path| replicas.received(path)), [1, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refresh_serves_all_replicas() {
    let replicas = Replicas::start(2).await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    assert_eq!(
        [status(a, &token).await, status(b, &token).await],
        [200, 200]
    );
    replicas.world.rc.kill_tokens("alice");
    let (at_a, at_b) = tokio::join!(status(a, &token), status(b, &token));
    assert_eq!([at_a, at_b], [200, 200]);
    assert_eq!(replicas.received(MINT), 2);
    assert_eq!(replicas.live_tokens("alice").len(), 1);
    let tokens = |path| {
        let mut tokens: Vec<_> = a
            .received(path)
            .iter()
            .map(|request| request.header("x-auth-token").map(str::to_owned))
            .collect();
        tokens.sort();
        tokens.dedup();
        tokens.len()
    };
    assert_eq!(tokens(ECHO), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_nobody_knows_any_more_ends_in_its_time() {
    let replicas = Replicas::start(1).await;
    let a = &replicas.all[0];
    let now = gantry::clock::unix_seconds(a.clock.now());
    // Made by a replica that is gone, without a word of its end.
    {
        let gone = replicas.another(|_| {}).await;
        let token = a.issuer.token_with("alice", json!({ "exp": now + 60 }));
        assert_eq!(status(&gone, &token).await, 200);
        gone.running.stop().await;
    }
    assert_eq!(replicas.live_tokens("alice").len(), 1);
    a.hand.advance(Duration::from_secs(120));
    a.until_live_tokens("alice", 0).await;
}

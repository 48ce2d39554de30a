//! How much runs at Rocket.Chat at a time, and how much waits.

use std::time::Duration;

use gantry::session::ExchangeError;
use lookalike::{Fault, FaultKind, Latch};

use crate::sessions::stage::Stage;
use crate::support::eventually::eventually;

const CREATE_TOKEN: &str = "/api/v1/users.createToken";

#[tokio::test]
async fn past_the_queue_a_new_principal_is_sent_away_and_joining_is_free() {
    let stage = Stage::ruled(|rules| {
        rules.minting.concurrency = 1;
        rules.minting.queue = 1;
    })
    .await;
    let latch = Latch::new();
    stage
        .rc
        .fault(Fault::always(CREATE_TOKEN, FaultKind::Hold(latch.clone())));
    let alice = stage.token("alice", "tab").await;
    let first = stage.admit_aside(&alice);
    latch.until_arrived(1).await;
    let second = stage.admit_aside(&stage.token("bob", "tab").await);
    eventually("the second waits", || {
        stage.sample("gantry_session_lookups_total{result=\"miss\"}") == 2
    })
    .await;
    let third = stage.token("carol", "tab").await;
    let refused = stage.sessions.admit(&third).await;
    assert!(
        matches!(refused, Err(ExchangeError::Overloaded)),
        "{refused:?}"
    );
    let joined = stage.admit_aside(&alice);
    latch.open();
    for asked in [first, second, joined] {
        asked.await.expect("no panic").expect("a session");
    }
    stage.sessions.admit(&third).await.expect("a session");
    assert_eq!(stage.mintings(), 3);
}

#[tokio::test]
async fn who_waits_longer_than_the_queue_allows_is_sent_away() {
    let stage = Stage::ruled(|rules| {
        rules.minting.concurrency = 1;
        // Below what the client itself gives a call, so that the first one stays.
        rules.minting.queue_timeout = Duration::from_secs(5);
    })
    .await;
    let latch = Latch::new();
    stage
        .rc
        .fault(Fault::always(CREATE_TOKEN, FaultKind::Hold(latch.clone())));
    let first = stage.admit_aside(&stage.token("alice", "tab").await);
    latch.until_arrived(1).await;
    let second = stage.admit_aside(&stage.token("bob", "tab").await);
    eventually("the second waits", || {
        stage.sample("gantry_session_lookups_total{result=\"miss\"}") == 2
    })
    .await;
    tokio::task::yield_now().await;
    stage.hand.advance(Duration::from_secs(5));
    let refused = second.await.expect("no panic");
    assert!(
        matches!(refused, Err(ExchangeError::Overloaded)),
        "{refused:?}"
    );
    latch.open();
    first.await.expect("no panic").expect("a session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_the_configured_number_runs_at_a_time() {
    let stage = Stage::ruled(|rules| rules.minting.concurrency = 4).await;
    let latch = Latch::new();
    stage
        .rc
        .fault(Fault::always(CREATE_TOKEN, FaultKind::Hold(latch.clone())));
    let mut asking = Vec::new();
    for number in 0..40 {
        let token = stage.token(&format!("user{number}"), "tab").await;
        asking.push(stage.admit_aside(&token));
    }
    latch.until_arrived(4).await;
    eventually("all have asked", || {
        stage.sample("gantry_session_lookups_total{result=\"miss\"}") == 40
    })
    .await;
    assert_eq!(stage.creations(), 4);
    latch.open();
    for asked in asking {
        asked.await.expect("no panic").expect("a session");
    }
}

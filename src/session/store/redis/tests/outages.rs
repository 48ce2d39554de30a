//! Redis goes away and comes back.

use std::sync::Arc;
use std::time::Duration;

use gantry_redis::node::Node as Server;
use tokio::time::Instant;

use super::{answers, at, eventually, open};
use crate::session::store::redis::Redis;
use crate::session::store::tests::{Follower, k, put};
use crate::session::store::{Batch, Heard, Store, StoreError};

/// What counts as at once: far less than any time-out, with room for a busy machine.
const AT_ONCE: Duration = Duration::from_millis(300);

fn is_away<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Away(_)))
}

async fn is_up(store: &Redis) {
    answers(|| asked(store)).await;
}

async fn asked(store: &Redis) -> Result<(), StoreError> {
    store.read(&[k("a")]).await.map(|_values| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_calls_fail_at_once_and_after_it_they_work_soon() {
    let server = Server::redis();
    let store = open(&at(&server));
    is_up(&store).await;
    server.kill();
    let _refusal = eventually("it is away", || asked(&store), is_away).await;
    let began = Instant::now();
    let calls = (0..1000).map(|_| asked(&store));
    let mut refused = 0;
    for call in calls {
        refused += usize::from(is_away(&call.await));
    }
    assert_eq!(refused, 1000);
    assert!(began.elapsed() < AT_ONCE * 3, "{:?}", began.elapsed());
    server.restart();
    let back = Instant::now();
    answers(|| asked(&store)).await;
    assert!(
        back.elapsed() < Duration::from_secs(2),
        "{:?}",
        back.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_costs_a_call_its_time_and_the_next_ones_nothing() {
    let server = Server::redis();
    let store = open(&at(&server));
    is_up(&store).await;
    server.pause();
    let began = Instant::now();
    let refused = tokio::join!(asked(&store), asked(&store), asked(&store));
    assert!(is_away(&refused.0) && is_away(&refused.1) && is_away(&refused.2));
    // Once for the answer of a connection that was thought to be good.
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
    // The attempt after the loss is waited for; then it is known.
    assert!(is_away(&asked(&store).await));
    eventually(
        "calls fail at once",
        || async {
            let began = Instant::now();
            is_away(&asked(&store).await) && began.elapsed() < AT_ONCE
        },
        |at_once| *at_once,
    )
    .await;
    server.resume();
    let back = Instant::now();
    answers(|| asked(&store)).await;
    assert!(
        back.elapsed() < Duration::from_secs(2),
        "{:?}",
        back.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_begins_before_its_redis_does() {
    let server = Server::redis();
    server.kill();
    let store = open(&at(&server));
    assert!(is_away(&asked(&store).await));
    server.restart();
    answers(|| asked(&store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_is_replaced_before_it_is_missed() {
    let server = Server::redis();
    let store = open(&at(&server));
    is_up(&store).await;
    server.ask(&["client", "kill", "type", "normal"]);
    answers(|| asked(&store)).await;
    let batch = Batch {
        changes: vec![put("a", "1")],
        ..Batch::default()
    };
    store.write(&batch).await.expect("it is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_hear_of_a_gap_when_redis_was_restarted() {
    let server = Server::redis();
    let store: Arc<dyn Store> = Arc::new(open(&at(&server)));
    let mut follower = Follower::new(&store).await;
    server.restart();
    assert_eq!(follower.next().await, Heard::Gap);
    let told = Batch {
        tell: vec!["after".to_owned()],
        ..Batch::default()
    };
    answers(|| store.write(&told)).await;
    assert_eq!(follower.next().await, Heard::Word("after".to_owned()));
}

//! Words that could be missed.

use std::sync::Arc;
use std::time::Duration;

use gantry_redis::node::Node as Server;
use tokio::time::Instant;

use super::{PREFIX, at, open};
use crate::session::store::redis::names::Names;
use crate::session::store::tests::Follower;
use crate::session::store::{Batch, Heard, Store};

async fn tell(store: &Arc<dyn Store>, word: &str) {
    let told = Batch {
        tell: vec![word.to_owned()],
        ..Batch::default()
    };
    store.write(&told).await.expect("it is told");
}

fn word(word: &str) -> Heard {
    Heard::Word(word.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_told_while_the_reader_is_cut_off_are_heard_without_a_gap() {
    let server = Server::redis();
    let store: Arc<dyn Store> = Arc::new(open(&at(&server)));
    let mut follower = Follower::new(&store).await;
    for n in 0..3 {
        let blocked = server.ask(&["client", "list"]);
        let reader = blocked.lines().find(|line| line.contains("cmd=xread"));
        let reader = reader.and_then(|line| line.split(' ').next());
        let id = reader.and_then(|id| id.strip_prefix("id="));
        server.ask(&["client", "kill", "id", id.expect("a reader")]);
        tell(&store, &n.to_string()).await;
        assert_eq!(follower.next().await, word(&n.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_emptied_is_a_gap() {
    let server = Server::redis();
    let store: Arc<dyn Store> = Arc::new(open(&at(&server)));
    let mut idle = Follower::new(&store).await;
    server.ask(&["flushall"]);
    assert_eq!(idle.next().await, Heard::Gap);
    tell(&store, "after").await;
    assert_eq!(idle.next().await, word("after"));

    server.ask(&["flushall"]);
    tell(&store, "at once").await;
    assert_eq!(idle.next().await, Heard::Gap);
    // Depending on who was faster, the word comes behind the gap or is among what must be looked at again.
    tell(&store, "later").await;
    let heard = idle.next().await;
    assert!(
        heard == word("at once") || heard == word("later"),
        "{heard:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_too_slow_has_a_gap_and_then_the_newest() {
    let server = Server::redis();
    let store: Arc<dyn Store> = Arc::new(open(&at(&server)));
    let mut slow = Follower::new(&store).await;
    for _ in 0..3 {
        let told = Batch {
            tell: (0..500).map(|n| n.to_string()).collect(),
            ..Batch::default()
        };
        store.write(&told).await.expect("it is told");
    }
    let words = Names::new(PREFIX).words();
    server.ask(&["xtrim", &words, "maxlen", "1"]);
    tell(&store, "newest").await;
    let mut heard = Vec::new();
    while heard.last() != Some(&word("newest")) {
        heard.push(slow.next().await);
    }
    assert!(heard.contains(&Heard::Gap));
    assert!(heard.len() < 1000, "what was cut off is not heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_heard_within_milliseconds() {
    let server = Server::redis();
    let store: Arc<dyn Store> = Arc::new(open(&at(&server)));
    let elsewhere: Arc<dyn Store> = Arc::new(open(&at(&server)));
    let mut follower = Follower::new(&elsewhere).await;
    let mut times = Vec::new();
    for n in 0..50 {
        let began = Instant::now();
        tell(&store, &n.to_string()).await;
        assert_eq!(follower.next().await, word(&n.to_string()));
        times.push(began.elapsed());
    }
    times.sort();
    assert!(times[25] < Duration::from_millis(50), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_ends_with_its_receiver() {
    let server = Server::redis();
    let store: Arc<dyn Store> = Arc::new(open(&at(&server)));
    let readers = || server.ask(&["client", "list"]).matches("cmd=xread").count();
    let follower = Follower::new(&store).await;
    super::eventually("it reads", || async { readers() }, |count| *count == 1).await;
    drop(follower);
    super::eventually("nobody reads", || async { readers() }, |count| *count == 0).await;
}

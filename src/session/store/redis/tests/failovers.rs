//! Another node takes over.

use std::sync::Arc;

use gantry_redis::Program;
use gantry_redis::cluster::Cluster;
use gantry_redis::sentinel::Watched;

use super::{PREFIX, among, answers, eventually, node, open, through};
use crate::config::session::redis::Reach;
use crate::session::store::redis::names::Names;
use crate::session::store::tests::{Follower, k, put, v};
use crate::session::store::{Batch, Change, Heard, Store, StoreError};

fn batch(changes: Vec<Change>, word: &str) -> Batch {
    Batch {
        changes,
        tell: vec![word.to_owned()],
        ..Batch::default()
    }
}

/// Writes, loses the master by `lose`, and expects everything to go on at another one.
async fn goes_on_without(store: Arc<dyn Store>, lose: impl FnOnce()) {
    let mut follower = Follower::new(&store).await;
    let before = batch(vec![put("a", "before")], "before");
    store.write(&before).await.expect("it is written");
    assert_eq!(follower.next().await, Heard::Word("before".to_owned()));

    lose();
    let after = batch(vec![put("b", "after")], "after");
    let refused = eventually("it is away", || store.write(&after), Result::is_err).await;
    assert!(matches!(refused, Err(StoreError::Away(_))), "{refused:?}");
    let again = eventually(
        "it is written elsewhere",
        || store.write(&after),
        |answer| !matches!(answer, Err(StoreError::Away(_))),
    )
    .await;
    again.expect("it is written");
    let values = store.read(&[k("a"), k("b")]).await.expect("it is read");
    assert_eq!(values, [Some(v("before")), Some(v("after"))]);
    assert_eq!(follower.next().await, Heard::Gap);
    let last = batch(Vec::new(), "last");
    store.write(&last).await.expect("it is written");
    while follower.next().await != Heard::Word("last".to_owned()) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_sentinels_name_another_master_it_goes_on_there() {
    let watched = Watched::start();
    let store = Arc::new(open(&through(&watched)));
    goes_on_without(store, || {
        synced(&watched.first);
        watched.first.kill();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_that_are_away_are_passed_over() {
    let watched = Watched::start();
    watched.sentinels[0].kill();
    watched.sentinels[1].pause();
    let store = open(&through(&watched));
    let asked = [k("a")];
    answers(|| store.read(&asked)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_owner_of_the_slot_dies_its_replica_goes_on() {
    let cluster = Cluster::start(Program::Redis);
    let owner = cluster.owner(&Names::new(PREFIX).words());
    // One node is enough to find the others by, and the one that will die is the worst.
    let mut config = among(&cluster);
    config.reach = Reach::Cluster(vec![node(owner)]);
    let store = Arc::new(open(&config));
    goes_on_without(store, || {
        synced(owner);
        owner.kill();
    })
    .await;
}

/// Waits until the replica has everything: what it has not is lost in a failover, and that is not what is looked at here.
fn synced(master: &gantry_redis::node::Node) {
    let answer = master.ask(&["wait", "1", "5000"]);
    assert_eq!(answer, "1", "one replica has it");
    // WAIT goes by what its own connection wrote; the offsets say it for all.
    let caught_up = || {
        let info = master.ask(&["info", "replication"]);
        let value = |name: &str| {
            let start = info.find(name)? + name.len();
            let end = info[start..].find([',', '\r', '\n'])?;
            Some(info[start..start + end].to_owned())
        };
        let (replica, own) = (value(",offset=")?, value("master_repl_offset:")?);
        (replica == own).then_some(())
    };
    while caught_up().is_none() {
        std::thread::yield_now();
    }
}

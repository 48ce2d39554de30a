//! Many at once: expectations that only one can meet, and writers that are dropped half-way.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Stage, k, put, v};
use crate::session::store::{Applied, Batch, Expect, Store};

/// Writers at a time.
const MANY: u64 = 16;

async fn replace(store: &dyn Store, key: &str, expect: Expect, value: &str) -> Applied {
    let batch = Batch {
        expect: vec![expect],
        changes: vec![put(key, value)],
        tell: Vec::new(),
    };
    store.write(&batch).await.expect("an answer")
}

pub(in crate::session::store) async fn of_many_who_expect_the_same_one_gets_it(stage: &Stage) {
    for round in 0..25 {
        let key = format!("prize-{round}");
        let mut writers = JoinSet::new();
        for writer in 0..MANY {
            let (store, key) = (Arc::clone(&stage.store), key.clone());
            writers.spawn(async move {
                let who = writer.to_string();
                let applied = replace(&*store, &key, Expect::Absent(k(&key)), &who).await;
                (who, applied)
            });
        }
        let winners: Vec<String> = writers
            .join_all()
            .await
            .into_iter()
            .filter(|(_, applied)| *applied == Applied::Yes)
            .map(|(who, _)| who)
            .collect();
        let [winner] = winners.as_slice() else {
            panic!("{winners:?} got the same")
        };
        assert_eq!(stage.value(&key).await.as_deref(), Some(winner.as_bytes()));
    }
}

pub(in crate::session::store) async fn no_count_is_lost_between_many_who_count(stage: &Stage) {
    let each = 10;
    stage.change(vec![put("count", "0")]).await;
    let mut writers = JoinSet::new();
    for _ in 0..MANY {
        let store = Arc::clone(&stage.store);
        writers.spawn(async move {
            let mut counted = 0;
            while counted < each {
                let values = store.read(&[k("count")]).await.expect("an answer");
                let seen = values[0].clone().expect("a count");
                let number: u64 = String::from_utf8(seen.0.clone())
                    .expect("text")
                    .parse()
                    .expect("a number");
                let next = (number + 1).to_string();
                let expect = Expect::Is(k("count"), seen);
                if replace(&*store, "count", expect, &next).await == Applied::Yes {
                    counted += 1;
                }
            }
        });
    }
    writers.join_all().await;
    let right = (MANY * each).to_string();
    assert_eq!(stage.value("count").await, Some(right.into_bytes()));
}

pub(in crate::session::store) async fn a_write_dropped_half_way_is_whole_or_not_at_all(
    stage: &Stage,
) {
    for round in 0..40_u64 {
        let (left, right) = (format!("l{round}"), format!("r{round}"));
        let batch = Batch {
            changes: vec![put(&left, "x"), put(&right, "x")],
            ..Batch::default()
        };
        let patience = Duration::from_micros(round * 50);
        // Lost or answered, it must not be half.
        let _answer = tokio::time::timeout(patience, stage.store.write(&batch)).await;
        let keys = [k(&left), k(&right)];
        let values = stage.store.read(&keys).await.expect("an answer");
        assert_eq!(values[0], values[1], "round {round}");
    }
    stage.change(vec![put("after", "all")]).await;
    assert!(stage.value("after").await.is_some());
}

pub(in crate::session::store) async fn all_keys_are_read_at_one_moment(stage: &Stage) {
    let store = Arc::clone(&stage.store);
    let both = |value: &str| vec![put("left", value), put("right", value)];
    stage.change(both("0")).await;
    let writer = tokio::spawn(async move {
        for n in 1..100 {
            let value = n.to_string();
            let batch = Batch {
                changes: vec![put("left", &value), put("right", &value)],
                ..Batch::default()
            };
            store.write(&batch).await.expect("an answer");
        }
    });
    let last = v("99");
    loop {
        let values = stage.store.read(&[k("left"), k("right")]).await;
        let values = values.expect("an answer");
        assert_eq!(values[0], values[1]);
        if values[0].as_ref() == Some(&last) {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer ends");
}

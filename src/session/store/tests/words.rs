//! Words: heard in order, by everybody, and only of what was applied.

use std::sync::Arc;

use super::{Stage, k, put, v};
use crate::session::store::{Applied, Batch, Expect, Heard};

fn told(words: &[&str]) -> Batch {
    Batch {
        tell: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Batch::default()
    }
}

pub(in crate::session::store) async fn words_are_heard_in_the_order_they_were_told(stage: &Stage) {
    let mut follower = stage.follower().await;
    for n in 0..20 {
        let (first, second) = (format!("{n} a"), format!("{n} b"));
        let batch = told(&[&first, &second]);
        stage.store.write(&batch).await.expect("an answer");
    }
    let right: Vec<String> = (0..20)
        .flat_map(|n| [format!("{n} a"), format!("{n} b")])
        .collect();
    assert_eq!(follower.words(40).await, right);
}

pub(in crate::session::store) async fn a_batch_that_is_not_applied_tells_nothing(stage: &Stage) {
    let mut follower = stage.follower().await;
    let refused = Batch {
        expect: vec![Expect::Present(k("none"))],
        ..told(&["refused"])
    };
    let applied = stage.store.write(&refused).await.expect("an answer");
    assert_eq!(applied, Applied::No);
    stage.tell("applied").await;
    assert_eq!(follower.next().await, Heard::Word("applied".to_owned()));
}

pub(in crate::session::store) async fn everybody_hears_everything(stage: &Stage) {
    let mut first = stage.follower().await;
    let mut second = stage.follower().await;
    for word in ["one", "two", "three"] {
        stage.tell(word).await;
    }
    assert_eq!(first.words(3).await, ["one", "two", "three"]);
    assert_eq!(second.words(3).await, ["one", "two", "three"]);
}

pub(in crate::session::store) async fn who_hears_a_word_sees_what_it_speaks_of(stage: &Stage) {
    let mut follower = stage.follower().await;
    let store = Arc::clone(&stage.store);
    let writer = tokio::spawn(async move {
        for n in 0..50 {
            let batch = Batch {
                changes: vec![put(&format!("k{n}"), "there")],
                ..told(&[&format!("k{n}")])
            };
            store.write(&batch).await.expect("an answer");
        }
    });
    for _ in 0..50 {
        let key = follower.words(1).await.remove(0);
        let values = stage.store.read(&[k(&key)]).await.expect("an answer");
        assert_eq!(values, [Some(v("there"))], "{key}");
    }
    writer.await.expect("the writer ends");
}

pub(in crate::session::store) async fn a_follower_who_left_harms_nobody(stage: &Stage) {
    let mut stays = stage.follower().await;
    drop(stage.follower().await);
    drop(Arc::clone(&stage.store).follow());
    stage.tell("still here").await;
    assert_eq!(stays.next().await, Heard::Word("still here".to_owned()));
}

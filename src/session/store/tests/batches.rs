//! Batches: what is written is read, and all of it or nothing.

use std::time::Duration;

use super::{Stage, enter, entries, k, leave, lend, put, remove, v};
use crate::session::store::{Applied, Batch, Expect, Heard};

/// A life that no test outlives.
const LONG: Duration = Duration::from_secs(3600);

pub(in crate::session::store) async fn what_is_written_is_read(stage: &Stage) {
    assert_eq!(stage.value("a").await, None);
    stage.change(vec![put("a", "one"), put("b", "two")]).await;
    assert_eq!(stage.value("a").await.as_deref(), Some(&b"one"[..]));
    stage.change(vec![put("a", "three")]).await;
    assert_eq!(stage.value("a").await.as_deref(), Some(&b"three"[..]));
    stage.change(vec![remove("a"), remove("never there")]).await;
    assert_eq!(stage.value("a").await, None);
    assert_eq!(stage.value("b").await.as_deref(), Some(&b"two"[..]));
}

pub(in crate::session::store) async fn values_of_every_size_are_kept_as_they_are(stage: &Stage) {
    for size in [0, 1, 31, 255, 256, 4095, 4096, 65_535, 65_536] {
        let value: Vec<u8> = (0..=255).cycle().take(size).collect();
        let key = format!("size-{size}");
        stage.change(vec![put(&key, &value)]).await;
        assert!(stage.value(&key).await == Some(value.clone()), "{size}");
        let kept = vec![Expect::Is(k(&key), v(&value))];
        assert_eq!(stage.write(kept, vec![remove(&key)]).await, Applied::Yes);
    }
    let longest = "k".repeat(128);
    stage.change(vec![put(&longest, "value")]).await;
    assert!(stage.value(&longest).await.is_some());
}

pub(in crate::session::store) async fn keys_are_read_in_the_order_they_are_asked_for(
    stage: &Stage,
) {
    stage.change(vec![put("a", "1"), put("b", "2")]).await;
    let asked = ["b", "none", "a", "b"].map(k);
    let values = stage.store.read(&asked).await.expect("an answer");
    assert_eq!(values, [Some(v("2")), None, Some(v("1")), Some(v("2"))]);
    assert!(stage.store.read(&[]).await.expect("an answer").is_empty());
}

pub(in crate::session::store) async fn a_batch_of_nothing_is_applied(stage: &Stage) {
    assert_eq!(stage.write(Vec::new(), Vec::new()).await, Applied::Yes);
}

pub(in crate::session::store) async fn later_changes_of_a_batch_stand_over_earlier_ones(
    stage: &Stage,
) {
    stage
        .change(vec![
            put("a", "1"),
            remove("a"),
            put("b", "1"),
            lend("b", "2", LONG),
            remove("c"),
            put("c", "3"),
            enter("index", "x", 1),
            leave("index", "x"),
            enter("index", "y", 1),
            enter("index", "y", 7),
        ])
        .await;
    assert_eq!(stage.value("a").await, None);
    assert_eq!(stage.value("b").await.as_deref(), Some(&b"2"[..]));
    assert_eq!(stage.value("c").await.as_deref(), Some(&b"3"[..]));
    assert_eq!(stage.whole("index").await, entries(&[(7, "y")]));
    assert_eq!(stage.count("index").await, 1);
}

pub(in crate::session::store) async fn expectations_that_hold_let_a_batch_through(stage: &Stage) {
    stage
        .change(vec![
            put("kept", "x"),
            lend("lent", "y", LONG),
            put("empty", ""),
        ])
        .await;
    let expect = vec![
        Expect::Is(k("kept"), v("x")),
        Expect::Is(k("lent"), v("y")),
        Expect::Is(k("empty"), v("")),
        Expect::Present(k("kept")),
        Expect::Present(k("lent")),
        Expect::Present(k("empty")),
        Expect::Absent(k("none")),
    ];
    let applied = stage.write(expect, vec![put("done", "yes")]).await;
    assert_eq!(applied, Applied::Yes);
    assert!(stage.value("done").await.is_some());
}

pub(in crate::session::store) async fn one_expectation_that_does_not_hold_stops_the_whole_batch(
    stage: &Stage,
) {
    stage
        .change(vec![
            put("kept", "x"),
            lend("lent", "y", LONG),
            put("empty", ""),
            enter("index", "old", 5),
        ])
        .await;
    let mut follower = stage.follower().await;
    let fails = [
        Expect::Is(k("kept"), v("X")),
        Expect::Is(k("kept"), v("x ")),
        Expect::Is(k("kept"), v("")),
        Expect::Is(k("lent"), v("x")),
        Expect::Is(k("none"), v("")),
        Expect::Is(k("none"), v("x")),
        Expect::Present(k("none")),
        Expect::Absent(k("kept")),
        Expect::Absent(k("lent")),
        Expect::Absent(k("empty")),
    ];
    for failing in fails {
        let holds = || Expect::Present(k("kept"));
        for expect in [
            vec![failing.clone()],
            vec![holds(), failing.clone()],
            vec![failing.clone(), holds()],
        ] {
            let batch = Batch {
                expect,
                changes: vec![
                    put("kept", "other"),
                    remove("lent"),
                    lend("new", "z", LONG),
                    enter("index", "new", 1),
                    enter("index", "old", 9),
                    leave("index", "old"),
                ],
                tell: vec!["done".to_owned()],
            };
            let applied = stage.store.write(&batch).await.expect("an answer");
            assert_eq!(applied, Applied::No, "{failing:?}");
        }
    }
    assert_eq!(stage.value("kept").await.as_deref(), Some(&b"x"[..]));
    assert_eq!(stage.value("lent").await.as_deref(), Some(&b"y"[..]));
    assert_eq!(stage.value("new").await, None);
    assert_eq!(stage.whole("index").await, entries(&[(5, "old")]));
    assert_eq!(stage.count("index").await, 1);
    stage.tell("the end").await;
    assert_eq!(follower.next().await, Heard::Word("the end".to_owned()));
}

pub(in crate::session::store) async fn expectations_are_judged_before_the_changes_of_their_batch(
    stage: &Stage,
) {
    let absent = vec![Expect::Absent(k("a"))];
    let made = stage.write(absent, vec![put("a", "1")]).await;
    assert_eq!(made, Applied::Yes);
    let present = vec![Expect::Present(k("b"))];
    let early = stage.write(present, vec![put("b", "1")]).await;
    assert_eq!(early, Applied::No);
    let replaced = vec![Expect::Is(k("a"), v("1"))];
    let replaced = stage.write(replaced, vec![remove("a")]).await;
    assert_eq!(replaced, Applied::Yes);
}

pub(in crate::session::store) async fn a_batch_may_be_large(stage: &Stage) {
    let count = 500;
    let expect = (0..count).map(|n| Expect::Absent(k(&format!("k{n}"))));
    let changes = (0..count).flat_map(|n| {
        let name = format!("k{n}");
        [put(&name, &name), enter("all", &name, n)]
    });
    let applied = stage.write(expect.collect(), changes.collect()).await;
    assert_eq!(applied, Applied::Yes);
    assert_eq!(stage.count("all").await, count);
    let keys: Vec<_> = (0..count).map(|n| k(&format!("k{n}"))).collect();
    let values = stage.store.read(&keys).await.expect("an answer");
    let right = keys
        .iter()
        .map(|key| Some(crate::session::store::Value(key.0.clone())));
    assert!(values.into_iter().eq(right));
}

pub(in crate::session::store) async fn a_batch_may_be_tried_again(stage: &Stage) {
    for _ in 0..2 {
        let changes = vec![
            put("a", "1"),
            remove("b"),
            enter("x", "m", 3),
            leave("x", "n"),
        ];
        stage.change(changes).await;
        assert_eq!(stage.value("a").await.as_deref(), Some(&b"1"[..]));
        assert_eq!(stage.whole("x").await, entries(&[(3, "m")]));
        assert_eq!(stage.count("x").await, 1);
    }
}

//! Values that are put for a time: gone when it is over, for readers and for expectations alike.

use std::time::Duration;

use super::{Stage, k, lend, put, v};
use crate::session::store::{Applied, Expect};

/// Long enough for a slow machine to look at the value before its end, short enough to be waited for.
const SHORT: Duration = Duration::from_secs(2);

/// A life that no test outlives.
const LONG: Duration = Duration::from_secs(3600);

pub(in crate::session::store) async fn a_life_that_is_over_leaves_nothing(stage: &Stage) {
    stage
        .change(vec![
            lend("lent", "x", SHORT),
            lend("long", "y", LONG),
            put("kept", "z"),
        ])
        .await;
    assert_eq!(stage.value("lent").await.as_deref(), Some(&b"x"[..]));
    stage.outlive("lent", SHORT).await;
    assert_eq!(stage.value("lent").await, None);
    for gone in [Expect::Present(k("lent")), Expect::Is(k("lent"), v("x"))] {
        let applied = stage.write(vec![gone], Vec::new()).await;
        assert_eq!(applied, Applied::No);
    }
    let others = vec![Expect::Present(k("long")), Expect::Present(k("kept"))];
    assert_eq!(stage.write(others, Vec::new()).await, Applied::Yes);
}

pub(in crate::session::store) async fn a_value_put_anew_lives_by_its_last_life(stage: &Stage) {
    stage
        .change(vec![
            lend("longer", "x", SHORT),
            lend("shorter", "x", LONG),
            put("lent", "x"),
        ])
        .await;
    stage
        .change(vec![
            lend("longer", "x", LONG),
            lend("shorter", "x", SHORT),
            lend("lent", "x", SHORT),
        ])
        .await;
    stage.outlive("shorter", SHORT).await;
    stage.outlive("lent", Duration::ZERO).await;
    assert!(stage.value("longer").await.is_some());
    assert!(stage.value("shorter").await.is_none());
    assert!(stage.value("lent").await.is_none());
}

pub(in crate::session::store) async fn a_lease_is_taken_by_whoever_comes_after_its_end(
    stage: &Stage,
) {
    let take = |who: &'static str, life| {
        let absent = vec![Expect::Absent(k("lease"))];
        stage.write(absent, vec![lend("lease", who, life)])
    };
    assert_eq!(take("first", SHORT).await, Applied::Yes);
    assert_eq!(take("second", SHORT).await, Applied::No);
    stage.outlive("lease", SHORT).await;
    assert_eq!(take("second", LONG).await, Applied::Yes);
    assert_eq!(stage.value("lease").await.as_deref(), Some(&b"second"[..]));
}

pub(in crate::session::store) async fn a_value_put_for_good_outlives_its_lease(stage: &Stage) {
    stage
        .change(vec![lend("kept", "x", SHORT), lend("measure", "x", SHORT)])
        .await;
    stage.change(vec![put("kept", "y")]).await;
    stage.outlive("measure", SHORT).await;
    assert_eq!(stage.value("kept").await.as_deref(), Some(&b"y"[..]));
}

//! Indexes: their order, their pages, and what they count.

use std::collections::BTreeMap;

use super::{Stage, enter, entries, leave, put, remove};

pub(in crate::session::store) async fn entries_come_in_the_order_of_scores_and_then_of_members(
    stage: &Stage,
) {
    assert!(stage.whole("index").await.is_empty());
    stage
        .change(vec![
            enter("index", "b", 10),
            enter("index", "z", 9),
            enter("index", "a", 10),
            enter("index", "B", 10),
            enter("index", "aa", 10),
            enter("index", "-", 100),
            enter("index", "_", 0),
        ])
        .await;
    let right = [
        (0, "_"),
        (9, "z"),
        (10, "B"),
        (10, "a"),
        (10, "aa"),
        (10, "b"),
        (100, "-"),
    ];
    assert_eq!(stage.whole("index").await, entries(&right));
    assert_eq!(stage.count("index").await, 7);
}

pub(in crate::session::store) async fn a_member_stands_once_and_moves(stage: &Stage) {
    stage
        .change(vec![enter("index", "a", 5), enter("index", "b", 6)])
        .await;
    stage.change(vec![enter("index", "a", 7)]).await;
    stage.change(vec![enter("index", "b", 6)]).await;
    assert_eq!(stage.whole("index").await, entries(&[(6, "b"), (7, "a")]));
    assert_eq!(stage.count("index").await, 2);
    stage.change(vec![leave("index", "a")]).await;
    assert_eq!(stage.whole("index").await, entries(&[(6, "b")]));
}

pub(in crate::session::store) async fn pages_lie_side_by_side_whatever_the_scores(stage: &Stage) {
    // Long runs of equal scores, so that most pages begin and end inside one.
    let all: Vec<(u64, String)> = (0..300)
        .map(|n| (n / 70, format!("m{:03}", n * 7 % 300)))
        .collect();
    stage
        .change(
            all.iter()
                .map(|(score, member)| enter("index", member, *score))
                .collect(),
        )
        .await;
    let mut right = all;
    right.sort();
    for limit in [1, 7, 70, 299, 300, 1000] {
        let mut read: Vec<(u64, String)> = Vec::new();
        loop {
            let after = read.last().map(|(score, member)| (*score, member.as_str()));
            let page = stage.part("index", after, u64::MAX, limit).await;
            assert!(page.len() <= limit);
            let last = page.len() < limit;
            read.extend(page);
            if last {
                break;
            }
        }
        assert_eq!(read, right, "pages of {limit}");
    }
    assert!(stage.part("index", None, u64::MAX, 0).await.is_empty());
}

pub(in crate::session::store) async fn a_page_begins_after_an_entry_that_has_left(stage: &Stage) {
    stage
        .change(vec![
            enter("index", "a", 1),
            enter("index", "b", 1),
            enter("index", "c", 1),
            enter("index", "a", 2),
        ])
        .await;
    stage.change(vec![leave("index", "b")]).await;
    let after = |score, member| stage.part("index", Some((score, member)), u64::MAX, 10);
    assert_eq!(after(1, "b").await, entries(&[(1, "c"), (2, "a")]));
    assert_eq!(after(1, "bb").await, entries(&[(1, "c"), (2, "a")]));
    assert_eq!(after(1, "zzz").await, entries(&[(2, "a")]));
    assert_eq!(after(0, "zzz").await, entries(&[(1, "c"), (2, "a")]));
    assert_eq!(after(1, "").await, entries(&[(1, "c"), (2, "a")]));
    assert!(after(2, "a").await.is_empty());
    assert!(after(3, "").await.is_empty());
}

pub(in crate::session::store) async fn no_entry_above_the_bound_is_shown(stage: &Stage) {
    stage
        .change(vec![
            enter("index", "a", 0),
            enter("index", "b", 5),
            enter("index", "c", 5),
            enter("index", "d", 6),
        ])
        .await;
    let up_to = |bound| stage.part("index", None, bound, 10);
    assert_eq!(up_to(0).await, entries(&[(0, "a")]));
    assert_eq!(up_to(4).await, entries(&[(0, "a")]));
    assert_eq!(up_to(5).await, entries(&[(0, "a"), (5, "b"), (5, "c")]));
    assert_eq!(up_to(u64::MAX).await.len(), 4);
    let rest = stage.part("index", Some((5, "b")), 5, 10).await;
    assert_eq!(rest, entries(&[(5, "c")]));
    assert!(stage.part("index", Some((6, "a")), 5, 10).await.is_empty());
}

pub(in crate::session::store) async fn scores_are_exact_up_to_the_last_millisecond(stage: &Stage) {
    // What a double still holds exactly, far beyond any calendar.
    let last = (1 << 53) - 1;
    let now = 1_760_000_000_123;
    stage
        .change(vec![
            enter("index", "a", last),
            enter("index", "b", last - 1),
            enter("index", "c", now + 1),
            enter("index", "d", now),
        ])
        .await;
    let right = [(now, "d"), (now + 1, "c"), (last - 1, "b"), (last, "a")];
    assert_eq!(stage.whole("index").await, entries(&right));
    assert_eq!(stage.part("index", None, last - 1, 10).await.len(), 3);
}

pub(in crate::session::store) async fn members_that_leave_are_not_counted(stage: &Stage) {
    assert_eq!(stage.count("index").await, 0);
    stage
        .change((0..20).map(|n| enter("index", &n.to_string(), n)).collect())
        .await;
    assert_eq!(stage.count("index").await, 20);
    stage
        .change(vec![
            leave("index", "3"),
            leave("index", "3"),
            leave("index", "none"),
        ])
        .await;
    assert_eq!(stage.count("index").await, 19);
    stage
        .change((0..20).map(|n| leave("index", &n.to_string())).collect())
        .await;
    assert_eq!(stage.count("index").await, 0);
    assert!(stage.whole("index").await.is_empty());
}

pub(in crate::session::store) async fn indexes_and_keys_of_one_name_are_apart(stage: &Stage) {
    stage
        .change(vec![
            put("name", "value"),
            enter("name", "member", 1),
            enter("name2", "other", 2),
            enter("nam", "another", 3),
        ])
        .await;
    assert_eq!(stage.whole("name").await, entries(&[(1, "member")]));
    assert_eq!(stage.count("name").await, 1);
    stage.change(vec![remove("name")]).await;
    assert_eq!(stage.whole("name").await, entries(&[(1, "member")]));
    stage
        .change(vec![put("name", "value"), leave("name", "member")])
        .await;
    assert_eq!(stage.value("name").await.as_deref(), Some(&b"value"[..]));
    assert_eq!(stage.whole("name2").await, entries(&[(2, "other")]));
}

/// A store may keep an index of few entries in another way than one of many.
pub(in crate::session::store) async fn an_index_may_grow_and_shrink(stage: &Stage) {
    let score = |n: u64| n * 37 % 10;
    let mut right = BTreeMap::new();
    for _ in 0..2 {
        for n in 0..40 {
            let member = format!("m{n}");
            stage.change(vec![enter("index", &member, score(n))]).await;
            right.insert(member, score(n));
            as_it_should_be(stage, &right).await;
        }
        for n in (0..40).step_by(3) {
            let member = format!("m{n}");
            stage.change(vec![enter("index", &member, 20 + n)]).await;
            right.insert(member, 20 + n);
        }
        for n in 0..40 {
            let member = format!("m{n}");
            as_it_should_be(stage, &right).await;
            stage.change(vec![leave("index", &member)]).await;
            right.remove(&member);
        }
        as_it_should_be(stage, &right).await;
    }
}

async fn as_it_should_be(stage: &Stage, right: &BTreeMap<String, u64>) {
    let mut right: Vec<(u64, String)> = right
        .iter()
        .map(|(member, score)| (*score, member.clone()))
        .collect();
    right.sort();
    assert_eq!(stage.count("index").await, right.len() as u64);
    assert_eq!(stage.whole("index").await, right);
    let Some((score, member)) = right.get(1) else {
        return;
    };
    let page = stage.part("index", Some((*score, member)), 20, 3).await;
    let rest = right[2..].iter().filter(|(score, _)| *score <= 20).take(3);
    assert!(page.iter().eq(rest), "{page:?} of {right:?}");
}

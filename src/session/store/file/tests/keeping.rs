//! What a file keeps over an end, what it forgets, and what it hears.

use std::sync::Arc;
use std::time::Duration;

use super::super::SWEEP;
use super::super::followers::Followers;
use super::{Place, write};
use crate::session::store::file::File;
use crate::session::store::tests::{enter, entries, k, lend, put};
use crate::session::store::{Applied, Expect, Heard, Store};

const HOUR: Duration = Duration::from_secs(3600);

/// Longer than any test lets pass.
const AGES: Duration = Duration::from_secs(1_000_000 * 3600);

#[tokio::test]
async fn everything_that_was_answered_is_there_after_a_restart() {
    let place = Place::new();
    let stage = place.open().await;
    stage
        .change(vec![
            put("a", "1"),
            lend("lent", "2", HOUR),
            lend("short", "3", Duration::from_secs(5)),
            enter("index", "x", 7),
        ])
        .await;
    drop(stage);
    place.hand.advance(Duration::from_secs(5));
    let stage = place.open().await;
    assert_eq!(stage.value("a").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(stage.value("lent").await.as_deref(), Some(&b"2"[..]));
    assert_eq!(stage.value("short").await, None, "lives go on meanwhile");
    assert_eq!(stage.whole("index").await, entries(&[(7, "x")]));
    assert_eq!(stage.count("index").await, 1);
}

/// A copy of the file at that moment is what a power cut leaves.
#[tokio::test]
async fn everything_that_was_answered_is_there_after_a_crash() {
    let place = Place::new();
    let stage = place.open().await;
    let copy = place.directory.path().join("copy.redb");
    for n in 0..20_u64 {
        let name = format!("k{n}");
        stage
            .change(vec![put(&name, &name), enter("all", &name, n)])
            .await;
    }
    std::fs::copy(&place.path, &copy).expect("a copy");
    let after = place.stage(place.try_open(&copy, &[]).await.expect("a file"));
    for n in 0..20 {
        let name = format!("k{n}");
        assert_eq!(after.value(&name).await, Some(name.into_bytes()));
    }
    assert_eq!(after.count("all").await, 20);
}

#[tokio::test]
async fn what_only_the_last_process_could_hold_is_forgotten_at_opening() {
    let place = Place::new();
    let stage = place.open().await;
    let kept = ["lease", "leases", "lfase:x", "lease;x", "a"];
    let forgotten = ["lease:", "lease:a", "lease:z:z", "lease:~"];
    let mut changes: Vec<_> = kept.iter().map(|key| put(key, "kept")).collect();
    changes.extend(forgotten.iter().map(|key| lend(key, "lent", HOUR)));
    stage.change(changes).await;
    drop(stage);
    let stage = place.open_forgetting(&["lease:", "none:"]).await;
    for key in kept {
        assert!(stage.value(key).await.is_some(), "{key}");
    }
    for key in forgotten {
        assert!(stage.value(key).await.is_none(), "{key}");
    }
    let absent = vec![Expect::Absent(k("lease:a"))];
    let taken = stage.write(absent, vec![lend("lease:a", "me", HOUR)]).await;
    assert_eq!(taken, Applied::Yes);
}

#[tokio::test]
async fn what_is_over_is_swept_out_of_the_file() {
    let place = Place::new();
    let file = place.try_open(&place.path, &[]).await.expect("a file");
    // More than one sweep takes at a time.
    for part in 0..4 {
        let lent = (0..400).map(|n| lend(&format!("{part}-{n}"), "x", Duration::from_secs(10)));
        write(&file, lent.collect()).await.expect("an answer");
    }
    let kept = vec![lend("long", "x", AGES), put("kept", "x")];
    write(&file, kept).await.expect("an answer");
    assert_eq!(lying(&file).await, (1602, 1600));
    while lying(&file).await != (2, 0) {
        // The sweeper may not have looked at the clock before it moved.
        place.hand.advance(SWEEP);
        tokio::task::yield_now().await;
    }
    let values = file.read(&[k("long"), k("kept")]).await.expect("an answer");
    assert!(values.iter().all(Option::is_some));
}

/// They are not known by their ends, so all values are walked through for them.
#[tokio::test]
async fn long_lives_that_are_over_are_swept_out_of_the_file_too() {
    let place = Place::new();
    let file = place.try_open(&place.path, &[]).await.expect("a file");
    let (life, rest) = (HOUR * 24 * 30, HOUR * 24 * 20);
    // More than one step of the walk looks at.
    let lent = (0..1500).map(|n| lend(&format!("a-{n}"), "x", life));
    write(&file, lent.collect()).await.expect("an answer");
    // One whose end moves nearer, and one whose end moves away.
    let moved = vec![
        lend("b", "x", life),
        lend("b", "x", HOUR),
        lend("c", "x", HOUR),
        lend("c", "x", AGES),
    ];
    write(&file, moved).await.expect("an answer");
    assert_eq!(lying(&file).await, (1502, 1));
    place.hand.advance(rest);
    while lying(&file).await != (1501, 0) {
        place.hand.advance(SWEEP);
        tokio::task::yield_now().await;
    }
    assert!(file.read(&[k("a-7")]).await.expect("an answer")[0].is_some());
    place.hand.advance(rest);
    while lying(&file).await != (1, 0) {
        place.hand.advance(SWEEP);
        tokio::task::yield_now().await;
    }
    assert!(file.read(&[k("c")]).await.expect("an answer")[0].is_some());
}

async fn lying(file: &File) -> (u64, u64) {
    let lying = file.look(|shelf| shelf.with(|disk, _| disk.lying()));
    lying.await.expect("an answer")
}

#[tokio::test]
async fn who_does_not_keep_up_hears_of_a_gap_and_then_goes_on() {
    let followers = Followers::default();
    let mut slow = followers.add();
    let words: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    followers.tell(words.iter());
    let mut heard = Vec::new();
    while let Ok(word) = slow.try_recv() {
        heard.push(word);
    }
    assert_eq!(heard.pop(), Some(Heard::Gap));
    assert_eq!(heard.len(), 1024);
    let in_order = words.iter().map(|word| Heard::Word(word.clone()));
    assert!(heard.into_iter().eq(in_order.take(1024)));
    followers.tell(words[..1].iter());
    assert_eq!(slow.try_recv(), Ok(Heard::Word("0".to_owned())));
}

/// Whoever looks at everything when it hears a gap has seen all that was told before it, wherever the gap fell.
#[tokio::test]
async fn every_word_is_heard_or_followed_by_a_gap() {
    let followers = Followers::default();
    let mut slow = followers.add();
    let mut last_heard = None;
    for n in 0..5000_u64 {
        followers.tell([n.to_string()].iter());
        // Hears two words in three.
        if n % 3 == 0 {
            continue;
        }
        match slow.try_recv().expect("words wait") {
            Heard::Gap => last_heard = None,
            Heard::Word(word) => {
                let word: u64 = word.parse().expect("a number");
                if let Some(last) = last_heard {
                    assert_eq!(word, last + 1, "a word is missing without a gap");
                }
                last_heard = Some(word);
            }
        }
    }
    let mut rest = Vec::new();
    while let Ok(heard) = slow.try_recv() {
        rest.push(heard);
    }
    let end = rest.last().expect("words waited");
    assert!(
        *end == Heard::Gap || *end == Heard::Word("4999".to_owned()),
        "{end:?}"
    );
}

#[tokio::test]
async fn words_end_with_the_store() {
    let place = Place::new();
    let file = Arc::new(place.try_open(&place.path, &[]).await.expect("a file"));
    let mut words = Arc::clone(&file).follow();
    drop(file);
    assert_eq!(words.recv().await, None);
}

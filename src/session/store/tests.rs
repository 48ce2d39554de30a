//! What every store must do, whatever it is made of: one function for each behaviour, run for a store by `contract!`.
//!
//! A store's own tests make a [`Stage`] with a fresh store on it and name the function that makes it:
//! `crate::session::store::tests::contract!(stage);`. No behaviour knows which store it is played with.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::ManualClock;
use crate::session::store::{
    Applied, Batch, Change, Entry, Expect, Heard, Index, Key, Range, Store, Value,
};

pub(in crate::session::store) mod batches;
pub(in crate::session::store) mod indexes;
pub(in crate::session::store) mod lives;
mod model;
pub(in crate::session::store) mod races;
pub(in crate::session::store) mod runs;
pub(in crate::session::store) mod words;

/// Longest wait for what a store owes: far above what any takes, so that only a store that never does it meets the end of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at a store with a clock of its own.
const GLANCE: Duration = Duration::from_millis(10);

/// An empty store and what it needs to stand.
pub(in crate::session::store) struct Stage {
    pub(in crate::session::store) store: Arc<dyn Store>,
    pub(in crate::session::store) time: Time,
    /// Kept until the stage is taken down: a directory, a server.
    pub(in crate::session::store) _props: Box<dyn Any + Send + Sync>,
}

/// How lives pass on a stage.
pub(in crate::session::store) enum Time {
    /// The store measures lives by a clock that is moved by hand.
    ByHand(ManualClock),
    /// The store measures lives by a clock of its own, and they are waited for.
    #[cfg_attr(not(test), expect(dead_code, reason = "for stores that are servers"))]
    Real,
}

impl Stage {
    /// Waits until the key has no value, which it loses when the `life` of its value is over.
    pub(in crate::session::store) async fn outlive(&self, key: &str, life: Duration) {
        match &self.time {
            Time::ByHand(hand) => hand.advance(life),
            Time::Real => {
                let gone = async {
                    while self.value(key).await.is_some() {
                        tokio::time::sleep((life / 8).max(GLANCE)).await;
                    }
                };
                tokio::time::timeout(life + PATIENCE, gone)
                    .await
                    .expect("the value's life ends");
            }
        }
    }

    /// The value of a key.
    pub(in crate::session::store) async fn value(&self, key: &str) -> Option<Vec<u8>> {
        let values = self.store.read(&[k(key)]).await.expect("an answer");
        let [value] = <[_; 1]>::try_from(values).expect("one answer for one key");
        value.map(|value| value.0)
    }

    /// Writes a batch that expects nothing.
    pub(in crate::session::store) async fn change(&self, changes: Vec<Change>) {
        let applied = self.write(Vec::new(), changes).await;
        assert_eq!(applied, Applied::Yes, "nothing was expected");
    }

    /// Writes a batch that tells nothing.
    pub(in crate::session::store) async fn write(
        &self,
        expect: Vec<Expect>,
        changes: Vec<Change>,
    ) -> Applied {
        let batch = Batch {
            expect,
            changes,
            tell: Vec::new(),
        };
        self.store.write(&batch).await.expect("an answer")
    }

    /// All of an index, in its order.
    pub(in crate::session::store) async fn whole(&self, index: &str) -> Vec<(u64, String)> {
        self.part(index, None, u64::MAX, usize::MAX).await
    }

    /// A part of an index.
    pub(in crate::session::store) async fn part(
        &self,
        index: &str,
        after: Option<(u64, &str)>,
        up_to: u64,
        limit: usize,
    ) -> Vec<(u64, String)> {
        let range = Range {
            index: i(index),
            after: after.map(|(score, member)| Entry {
                score,
                member: member.to_owned(),
            }),
            up_to,
            limit,
        };
        let entries = self.store.range(&range).await.expect("an answer");
        entries
            .into_iter()
            .map(|entry| (entry.score, entry.member))
            .collect()
    }

    /// How many entries an index has.
    pub(in crate::session::store) async fn count(&self, index: &str) -> u64 {
        self.store.count(&i(index)).await.expect("an answer")
    }

    /// Someone who hears what is told from now on.
    pub(in crate::session::store) async fn follower(&self) -> Follower {
        Follower::new(&self.store).await
    }

    /// Tells something in a batch of its own.
    pub(in crate::session::store) async fn tell(&self, word: &str) {
        let batch = Batch {
            tell: vec![word.to_owned()],
            ..Batch::default()
        };
        let applied = self.store.write(&batch).await.expect("an answer");
        assert_eq!(applied, Applied::Yes);
    }
}

/// Hears what a store tells, and is sure to be listening once it is made.
pub(in crate::session::store) struct Follower(mpsc::Receiver<Heard>);

/// What is said until a follower hears it.
const ROLL_CALL: &str = "are you there?";

impl Follower {
    pub(in crate::session::store) async fn new(store: &Arc<dyn Store>) -> Self {
        let mut words = Arc::clone(store).follow();
        let called = Batch {
            tell: vec![ROLL_CALL.to_owned()],
            ..Batch::default()
        };
        let heard = async {
            loop {
                store.write(&called).await.expect("an answer");
                // A store that is a server may need a moment before it passes words on.
                let word = tokio::time::timeout(Duration::from_millis(50), words.recv()).await;
                match word {
                    Ok(Some(Heard::Word(word))) if word == ROLL_CALL => break,
                    Ok(Some(Heard::Word(_) | Heard::Gap)) | Err(_) => {}
                    Ok(None) => panic!("the words ended"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard)
            .await
            .expect("the follower hears the store");
        Self(words)
    }

    /// The next of what is heard.
    pub(in crate::session::store) async fn next(&mut self) -> Heard {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.0.recv())
                .await
                .expect("something is heard")
                .expect("words do not end");
            if heard != Heard::Word(ROLL_CALL.to_owned()) {
                return heard;
            }
        }
    }

    /// The next `count` words; nothing may have been missed.
    pub(in crate::session::store) async fn words(&mut self, count: usize) -> Vec<String> {
        let mut words = Vec::new();
        while words.len() < count {
            match self.next().await {
                Heard::Word(word) => words.push(word),
                Heard::Gap => panic!("a gap after {words:?}"),
            }
        }
        words
    }
}

pub(in crate::session::store) fn k(key: &str) -> Key {
    Key(key.as_bytes().to_vec())
}

pub(in crate::session::store) fn v(value: impl AsRef<[u8]>) -> Value {
    Value(value.as_ref().to_vec())
}

pub(in crate::session::store) fn i(index: &str) -> Index {
    Index(index.as_bytes().to_vec())
}

pub(in crate::session::store) fn put(key: &str, value: impl AsRef<[u8]>) -> Change {
    Change::Put {
        key: k(key),
        value: v(value),
        life: None,
    }
}

pub(in crate::session::store) fn lend(key: &str, value: &str, life: Duration) -> Change {
    Change::Put {
        key: k(key),
        value: v(value),
        life: Some(life),
    }
}

pub(in crate::session::store) fn remove(key: &str) -> Change {
    Change::Remove(k(key))
}

pub(in crate::session::store) fn enter(index: &str, member: &str, score: u64) -> Change {
    Change::Enter {
        index: i(index),
        member: member.to_owned(),
        score,
    }
}

pub(in crate::session::store) fn leave(index: &str, member: &str) -> Change {
    Change::Leave {
        index: i(index),
        member: member.to_owned(),
    }
}

/// Entries as [`Stage::whole`] gives them.
pub(in crate::session::store) fn entries(listed: &[(u64, &str)]) -> Vec<(u64, String)> {
    listed
        .iter()
        .map(|(score, member)| (*score, (*member).to_owned()))
        .collect()
}

/// Plays every behaviour as a test of its own, each on a fresh stage that `$stage().await` sets; or with `together` all of them at
/// once in one test, for what takes long to set up: then `$stage` is given what stands already, and sets stages on it.
macro_rules! contract {
    (together $stage:ident, $stands:expr) => {
        $crate::session::store::tests::contract! { list together ($stage, $stands) }
    };
    ($stage:ident) => {
        $crate::session::store::tests::contract! { list each ($stage) }
    };
    (list $how:ident $given:tt) => {
        $crate::session::store::tests::contract! { $how $given;
            batches: [
                what_is_written_is_read,
                values_of_every_size_are_kept_as_they_are,
                keys_are_read_in_the_order_they_are_asked_for,
                a_batch_of_nothing_is_applied,
                later_changes_of_a_batch_stand_over_earlier_ones,
                expectations_that_hold_let_a_batch_through,
                one_expectation_that_does_not_hold_stops_the_whole_batch,
                expectations_are_judged_before_the_changes_of_their_batch,
                a_batch_may_be_large,
                a_batch_may_be_tried_again,
            ]
            indexes: [
                entries_come_in_the_order_of_scores_and_then_of_members,
                a_member_stands_once_and_moves,
                pages_lie_side_by_side_whatever_the_scores,
                a_page_begins_after_an_entry_that_has_left,
                no_entry_above_the_bound_is_shown,
                scores_are_exact_up_to_the_last_millisecond,
                members_that_leave_are_not_counted,
                an_index_may_grow_and_shrink,
                indexes_and_keys_of_one_name_are_apart,
            ]
            lives: [
                a_life_that_is_over_leaves_nothing,
                a_value_put_anew_lives_by_its_last_life,
                a_lease_is_taken_by_whoever_comes_after_its_end,
                a_value_put_for_good_outlives_its_lease,
            ]
            words: [
                words_are_heard_in_the_order_they_were_told,
                a_batch_that_is_not_applied_tells_nothing,
                everybody_hears_everything,
                who_hears_a_word_sees_what_it_speaks_of,
                a_follower_who_left_harms_nobody,
            ]
            races: [
                of_many_who_expect_the_same_one_gets_it,
                no_count_is_lost_between_many_who_count,
                a_write_dropped_half_way_is_whole_or_not_at_all,
                all_keys_are_read_at_one_moment,
            ]
            runs: [
                one_after_the_other_it_does_what_the_model_does,
                all_at_once_it_does_what_the_model_does_in_the_order_heard,
            ]
        }
    };
    (each ($stage:ident); $($part:ident: [$($behaviour:ident,)*])*) => {
        $(mod $part {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                let stage = super::$stage().await;
                $crate::session::store::tests::$part::$behaviour(&stage).await;
            })*
        })*
    };
    (together ($stage:ident, $stands:expr); $($part:ident: [$($behaviour:ident,)*])*) => {{
        let mut played = tokio::task::JoinSet::new();
        $($({
            let stage = $stage($stands).await;
            played.spawn(async move {
                $crate::session::store::tests::$part::$behaviour(&stage).await;
            });
        })*)*
        // A behaviour that panics says itself where it stands.
        played.join_all().await
    }};
}

pub(in crate::session::store) use contract;

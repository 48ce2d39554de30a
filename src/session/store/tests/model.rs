//! What a store is, in the plainest form: maps that are changed by one batch after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{enter, k, leave, put, remove, v};
use crate::session::store::{Applied, Batch, Change, Entry, Expect, Index, Key, Range, Value};

/// Names of each sort; so few that batches meet one another.
pub(super) const NAMES: [&str; 6] = ["a", "b", "c", "aa", "B", "b:c"];

/// A life that ends in a run with a clock that is moved by hand, and in no other.
const LIFE: Duration = Duration::from_secs(1000);

/// A store without anything that a store needs.
#[derive(Default)]
pub(super) struct Model {
    now: Duration,
    values: BTreeMap<Key, (Value, Option<Duration>)>,
    indexes: BTreeMap<Index, BTreeMap<String, u64>>,
}

impl Model {
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn read(&self, key: &Key) -> Option<Value> {
        let (value, end) = self.values.get(key)?;
        let lives = end.is_none_or(|end| end > self.now);
        lives.then(|| value.clone())
    }

    pub(super) fn write(&mut self, batch: &Batch) -> Applied {
        let holds = |expect: &Expect| match expect {
            Expect::Is(key, value) => self.read(key).as_ref() == Some(value),
            Expect::Present(key) => self.read(key).is_some(),
            Expect::Absent(key) => self.read(key).is_none(),
        };
        if !batch.expect.iter().all(holds) {
            return Applied::No;
        }
        for change in batch.changes.iter().cloned() {
            match change {
                Change::Put { key, value, life } => {
                    let end = life.map(|life| self.now + life);
                    self.values.insert(key, (value, end));
                }
                Change::Remove(key) => {
                    self.values.remove(&key);
                }
                Change::Enter {
                    index,
                    member,
                    score,
                } => {
                    self.indexes.entry(index).or_default().insert(member, score);
                }
                Change::Leave { index, member } => {
                    self.indexes.entry(index).or_default().remove(&member);
                }
            }
        }
        Applied::Yes
    }

    pub(super) fn range(&self, range: &Range) -> Vec<Entry> {
        let members = self.indexes.get(&range.index).into_iter().flatten();
        let entries: BTreeSet<Entry> = members
            .map(|(member, score)| Entry {
                score: *score,
                member: member.clone(),
            })
            .collect();
        entries
            .into_iter()
            .filter(|entry| range.after.as_ref().is_none_or(|after| entry > after))
            .take_while(|entry| entry.score <= range.up_to)
            .take(range.limit)
            .collect()
    }

    pub(super) fn count(&self, index: &Index) -> u64 {
        self.indexes
            .get(index)
            .map_or(0, |index| index.len() as u64)
    }
}

/// What is done to a store and its model alike.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Write(Batch),
    Read(Vec<Key>),
    Range(Range),
    Count(Index),
    Pass(Duration),
}

fn name() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&NAMES[..])
}

fn value() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["", "1", "2"][..])
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![
        (name(), value()).prop_map(|(key, value)| Expect::Is(k(key), v(value))),
        name().prop_map(|key| Expect::Present(k(key))),
        name().prop_map(|key| Expect::Absent(k(key))),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (name(), value()).prop_map(|(key, value)| put(key, value)),
        (name(), value(), 1..4_u32).prop_map(|(key, value, lives)| Change::Put {
            key: k(key),
            value: v(value),
            life: Some(LIFE * lives),
        }),
        name().prop_map(remove),
        (name(), name(), 0..4_u64).prop_map(|(index, member, score)| enter(index, member, score)),
        (name(), name()).prop_map(|(index, member)| leave(index, member)),
    ]
}

/// Batches of which about half are applied.
pub(super) fn batch() -> impl Strategy<Value = Batch> {
    (vec(expect(), 0..3), vec(change(), 0..6)).prop_map(|(expect, changes)| Batch {
        expect,
        changes,
        tell: Vec::new(),
    })
}

fn range() -> impl Strategy<Value = Range> {
    let after = proptest::option::of((0..4_u64, name()));
    (name(), after, 0..5_u64, 0..8_usize).prop_map(|(index, after, up_to, limit)| Range {
        index: Index(index.as_bytes().to_vec()),
        after: after.map(|(score, member)| Entry {
            score,
            member: member.to_owned(),
        }),
        up_to,
        limit,
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => batch().prop_map(Step::Write),
        2 => vec(name().prop_map(k), 0..4).prop_map(Step::Read),
        2 => range().prop_map(Step::Range),
        1 => name().prop_map(|index| Step::Count(Index(index.as_bytes().to_vec()))),
        1 => (1..3_u32).prop_map(|lives| Step::Pass(LIFE * lives)),
    ]
}

//! Batches and ranges in the form that the scripts read.

use crate::session::store::redis::failure::Failure;
use crate::session::store::redis::names::Names;
use crate::session::store::redis::program::Given;
use crate::session::store::{Batch, Change, Entry, Expect, Range};

/// Words that the stream keeps, about: who was away for longer than they last has a gap.
const WORDS_KEPT: usize = 10_000;

/// Most bytes of a batch: far more than any of ours has, and far less than what holds Redis up for others.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Scores are doubles in Redis: above this not every number is one. Milliseconds reach it in the year 287396.
const HIGHEST_SCORE: u64 = 1 << 53;

/// Longest life, 100 years: Redis refuses one that ends beyond its calendar.
const LONGEST_LIFE: u128 = 100 * 365 * 24 * 60 * 60 * 1000;

/// Most entries of one page; more than there can be in an index.
const LONGEST_PAGE: usize = i32::MAX as usize;

/// What the script for batches is given.
pub(super) fn written(names: &Names, batch: &Batch) -> Result<Given, Failure> {
    let mut given = Given::default();
    given.keys.push(names.words().into_bytes());
    given.argue(batch.expect.len().to_string());
    for expect in &batch.expect {
        match expect {
            Expect::Is(key, value) => {
                given.keys.push(names.key(key));
                given.argue("is");
                given.argue(value.0.as_slice());
            }
            Expect::Present(key) => {
                given.keys.push(names.key(key));
                given.argue("present");
            }
            Expect::Absent(key) => {
                given.keys.push(names.key(key));
                given.argue("absent");
            }
        }
    }
    given.argue(batch.changes.len().to_string());
    for change in &batch.changes {
        add(&mut given, names, change);
    }
    given.argue(WORDS_KEPT.to_string());
    for word in &batch.tell {
        given.argue(word.as_str());
    }
    let bytes = given.bytes();
    if bytes > MOST_BYTES {
        return Err(Failure::TooMuch(bytes));
    }
    Ok(given)
}

fn add(given: &mut Given, names: &Names, change: &Change) {
    match change {
        Change::Put { key, value, life } => {
            given.keys.push(names.key(key));
            given.argue("put");
            given.argue(value.0.as_slice());
            // A life of nothing is refused by Redis, and is over as soon as the shortest.
            let life = life.map(|life| life.as_millis().clamp(1, LONGEST_LIFE).to_string());
            given.argue(life.unwrap_or_default());
        }
        Change::Remove(key) => {
            given.keys.push(names.key(key));
            given.argue("remove");
        }
        Change::Enter {
            index,
            member,
            score,
        } => {
            given.keys.push(names.index(index));
            given.argue("enter");
            given.argue(exact(*score).to_string());
            given.argue(member.as_str());
        }
        Change::Leave { index, member } => {
            given.keys.push(names.index(index));
            given.argue("leave");
            given.argue(member.as_str());
        }
    }
}

/// What the script for ranges is given.
pub(super) fn ranged(names: &Names, range: &Range) -> Given {
    let mut given = Given::default();
    given.keys.push(names.index(&range.index));
    given.argue(exact(range.up_to).to_string());
    given.argue(range.limit.min(LONGEST_PAGE).to_string());
    if let Some(Entry { score, member }) = &range.after {
        given.argue(exact(*score).to_string());
        given.argue(member.as_str());
    }
    given
}

fn exact(score: u64) -> u64 {
    score.min(HIGHEST_SCORE)
}

/// What is written at the beginning of each connection, to see that it can be: every kind of change and a word, below names of its
/// own, so that any number of processes may do it at once.
pub(super) fn rehearsed(names: &Names) -> Given {
    let [stream, index] = ["words", "index"].map(|part| names.rehearsal(part));
    let [none, key] = ["none", "key"].map(|part| names.rehearsal(part));
    let keys = vec![stream.clone(), none, stream, key, index.clone(), index];
    let expected = ["1", "absent", "4"];
    let removed = ["remove"];
    let put = ["put", "value", "1000"];
    let entered = ["enter", "1", "member"];
    let left = ["leave", "member"];
    let told = ["1", "word"];
    let arguments = [&expected[..], &removed, &put, &entered, &left, &told].concat();
    Given {
        keys: keys.into_iter().map(String::into_bytes).collect(),
        arguments: arguments.into_iter().map(Vec::from).collect(),
    }
}

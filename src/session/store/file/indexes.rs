//! The indexes in the file. Everything here blocks.
//!
//! Every entry has a row that tells its score. Most indexes have one entry or two, and are put in order when they are read; a second
//! row for each of theirs would be an eighth of the file. Only an index of many entries has rows in its order, and a count.

use std::ops::Bound;

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};

use crate::session::store::{Entry, Range};

/// Index and member to score.
const SCORES: TableDefinition<'static, (&[u8], &str), u64> = TableDefinition::new("scores");

/// Index, score and member of those indexes that have many entries: the order in which they are read.
const ENTRIES: TableDefinition<'static, (&[u8], u64, &str), ()> = TableDefinition::new("entries");

/// Those indexes to the number of their entries.
const COUNTS: TableDefinition<'static, &[u8], u64> = TableDefinition::new("counts");

/// More entries are many: past that, an index would fill more than one page, all of it read for one entry.
const FEW: usize = 32;

/// So few are few again: an index at the border is not built and torn down with each entry.
const FEW_AGAIN: u64 = 16;

/// The tables of the indexes within one transaction.
pub(super) struct Indexes<'a> {
    scores: Table<'a, (&'static [u8], &'static str), u64>,
    entries: Table<'a, (&'static [u8], u64, &'static str), ()>,
    counts: Table<'a, &'static [u8], u64>,
}

impl<'a> Indexes<'a> {
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            scores: transaction.open_table(SCORES)?,
            entries: transaction.open_table(ENTRIES)?,
            counts: transaction.open_table(COUNTS)?,
        })
    }

    /// Puts a member under a score, or moves it there.
    pub(super) fn enter(
        &mut self,
        index: &[u8],
        member: &str,
        score: u64,
    ) -> Result<(), redb::Error> {
        let before = self
            .scores
            .insert((index, member), score)?
            .map(|before| before.value());
        if before == Some(score) {
            return Ok(());
        }
        let many = self.counts.get(index)?.map(|count| count.value());
        match (many, before) {
            (Some(_), Some(before)) => {
                self.entries.remove((index, before, member))?;
                self.entries.insert((index, score, member), ())?;
            }
            (Some(count), None) => {
                self.entries.insert((index, score, member), ())?;
                self.counts.insert(index, count.saturating_add(1))?;
            }
            (None, Some(_)) => {}
            (None, None) => self.order_many(index)?,
        }
        Ok(())
    }

    /// Takes a member out, if it is there.
    pub(super) fn leave(&mut self, index: &[u8], member: &str) -> Result<(), redb::Error> {
        let before = self
            .scores
            .remove((index, member))?
            .map(|before| before.value());
        let many = self.counts.get(index)?.map(|count| count.value());
        let (Some(before), Some(count)) = (before, many) else {
            return Ok(());
        };
        self.entries.remove((index, before, member))?;
        let count = count.saturating_sub(1);
        if count > FEW_AGAIN {
            self.counts.insert(index, count)?;
            return Ok(());
        }
        for entry in few(&self.scores, index)? {
            self.entries
                .remove((index, entry.score, entry.member.as_str()))?;
        }
        self.counts.remove(index)?;
        Ok(())
    }

    /// Gives an index its order and its count if its entries have become many.
    fn order_many(&mut self, index: &[u8]) -> Result<(), redb::Error> {
        let entries = few(&self.scores, index)?;
        if entries.len() <= FEW {
            return Ok(());
        }
        for entry in &entries {
            self.entries
                .insert((index, entry.score, entry.member.as_str()), ())?;
        }
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        self.counts.insert(index, count)?;
        Ok(())
    }
}

/// A part of an index.
pub(super) fn range(
    transaction: &ReadTransaction,
    range: &Range,
) -> Result<Vec<Entry>, redb::Error> {
    let index = range.index.0.as_slice();
    if transaction.open_table(COUNTS)?.get(index)?.is_none() {
        let mut entries = few(&transaction.open_table(SCORES)?, index)?;
        entries.retain(|entry| entry.score <= range.up_to && range.after.as_ref() < Some(entry));
        entries.sort();
        entries.truncate(range.limit);
        return Ok(entries);
    }
    let entries = transaction.open_table(ENTRIES)?;
    let from = match &range.after {
        Some(after) => Bound::Excluded((index, after.score, after.member.as_str())),
        None => Bound::Included((index, 0, "")),
    };
    let mut page = Vec::new();
    for entry in entries.range::<(&[u8], u64, &str)>((from, Bound::Unbounded))? {
        if page.len() >= range.limit {
            break;
        }
        let (key, _) = entry?;
        let (name, score, member) = key.value();
        if name != index || score > range.up_to {
            break;
        }
        page.push(Entry {
            score,
            member: member.to_owned(),
        });
    }
    Ok(page)
}

/// How many entries an index has.
pub(super) fn count(transaction: &ReadTransaction, index: &[u8]) -> Result<u64, redb::Error> {
    if let Some(count) = transaction.open_table(COUNTS)?.get(index)? {
        return Ok(count.value());
    }
    let few = few(&transaction.open_table(SCORES)?, index)?.len();
    Ok(u64::try_from(few).unwrap_or(u64::MAX))
}

/// All entries of an index of few, in no order.
fn few(
    scores: &impl ReadableTable<(&'static [u8], &'static str), u64>,
    index: &[u8],
) -> Result<Vec<Entry>, redb::Error> {
    let mut entries = Vec::new();
    for row in scores.range::<(&[u8], &str)>((index, "")..)? {
        let (key, score) = row?;
        let (name, member) = key.value();
        if name != index {
            break;
        }
        entries.push(Entry {
            score: score.value(),
            member: member.to_owned(),
        });
    }
    Ok(entries)
}

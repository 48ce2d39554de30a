//! The tables in the file, and what is done with them in one transaction. Everything here blocks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::indexes::{self, Indexes};
use crate::session::store::{Applied, Batch, Change, Entry, Expect, Index, Key, Range, Value};

/// Key to the end of its value's life, in milliseconds since 1970, and the value.
const VALUES: TableDefinition<'static, &[u8], (u64, &[u8])> = TableDefinition::new("values");

/// Ends of lives with their keys, the next one first; of lives that are over [`SOON`] after they began.
const ENDS: TableDefinition<'static, (u64, &[u8]), ()> = TableDefinition::new("ends");

/// What is to be known of the file itself.
const ABOUT: TableDefinition<'static, &str, u64> = TableDefinition::new("about");

/// Which form the tables have; another release may have another.
const FORM: (&str, u64) = ("form", 2);

/// The end of a value that is put for good.
const NEVER: u64 = u64::MAX;

/// Longer lives have no row in [`ENDS`]: it would take more room than it gives back sooner, and a walk through all values finds them too.
const SOON: u64 = 24 * 60 * 60 * 1000;

/// Values that one step of that walk looks at: a millisecond or two for the batches behind it.
const STEP: usize = 1000;

/// The open tables.
pub(super) struct Disk {
    database: Database,
    /// Where the next step of the walk begins.
    walked: Mutex<Vec<u8>>,
}

impl Disk {
    /// Takes a database over, and makes the tables that it lacks; `None` when its tables have another form.
    pub(super) fn new(database: Database) -> Result<Option<Self>, redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut about = transaction.open_table(ABOUT)?;
            let form = about.get(FORM.0)?.map(|form| form.value());
            match form {
                Some(form) if form == FORM.1 => {}
                Some(_) => return Ok(None),
                None => {
                    about.insert(FORM.0, FORM.1)?;
                }
            }
            Tables::open(&transaction)?;
        }
        transaction.commit()?;
        Ok(Some(Self {
            database,
            walked: Mutex::default(),
        }))
    }

    pub(super) fn read(&self, keys: &[Key], now: u64) -> Result<Vec<Option<Value>>, redb::Error> {
        let values = self.database.begin_read()?.open_table(VALUES)?;
        keys.iter().map(|key| living(&values, key, now)).collect()
    }

    pub(super) fn range(&self, range: &Range) -> Result<Vec<Entry>, redb::Error> {
        indexes::range(&self.database.begin_read()?, range)
    }

    pub(super) fn count(&self, index: &Index) -> Result<u64, redb::Error> {
        indexes::count(&self.database.begin_read()?, &index.0)
    }

    /// Judges and applies batches one after the other, all in one transaction, and takes at most `sweep` values out whose lives
    /// are over, besides those that a step of the walk comes upon. Tells for each batch whether it was applied, and how many values were
    /// taken out otherwise.
    pub(super) fn write<'a>(
        &self,
        batches: impl Iterator<Item = &'a Batch>,
        now: u64,
        sweep: usize,
    ) -> Result<(Vec<Applied>, usize), redb::Error> {
        let transaction = self.database.begin_write()?;
        let mut applied = Vec::new();
        let swept;
        let mut changed = false;
        {
            let mut tables = Tables::open(&transaction)?;
            for batch in batches {
                let holds = tables.hold(&batch.expect, now)?;
                if holds {
                    changed |= !batch.changes.is_empty();
                    for change in &batch.changes {
                        tables.change(change, now)?;
                    }
                }
                applied.push(if holds { Applied::Yes } else { Applied::No });
            }
            swept = tables.sweep(now, sweep)?;
            if sweep > 0 {
                let mut walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
                changed |= tables.walk(&mut walked, now)?;
            }
        }
        if changed || swept > 0 {
            transaction.commit()?;
        } else {
            // Nothing to wait for the disk for.
            transaction.abort()?;
        }
        Ok((applied, swept))
    }

    /// Drops every key that begins with one of these.
    pub(super) fn forget(&self, prefixes: &[String]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut tables = Tables::open(&transaction)?;
            for prefix in prefixes {
                for key in tables.beginning_with(prefix.as_bytes())? {
                    tables.remove(&key)?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Moves what is kept together and gives the rest of the file back, if more than a quarter of `length` bytes is free.
    pub(super) fn compact(&mut self, length: u64) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        let stats = transaction.stats()?;
        transaction.abort()?;
        let used = stats
            .allocated_pages()
            .saturating_mul(u64::try_from(stats.page_size()).unwrap_or(u64::MAX));
        if used < length / 4 * 3 {
            self.database.compact()?;
        }
        Ok(())
    }

    /// How many values lie in the file, those whose lives are over among them.
    #[cfg(test)]
    pub(super) fn lying(&self) -> Result<(u64, u64), redb::Error> {
        use redb::ReadableTableMetadata as _;

        let transaction = self.database.begin_read()?;
        let values = transaction.open_table(VALUES)?.len()?;
        Ok((values, transaction.open_table(ENDS)?.len()?))
    }
}

/// All tables within one transaction.
struct Tables<'a> {
    values: Table<'a, &'static [u8], (u64, &'static [u8])>,
    ends: Table<'a, (u64, &'static [u8]), ()>,
    indexes: Indexes<'a>,
}

impl<'a> Tables<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            values: transaction.open_table(VALUES)?,
            ends: transaction.open_table(ENDS)?,
            indexes: Indexes::open(transaction)?,
        })
    }

    fn hold(&self, expect: &[Expect], now: u64) -> Result<bool, redb::Error> {
        for expect in expect {
            let holds = match expect {
                Expect::Is(key, value) => living(&self.values, key, now)?.as_ref() == Some(value),
                Expect::Present(key) => living(&self.values, key, now)?.is_some(),
                Expect::Absent(key) => living(&self.values, key, now)?.is_none(),
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn change(&mut self, change: &Change, now: u64) -> Result<(), redb::Error> {
        match change {
            Change::Put { key, value, life } => {
                let end = life.map_or(NEVER, |life| end(now, life));
                self.put(&key.0, (end, &value.0), now)
            }
            Change::Remove(key) => self.remove(&key.0),
            Change::Enter {
                index,
                member,
                score,
            } => self.indexes.enter(&index.0, member, *score),
            Change::Leave { index, member } => self.indexes.leave(&index.0, member),
        }
    }

    fn put(&mut self, key: &[u8], (end, value): (u64, &[u8]), now: u64) -> Result<(), redb::Error> {
        let before = self
            .values
            .insert(key, (end, value))?
            .map(|before| before.value().0);
        if let Some(before) = before.filter(|before| *before != end && *before != NEVER) {
            self.ends.remove((before, key))?;
        }
        if end.saturating_sub(now) <= SOON {
            self.ends.insert((end, key), ())?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), redb::Error> {
        let before = self.values.remove(key)?.map(|before| before.value().0);
        if let Some(before) = before.filter(|before| *before != NEVER) {
            self.ends.remove((before, key))?;
        }
        Ok(())
    }

    fn sweep(&mut self, now: u64, most: usize) -> Result<usize, redb::Error> {
        let over: Vec<Vec<u8>> = self
            .ends
            .range::<(u64, &[u8])>(..(now.saturating_add(1), &[][..]))?
            .take(most)
            .map(|end| Ok(end?.0.value().1.to_vec()))
            .collect::<Result<_, redb::StorageError>>()?;
        for key in &over {
            self.remove(key)?;
        }
        Ok(over.len())
    }

    /// Takes those of the next values out whose lives are over. Were there any?
    fn walk(&mut self, from: &mut Vec<u8>, now: u64) -> Result<bool, redb::Error> {
        let (mut over, mut next) = (Vec::new(), Vec::new());
        for (looked_at, row) in self.values.range(from.as_slice()..)?.enumerate() {
            let (key, value) = row?;
            if looked_at == STEP {
                next = key.value().to_vec();
                break;
            }
            if value.value().0 <= now {
                over.push(key.value().to_vec());
            }
        }
        for key in &over {
            self.remove(key)?;
        }
        *from = next;
        Ok(!over.is_empty())
    }

    fn beginning_with(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, redb::Error> {
        let mut keys = Vec::new();
        for entry in self.values.range(prefix..)? {
            let (key, _) = entry?;
            if !key.value().starts_with(prefix) {
                break;
            }
            keys.push(key.value().to_vec());
        }
        Ok(keys)
    }
}

/// The value of a key, unless its life is over.
fn living(
    values: &impl ReadableTable<&'static [u8], (u64, &'static [u8])>,
    key: &Key,
    now: u64,
) -> Result<Option<Value>, redb::Error> {
    let found = values.get(key.0.as_slice())?;
    Ok(found.and_then(|found| {
        let (end, value) = found.value();
        (end > now).then(|| Value(value.to_vec()))
    }))
}

/// When a life that begins now is over; one beyond all clocks never is.
fn end(now: u64, life: Duration) -> u64 {
    u64::try_from(life.as_millis()).map_or(NEVER, |life| now.saturating_add(life))
}

//! Where what must outlive a process, or be known to several, is kept: opaque values under keys, changed by all-or-nothing batches.
//!
//! A store knows nothing of sessions. What sessions mean by their records, leases, tombstones and owed logouts is written once, in
//! `shared`, as batches that say what must still be so for them to be applied; so the stores stay small and cannot differ in meaning.
//!
//! - With `memory` there is none: one process that forgets at its end knows everything in its own maps (`local`).
//! - `file` keeps everything in one file (redb), for one process at a time.
//! - `redis` keeps everything in Redis or Valkey, for many processes.
//!
//! Values arrive sealed where they hold secrets; keys and index members are digests and random ids, so that nothing a store shows
//! opens anything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub(in crate::session) mod file;
mod look;
pub(in crate::session) mod redis;
pub(in crate::session) mod seal;

#[cfg(test)]
mod tests;

pub use file::OpenError;
pub use look::{Flaw, look};

/// Keeps values under keys. Cheap to share; every method may be called at any time by any task, and dropped half-way.
#[async_trait]
pub(in crate::session) trait Store: Send + Sync + fmt::Debug {
    /// The values of these keys, in their order, all read at one moment.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError>;

    /// Applies a batch wholly, or not at all when one of its expectations does not hold.
    ///
    /// # Errors
    /// [`StoreError`]; the batch may have been applied all the same when the answer was lost: batches are written so that trying
    /// them again does no harm.
    async fn write(&self, batch: &Batch) -> Result<Applied, StoreError>;

    /// Entries of an index in the order of their scores, and of their members where scores are equal, beginning after `after`; at
    /// most `limit`, and none with a score above `up_to`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn range(&self, range: &Range) -> Result<Vec<Entry>, StoreError>;

    /// How many entries an index has.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count(&self, index: &Index) -> Result<u64, StoreError>;

    /// What processes tell each other through batches, from now on, this one's own words included. Lasts until the receiver is dropped.
    /// After a gap, however it came about, [`Heard::Gap`] comes first.
    fn follow(self: Arc<Self>) -> mpsc::Receiver<Heard>;
}

/// Whether a batch was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Applied {
    /// All of it.
    Yes,
    /// Nothing of it: something was not as expected.
    No,
}

/// A name below which a value is kept: any bytes, never more than 128.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(in crate::session) struct Key(pub(in crate::session) Vec<u8>);

/// A name of an index, in a space of its own beside the keys'.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(in crate::session) struct Index(pub(in crate::session) Vec<u8>);

/// What is kept under a key; at most 64 KiB.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::session) struct Value(pub(in crate::session) Vec<u8>);

/// What must be so for a batch to be applied.
#[derive(Clone, Debug)]
pub(in crate::session) enum Expect {
    /// The key has exactly this value.
    Is(Key, Value),
    /// The key has some value.
    Present(Key),
    /// The key has none, or had one whose time is over.
    Absent(Key),
}

/// One change.
#[derive(Clone, Debug)]
pub(in crate::session) enum Change {
    /// Puts a value, for good or for as long as `life` says. The store's own clock measures it.
    Put {
        key: Key,
        value: Value,
        life: Option<Duration>,
    },
    /// Takes the value away, if there is one.
    Remove(Key),
    /// Puts a member into an index under a score, or moves it there.
    Enter {
        index: Index,
        member: String,
        score: u64,
    },
    /// Takes a member out of an index, if it is there.
    Leave { index: Index, member: String },
}

/// Changes that are applied together or not at all, and what all processes hear when they are.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct Batch {
    pub(in crate::session) expect: Vec<Expect>,
    pub(in crate::session) changes: Vec<Change>,
    pub(in crate::session) tell: Vec<String>,
}

/// A part of an index.
#[derive(Clone, Debug)]
pub(in crate::session) struct Range {
    pub(in crate::session) index: Index,
    /// Entries up to and including this one are left out.
    pub(in crate::session) after: Option<Entry>,
    pub(in crate::session) up_to: u64,
    pub(in crate::session) limit: usize,
}

/// A member of an index with its score.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session) struct Entry {
    pub(in crate::session) score: u64,
    pub(in crate::session) member: String,
}

/// What [`Store::follow`] brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Heard {
    /// What a batch told.
    Word(String),
    /// Words may have been missed: who follows must look again at everything.
    Gap,
}

/// Why a store did not answer as asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or did not answer in time; asking again later may help.
    #[error("the session store is away")]
    Away(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// It answered what a store of ours cannot answer: wrong type, corrupt file, disk full.
    #[error("the session store cannot do what it was asked")]
    Broken(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Away(_) => "store-away",
            Self::Broken(_) => "store-broken",
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Value({} bytes)", self.0.len())
    }
}

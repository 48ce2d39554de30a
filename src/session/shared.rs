//! What sessions share with other processes, and with their own next start, through a store.
//!
//! Everything here is written as batches that are applied wholly or not at all, so that at every moment of a crash each auth token is
//! in the store: with a live session, or as an owed logout. A token that is being minted is owed before Rocket.Chat is asked for it.
//!
//! - `lease`: one process at a time does a thing, and the lease is its fencing token: what it writes expects the lease to be its own.
//! - `claim`: who wants a session finds it, waits for whoever makes it, or makes it.
//! - `commit`: what was minted becomes a live session, or replaces what one had.
//! - `ends`: a session's end, and what a logout buries.
//! - `debts`: the owed logouts.
//! - `uses`: what is noted of sessions' use, and whose time is over.
//! - `follow`: what other processes did.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::session::Scope;
use crate::recent::Recent;
use crate::session::EndCause;
use crate::session::handle::{StandIn, StandInHash};
use crate::session::store::seal::Seal;
use crate::session::store::{Applied, Batch, Change, Expect, Index, Key, Store, StoreError, Value};

pub(in crate::session) mod claim;
pub(in crate::session) mod codec;
pub(in crate::session) mod commit;
pub(in crate::session) mod debts;
pub(in crate::session) mod ends;
pub(in crate::session) mod find;
pub(in crate::session) mod follow;
pub(in crate::session) mod keys;
pub(in crate::session) mod lease;
pub(in crate::session) mod once;
pub(in crate::session) mod users;
pub(in crate::session) mod uses;

use lease::Bells;

/// How often a batch whose expectations failed is made anew. Each failure means that somebody else changed the same session just then.
const ROUNDS: usize = 16;

/// Ends heard of that are remembered, for sessions that take their place at the same moment.
const REMEMBERED_ENDS: usize = 50_000;

/// How long: far more than lies between the reading of a session and its taking of a place.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Unknown stand-ins that are remembered as such, so that a client that keeps sending one costs no look into the store each time.
const UNKNOWN: usize = 10_000;

/// Bytes of a try to write, about those of a session, and how long they stay.
const TRIED: usize = 1024;
const TRIED_FOR: Duration = Duration::from_secs(1);

/// The store with all that sessions mean by it.
pub(in crate::session) struct Shared {
    store: Arc<dyn Store>,
    seal: Seal,
    clock: Clock,
    scope: Scope,
    bells: Bells,
    ended: Recent<String, EndCause>,
    gaps: AtomicU64,
    unknown: Recent<StandInHash, ()>,
    /// The last batch could not be written.
    stuck: AtomicBool,
}

impl Shared {
    pub(in crate::session) fn new(
        store: Arc<dyn Store>,
        seal: Seal,
        clock: Clock,
        scope: Scope,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            seal,
            scope,
            bells: Bells::default(),
            ended: Recent::lasting(REMEMBERED_ENDS, REMEMBERED_FOR, clock.clone()),
            gaps: AtomicU64::new(0),
            unknown: Recent::lasting(UNKNOWN, REMEMBERED_FOR, clock.clone()),
            stuck: AtomicBool::new(false),
            clock,
        })
    }

    /// The stand-in of a session: every process that has the key makes the same, and none is kept.
    pub(in crate::session) fn stand_in(&self, id: &str) -> StandIn {
        StandIn::of_bits(&self.seal.derive("stand-in", id))
    }

    /// The stand-in of a session that began under an older key perhaps.
    pub(in crate::session) fn stand_in_of(&self, id: &str, hash: &StandInHash) -> StandIn {
        let mut made = self
            .seal
            .derive_each("stand-in", id)
            .map(|bits| StandIn::of_bits(&bits));
        made.find(|stand_in| stand_in.hash() == *hash)
            .unwrap_or_else(|| self.stand_in(id))
    }

    /// How many gaps there were in what was heard: ends may have been missed when it changes.
    pub(in crate::session) fn gaps(&self) -> u64 {
        self.gaps.load(Ordering::Acquire)
    }

    /// Why a session ended that took its place here while its end was heard, if it did.
    pub(in crate::session) fn ended(&self, id: &str) -> Option<EndCause> {
        self.ended.get(id)
    }

    async fn read<const N: usize>(
        &self,
        keys: [&Key; N],
    ) -> Result<[Option<Value>; N], StoreError> {
        let keys: [Key; N] = keys.map(Clone::clone);
        let values = self.store.read(&keys).await?;
        // A store answers for each key.
        Ok(values.try_into().unwrap_or([const { None }; N]))
    }

    pub(in crate::session) async fn applied(&self, batch: &Batch) -> Result<bool, StoreError> {
        let written = self.store.write(batch).await;
        match &written {
            Ok(Applied::Yes) => self.stuck.store(false, Ordering::Relaxed),
            Ok(Applied::No) => {}
            Err(_) => self.stuck.store(true, Ordering::Relaxed),
        }
        Ok(written? == Applied::Yes)
    }

    /// Where the last batch could not be written, tries whether one can now: a full store may be read all the while.
    pub(in crate::session) async fn try_writing(&self) -> Result<(), StoreError> {
        if self.stuck.load(Ordering::Relaxed) {
            let tried = Value(vec![0; TRIED]);
            let batch = Batch::default().put_for(&keys::tried(), tried, Some(TRIED_FOR));
            self.applied(&batch).await?;
        }
        Ok(())
    }
}

impl Batch {
    fn expect(mut self, expect: Expect) -> Self {
        self.expect.push(expect);
        self
    }

    /// As it was read, whether or not there was something.
    fn unchanged(self, key: &Key, value: Option<&Value>) -> Self {
        self.expect(match value {
            Some(value) => Expect::Is(key.clone(), value.clone()),
            None => Expect::Absent(key.clone()),
        })
    }

    fn put(self, key: &Key, value: Value) -> Self {
        self.put_for(key, value, None)
    }

    fn put_for(mut self, key: &Key, value: Value, life: Option<Duration>) -> Self {
        let key = key.clone();
        self.changes.push(Change::Put { key, value, life });
        self
    }

    fn remove(mut self, key: &Key) -> Self {
        self.changes.push(Change::Remove(key.clone()));
        self
    }

    fn enter(mut self, index: Index, member: &str, score: u64) -> Self {
        let member = member.to_owned();
        self.changes.push(Change::Enter {
            index,
            member,
            score,
        });
        self
    }

    fn leave(mut self, index: Index, member: &str) -> Self {
        let member = member.to_owned();
        self.changes.push(Change::Leave { index, member });
        self
    }

    fn tell(mut self, word: String) -> Self {
        self.tell.push(word);
        self
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shared")
    }
}

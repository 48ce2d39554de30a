//! The store of many processes: Redis from 6.2 or Valkey, single, with Sentinel, or in a Cluster.
//!
//! - **One slot.** All our keys carry one hash tag, made of the prefix: what ends a session must be applied wholly or not at all, and
//!   Redis does that for keys of one slot only. A cluster gives availability, not more room: one of its masters has all sessions.
//! - **One script** applies a batch: expectations, changes and words, in one step of a server that does one thing at a time.
//! - **Words** go through a stream, not through channels: a reader who was away for a moment finds what it missed, and one who
//!   was away for too long knows it. Each word names the one before.
//! - **Time** is bounded everywhere, and while Redis is away calls fail at once.
//! - A failover may lose what the old master had not passed on yet: such is Redis. Whoever follows hears of a gap, and looks again.
//!   While the slot itself moves to another node, calls fail as if Redis were away.
//!
//! What Redis must be: `maxmemory-policy noeviction` (or no `maxmemory`), because a dropped key is a lost session, tombstone or owed
//! logout; `appendonly yes` with `appendfsync everysec`, or a restart forgets all of them; with replicas
//! `min-replicas-to-write 1`, so that a master that is cut off from them stops taking what would be lost.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::session::redis::Redis as Config;
use crate::session::store::redis::door::Door;
use crate::session::store::redis::failure::Failure;
use crate::session::store::redis::follow::Reader;
use crate::session::store::redis::limits::Limits;
use crate::session::store::redis::link::{Keeper, Link};
use crate::session::store::redis::names::Names;
use crate::session::store::redis::program::Program;
use crate::session::store::redis::report::Report;
use crate::session::store::{
    Applied, Batch, Entry, Heard, Index, Key, Range, Store, StoreError, Value,
};

mod batch;
mod door;
mod failure;
mod follow;
pub(in crate::session) mod limits;
mod link;
mod look;
mod names;
mod program;
mod report;
#[cfg(test)]
mod tests;

/// All that an ACL user needs besides the keys (`~{prefix}*`, braces and all), as `ACL SETUSER` takes it. `CLUSTER SLOTS` is for
/// clusters only. Users of the sentinels need `+sentinel|get-master-addr-by-name`.
const PERMISSIONS: &str = "+ping +info +get +mget +set +del +zadd +zrem +zcard +zcount +zrange \
                           +xadd +xlen +xread +xrevrange +eval +evalsha +cluster|slots";

pub(super) use look::look;

/// Words that wait for a reader; those behind them wait in the stream.
const WORDS_WAITING: usize = 256;

/// Keeps everything in Redis.
#[derive(Debug)]
pub(in crate::session) struct Redis {
    names: Names,
    write: Arc<Program>,
    range: Program,
    link: Arc<Link>,
    door: Arc<Door>,
    report: Arc<Report>,
    limits: Limits,
    _end: DropGuard,
}

impl Redis {
    /// Begins to connect, and goes on by itself until it is dropped.
    pub(in crate::session) fn new(config: &Config, limits: Limits) -> Self {
        let names = Names::new(&config.key_prefix);
        let report = Arc::new(Report::new(&names));
        let write = Arc::new(Program::new(include_str!("redis/write.lua")));
        let link = Arc::new(Link::new(limits, Arc::clone(&report)));
        let door = Arc::new(Door::new(config.clone(), limits, names.clone()));
        let keeper = Keeper {
            link: Arc::clone(&link),
            door: Arc::clone(&door),
            names: names.clone(),
            write: Arc::clone(&write),
        };
        let end = CancellationToken::new();
        tokio::spawn(end.clone().run_until_cancelled_owned(keeper.keep()));
        Self {
            names,
            write,
            range: Program::new(include_str!("redis/range.lua")),
            link,
            door,
            report,
            limits,
            _end: end.drop_guard(),
        }
    }
}

#[async_trait]
impl Store for Redis {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<_> = keys.iter().map(|key| self.names.key(key)).collect();
        let values: Vec<Option<Vec<u8>>> = self
            .link
            .call(|mut connection| async move {
                redis::cmd("MGET")
                    .arg(names)
                    .query_async(&mut connection)
                    .await
            })
            .await?;
        Ok(values.into_iter().map(|value| value.map(Value)).collect())
    }

    async fn write(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let given = batch::written(&self.names, batch).map_err(|failure: Failure| {
            self.report.failed(&failure);
            StoreError::from(failure)
        })?;
        let applied: u8 = self
            .link
            .call(|mut connection| async move { self.write.run(&mut connection, &given).await })
            .await?;
        Ok(match applied {
            0 => Applied::No,
            _ => Applied::Yes,
        })
    }

    async fn range(&self, range: &Range) -> Result<Vec<Entry>, StoreError> {
        let given = batch::ranged(&self.names, range);
        let entries: Vec<(String, f64)> = self
            .link
            .call(|mut connection| async move { self.range.run(&mut connection, &given).await })
            .await?;
        Ok(entries
            .into_iter()
            .map(|(member, score)| Entry {
                // Ours are whole and never below nothing; a foreign one is cut to what is.
                score: score as u64,
                member,
            })
            .collect())
    }

    async fn count(&self, index: &Index) -> Result<u64, StoreError> {
        let name = self.names.index(index);
        self.link
            .call(|mut connection| async move {
                redis::cmd("ZCARD")
                    .arg(name)
                    .query_async(&mut connection)
                    .await
            })
            .await
    }

    fn follow(self: Arc<Self>) -> mpsc::Receiver<Heard> {
        let (heard, receiver) = mpsc::channel(WORDS_WAITING);
        let reader = Reader {
            door: Arc::clone(&self.door),
            report: Arc::clone(&self.report),
            names: self.names.clone(),
            patience: self.limits.command,
            heard,
        };
        tokio::spawn(reader.read());
        receiver
    }
}

//! Hears the words: reads the stream over a connection of its own, and knows whether one is missing.
//!
//! Every entry names the one before it. Who has read one and then reads one that does not follow it has missed something: the stream
//! was cut off, emptied, or went back with a failover. The stream itself is what waits for a slow reader.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::random;
use crate::session::store::Heard;
use crate::session::store::redis::door::Door;
use crate::session::store::redis::failure::{Failure, Meaning};
use crate::session::store::redis::names::Names;
use crate::session::store::redis::report::Report;

/// How long Redis holds a question that it has no answer to. So soon a dead connection or an emptied stream is found.
const HELD: Duration = Duration::from_secs(1);

/// Words of one answer.
const AT_ONCE: usize = 256;

/// Pause after an attempt that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// The entry before the first.
const NOTHING: &str = "0-0";

/// An entry as Redis shows it: its id, and names and texts in turn.
type Shown = (String, Vec<String>);

/// Reads the stream for one receiver.
pub(super) struct Reader {
    pub(super) door: Arc<Door>,
    pub(super) report: Arc<Report>,
    pub(super) names: Names,
    pub(super) patience: Duration,
    pub(super) heard: mpsc::Sender<Heard>,
}

/// How far a reader is.
struct Position {
    /// Tells this process of Redis, and what it knows, from any other.
    origin: String,
    /// The last entry that was read.
    last: String,
}

/// The receiver is gone.
struct Left;

/// Why reading stopped.
enum Stop {
    Left,
    Failed(Failure),
}

impl Reader {
    /// Reads until the receiver is gone.
    pub(super) async fn read(self) {
        let heard = self.heard.clone();
        tokio::select! {
            () = heard.closed() => {}
            () = self.read_on() => {}
        }
    }

    async fn read_on(self) {
        let mut position = None;
        loop {
            match self.follow(&mut position).await {
                Stop::Left => return,
                Stop::Failed(failure) => {
                    // Away is told by the link, which finds it by itself.
                    if matches!(failure.meaning(), Meaning::Broken(_)) {
                        self.report.failed(&failure);
                    }
                }
            }
            sleep(random::spread(PAUSE)).await;
        }
    }

    /// Follows one connection to its end.
    async fn follow(&self, position: &mut Option<Position>) -> Stop {
        let mut connection = match self.door.open().await {
            Ok(opened) => opened.connection,
            Err(failure) => return Stop::Failed(failure),
        };
        let stop = self.follow_over(&mut connection, position).await;
        stop.err().unwrap_or(Stop::Left)
    }

    async fn follow_over(
        &self,
        connection: &mut MultiplexedConnection,
        position: &mut Option<Position>,
    ) -> Result<(), Stop> {
        let origin = self.origin(connection).await?;
        if position
            .as_ref()
            .is_none_or(|position| position.origin != origin)
        {
            // Another process of Redis may know less than the one before it.
            let last = self.begin(connection).await?;
            *position = Some(Position { origin, last });
            self.say(Heard::Gap).await?;
        }
        let Some(position) = position else {
            return Ok(());
        };
        // Over a new connection the stream is looked at first: it may have been emptied in between.
        let mut looked = false;
        loop {
            let entries = if looked {
                self.next(connection, &position.last).await?
            } else {
                Vec::new()
            };
            looked = true;
            if entries.is_empty() {
                let last = self.last(connection).await?;
                if last.is_none_or(|last| is_later(&position.last, &last)) {
                    position.last = self.begin(connection).await?;
                    self.say(Heard::Gap).await?;
                }
            }
            for (id, fields) in entries {
                let field = |name: &str| {
                    let mut pairs = fields.chunks_exact(2);
                    pairs.find(|pair| pair[0] == name).map(|pair| &pair[1])
                };
                if field("after") != Some(&position.last) {
                    self.say(Heard::Gap).await?;
                }
                // Moved on before it is said: who is not here any more when it is heard has missed nothing.
                position.last = id;
                if let Some(word) = field("word") {
                    self.say(Heard::Word(word.clone())).await?;
                }
            }
        }
    }

    /// Entries after this one, as soon as there are any.
    async fn next(
        &self,
        connection: &mut MultiplexedConnection,
        last: &str,
    ) -> Result<Vec<Shown>, Failure> {
        let mut command = redis::cmd("XREAD");
        command
            .arg("COUNT")
            .arg(AT_ONCE)
            .arg("BLOCK")
            .arg(HELD.as_millis().to_string())
            .arg("STREAMS")
            .arg(self.names.words())
            .arg(last);
        let streams: Option<Vec<(String, Vec<Shown>)>> =
            self.ask(connection, &command, HELD + self.patience).await?;
        let streams = streams.unwrap_or_default();
        Ok(streams
            .into_iter()
            .flat_map(|(_, entries)| entries)
            .collect())
    }

    /// Where to read on from. An empty stream is given an entry without a word: nobody could tell it from an emptied one.
    async fn begin(&self, connection: &mut MultiplexedConnection) -> Result<String, Failure> {
        if let Some(last) = self.last(connection).await? {
            return Ok(last);
        }
        let mut command = redis::cmd("XADD");
        command.arg(self.names.words()).arg("*");
        command.arg("after").arg(NOTHING);
        self.ask(connection, &command, self.patience).await
    }

    /// The id of the stream's last entry.
    async fn last(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<String>, Failure> {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(self.names.words()).arg("+").arg("-");
        command.arg("COUNT").arg(1);
        let entries: Vec<Shown> = self.ask(connection, &command, self.patience).await?;
        Ok(entries.into_iter().next().map(|(id, _)| id))
    }

    async fn origin(&self, connection: &mut MultiplexedConnection) -> Result<String, Failure> {
        let mut origin = String::new();
        for (section, name) in [("server", "run_id:"), ("replication", "master_replid:")] {
            let info: String = self
                .ask(connection, redis::cmd("INFO").arg(section), self.patience)
                .await?;
            let line = info.lines().find(|line| line.starts_with(name));
            origin.push_str(line.unwrap_or_default());
        }
        Ok(origin)
    }

    async fn ask<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        command: &Cmd,
        patience: Duration,
    ) -> Result<T, Failure> {
        timeout(patience, command.query_async(connection))
            .await
            .map_err(|_elapsed| Failure::Late(patience))?
            .map_err(Failure::from)
    }

    async fn say(&self, heard: Heard) -> Result<(), Left> {
        self.heard.send(heard).await.map_err(|_gone| Left)
    }
}

/// Is the first id later than the second? Then the stream is not the one the first was read from.
fn is_later(one: &str, other: &str) -> bool {
    let parts = |id: &str| {
        let (time, number) = id.split_once('-')?;
        Some((time.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    };
    parts(one) > parts(other)
}

impl From<Left> for Stop {
    fn from(_left: Left) -> Self {
        Self::Left
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

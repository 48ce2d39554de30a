//! The connection that all calls share, and what becomes of it: kept alive, replaced when it is lost, and refused while there is none.
//!
//! While Redis is away calls fail at once: nobody waits for what is known not to come, and nothing piles up. Only while the first
//! attempt after a loss is under way do calls wait for its outcome, within their time.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisError};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::random;
use crate::session::store::StoreError;
use crate::session::store::redis::batch::rehearsed;
use crate::session::store::redis::door::Door;
use crate::session::store::redis::failure::{Failure, Meaning};
use crate::session::store::redis::limits::Limits;
use crate::session::store::redis::names::Names;
use crate::session::store::redis::program::Program;
use crate::session::store::redis::report::Report;

/// Pause between two looks at a connection that nobody complains of. A dead one is found before a call finds it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Pause after the first attempt that failed; doubled after each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause between attempts: so much later than Redis we are back, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The shared connection.
#[derive(Debug)]
pub(super) struct Link {
    state: watch::Sender<State>,
    places: Semaphore,
    limits: Limits,
    report: Arc<Report>,
}

#[derive(Clone, Debug)]
enum State {
    /// What will come of it is not known yet.
    Joining,
    Up(Live),
    Down(Failure),
}

#[derive(Clone, Debug)]
struct Live {
    connection: MultiplexedConnection,
    /// Told by whoever finds that the connection is of no more use.
    lost: CancellationToken,
}

impl Link {
    pub(super) fn new(limits: Limits, report: Arc<Report>) -> Self {
        Self {
            state: watch::Sender::new(State::Joining),
            places: Semaphore::new(limits.calls),
            limits,
            report,
        }
    }

    /// Gives the connection to `work` for one command and its answer; takes no longer than twice the time for a command, once
    /// for a place and a connection, and once for the answer.
    pub(super) async fn call<T, F, W>(&self, work: W) -> Result<T, StoreError>
    where
        W: FnOnce(MultiplexedConnection) -> F + Send,
        F: Future<Output = Result<T, RedisError>> + Send,
    {
        let patience = self.limits.command;
        let deadline = Instant::now() + patience;
        let turn = tokio::time::timeout_at(deadline, self.places.acquire()).await;
        let Ok(Ok(_place)) = turn else {
            return Err(Failure::Crowded.into());
        };
        let live = tokio::time::timeout_at(deadline, self.live()).await;
        let live = live.map_err(|_elapsed| Failure::Late(patience))??;
        let failure = match timeout(patience, work(live.connection)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure::from(error),
            Err(_elapsed) => Failure::Late(patience),
        };
        if failure.meaning() == Meaning::Gone {
            live.lost.cancel();
        }
        self.report.failed(&failure);
        Err(failure.into())
    }

    async fn live(&self) -> Result<Live, Failure> {
        let mut state = self.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Up(live) if !live.lost.is_cancelled() => return Ok(live.clone()),
                State::Down(failure) => return Err(failure.clone()),
                // Lost, and the keeper is about to say so.
                State::Up(_) | State::Joining => {}
            }
            // The sender lives as long as we do.
            let _changed = state.changed().await;
        }
    }
}

/// Keeps the link up, for as long as it is polled.
pub(super) struct Keeper {
    pub(super) link: Arc<Link>,
    pub(super) door: Arc<Door>,
    pub(super) names: Names,
    pub(super) write: Arc<Program>,
}

impl Keeper {
    pub(super) async fn keep(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.join().await {
                Ok(live) => {
                    let began = Instant::now();
                    self.link.state.send_replace(State::Up(live.clone()));
                    self.watch(&live).await;
                    self.link.state.send_replace(State::Joining);
                    // A connection that is lost again and again as soon as it stands must not be sought without a pause.
                    if began.elapsed() > LOOK_AGAIN {
                        pause = FIRST_PAUSE;
                        continue;
                    }
                }
                Err(failure) => {
                    self.link.report.failed(&failure);
                    self.link.state.send_replace(State::Down(failure));
                }
            }
            sleep(random::spread(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn join(&self) -> Result<Live, Failure> {
        let opened = self.door.open().await?;
        let live = Live {
            connection: opened.connection,
            lost: CancellationToken::new(),
        };
        let rehearsal = self.rehearse(&live).await;
        match rehearsal {
            Err(failure) if failure.meaning() == Meaning::Gone => return Err(failure),
            // What is refused today does not speak against what is allowed: who may still read should.
            Err(failure) => self.link.report.failed(&failure),
            Ok(()) => self.link.report.well(&opened.node),
        }
        self.look_at_memory(&live).await;
        Ok(live)
    }

    /// Returns when the connection is lost.
    async fn watch(&self, live: &Live) {
        loop {
            if timeout(LOOK_AGAIN, live.lost.cancelled()).await.is_ok() {
                return;
            }
            let looked = if self.link.report.is_well() {
                self.ask(live, &redis::cmd("PING"))
                    .await
                    .map(|_: String| ())
            } else {
                let rehearsal = self.rehearse(live).await;
                if rehearsal.is_ok() {
                    self.link.report.recovered();
                }
                rehearsal
            };
            let Err(failure) = looked else { continue };
            self.link.report.failed(&failure);
            if failure.meaning() == Meaning::Gone {
                live.lost.cancel();
                return;
            }
        }
    }

    /// Does everything once that writes do: so that a replica, a refused permission or a full memory is known before a session
    /// needs it.
    async fn rehearse(&self, live: &Live) -> Result<(), Failure> {
        let patience = self.link.limits.command;
        let mut connection = live.connection.clone();
        let given = rehearsed(&self.names);
        let written = self.write.run::<u8>(&mut connection, &given);
        timeout(patience, written)
            .await
            .map_err(|_elapsed| Failure::Late(patience))??;
        Ok(())
    }

    async fn ask<T: FromRedisValue>(
        &self,
        live: &Live,
        command: &redis::Cmd,
    ) -> Result<T, Failure> {
        let patience = self.link.limits.command;
        let mut connection = live.connection.clone();
        timeout(patience, command.query_async(&mut connection))
            .await
            .map_err(|_elapsed| Failure::Late(patience))?
            .map_err(Failure::from)
    }

    async fn look_at_memory(&self, live: &Live) {
        let memory: Result<String, Failure> =
            self.ask(live, redis::cmd("INFO").arg("memory")).await;
        // Who may not ask is not warned, and that is all.
        if let Ok(memory) = memory {
            self.link.report.memory(&memory);
        }
    }
}

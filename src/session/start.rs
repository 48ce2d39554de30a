//! What sessions begin with: the store behind them, and what runs in the background.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config;
use crate::config::session::StoreConfig;
use crate::rocketchat::RocketChat;
use crate::session::exchange::intake::Intake;
use crate::session::exchange::users::Users;
use crate::session::life::Span;
use crate::session::local::Local;
use crate::session::outbox::Outbox;
use crate::session::revoke::Revoker;
use crate::session::shared::{Shared, keys};
use crate::session::store::file::File;
use crate::session::store::redis::Redis;
use crate::session::store::redis::limits::Limits;
use crate::session::store::seal::Seal;
use crate::session::store::{OpenError, Store};
use crate::session::sweeper::{self, Deadlines};
use crate::session::together::{Together, live_together};
use crate::session::turns::Turns;
use crate::session::{Inner, Rules, Sessions};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::{Latch, Readiness};

/// Unknown tokens that are done away with at a time, three calls to Rocket.Chat each.
const FORGOTTEN_AT_A_TIME: usize = 4;

/// The store behind sessions; none with `memory`.
#[derive(Debug)]
pub struct Backing(Option<Opened>);

#[derive(Debug)]
struct Opened {
    store: Arc<dyn Store>,
    seal: Seal,
    /// No other process uses the store.
    alone: bool,
    latch: Latch,
}

impl Backing {
    /// Nothing behind them: what this process forgets is forgotten.
    #[must_use]
    pub fn memory() -> Self {
        Self(None)
    }

    /// What the config says. A store that is reached over the network need not be there yet; readiness tells.
    ///
    /// # Errors
    /// [`OpenError`] when a file cannot be opened.
    pub async fn open(
        config: &config::session::Sessions,
        clock: &Clock,
        readiness: &Readiness,
    ) -> Result<Self, OpenError> {
        let Some((first, others)) = config.keys.split_first() else {
            return Ok(Self::memory());
        };
        let (store, alone): (Arc<dyn Store>, bool) = match &config.store {
            StoreConfig::Memory => return Ok(Self::memory()),
            StoreConfig::File { path } => {
                let file = File::open(path, clock.clone(), &[keys::LEASES]).await?;
                (Arc::new(file), true)
            }
            StoreConfig::Redis(redis) => (Arc::new(Redis::new(redis, Limits::default())), false),
        };
        let latch = readiness.first("store");
        latch.missing("the session store has not answered yet");
        Ok(Self(Some(Opened {
            store,
            seal: Seal::new(first, others),
            alone,
            latch,
        })))
    }
}

impl Sessions {
    /// Starts with its sweeper and its revoker running in the background; needs a runtime.
    #[must_use]
    pub fn new(
        rules: Rules,
        rocketchat: RocketChat,
        clock: Clock,
        metrics: Metrics,
        backing: Backing,
    ) -> Self {
        let closed = CancellationToken::new();
        let deadlines = Deadlines::new(clock.clone());
        let opened = backing.0.map(|opened| {
            let scope = rules.sessions.scope;
            let shared = Shared::new(opened.store, opened.seal, clock.clone(), scope);
            (shared, opened.alone, opened.latch)
        });
        let shared = opened.as_ref().map(|(shared, ..)| Arc::clone(shared));
        let (outbox, carry) = Outbox::start(closed.clone());
        let inner = Arc::new(Inner {
            users: Users::new(
                rules.users.clone(),
                rocketchat.clone(),
                metrics.clone(),
                shared.clone(),
            ),
            intake: Intake::new(rules.minting, clock.clone()),
            revoker: Revoker::start(
                rocketchat.clone(),
                clock.clone(),
                metrics.clone(),
                shared.clone(),
                closed.clone(),
            ),
            span: Arc::new(Span::new(&rules.sessions)),
            rules: ArcSwap::from_pointee(rules),
            rocketchat,
            clock,
            metrics,
            local: Local::default(),
            shared: opened.as_ref().map(|(store, alone, _)| Together {
                store: Arc::clone(store),
                outbox,
                alone: *alone,
                forgetting: Semaphore::new(FORGOTTEN_AT_A_TIME),
            }),
            principals: Turns::new(),
            names: Turns::new(),
            deadlines: Arc::clone(&deadlines),
            _closed: closed.clone().drop_guard(),
        });
        if let Some((_, _, latch)) = opened {
            carry(Arc::downgrade(&inner));
            live_together(&inner, latch, &closed);
        }
        tokio::spawn(sweeper::sweep(Arc::downgrade(&inner), deadlines, closed));
        Self(inner)
    }
}

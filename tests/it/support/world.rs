//! What a Gantry stands between, before there is one, so that a test can take a part of it away first.

use std::sync::Arc;

use gantry::app;
use gantry::clock::{Clock, ManualClock};
use gantry::config::Config;
use lookalike::{Lookalike, Options};

use crate::support::gateway::{Gateway, Log, Settings, client, config};
use crate::support::issuer::Issuer;

/// Rocket.Chat, an issuer and the time; a clone stands for the same ones.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) rc: Arc<Lookalike>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
}

impl World {
    /// Both run.
    pub(crate) async fn new(options: Options) -> Self {
        let rc = Lookalike::start(options).await.unwrap();
        let (clock, hand) = Clock::manual();
        let issuer = Issuer::start(clock.clone()).await;
        Self {
            rc: Arc::new(rc),
            issuer: Arc::new(issuer),
            clock,
            hand,
        }
    }

    /// With the options that most tests have.
    pub(crate) async fn plain() -> Self {
        Self::new(Settings::default().options).await
    }

    /// Starts a Gantry with a changed config, without waiting until it is ready.
    pub(crate) async fn gantry(self, change: impl FnOnce(&mut Config, &Self)) -> Gateway {
        let mut config = config(&self.rc, &self.issuer);
        change(&mut config, &self);
        let log = Log::default();
        let running = app::start(config, self.clock.clone(), log.clone())
            .await
            .unwrap();
        Gateway {
            rc: self.rc,
            issuer: self.issuer,
            hand: self.hand,
            clock: self.clock,
            running,
            log,
            client: client(),
        }
    }
}

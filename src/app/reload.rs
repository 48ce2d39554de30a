//! A changed configuration, applied while sessions, sockets and connections live on.
//!
//! Reloads run one after the other. However often one is asked for while another runs, one follows it; files are waited for until they rest.
//! What is wrong with a configuration changes nothing, and one log line says what to mend.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::build::Lasting;
use super::{grpc_bounds, rules, stalled};
use crate::clock::Clock;
use crate::config::outline::needs_restart;
use crate::config::{Config, Mistakes, Source};
use crate::rocketchat::RocketChat;
use crate::server::admin::Admin;
use crate::server::connection::Server;
use crate::server::door::Door;
use crate::server::grpc::Grpc;
use crate::telemetry::logging::Levels;

/// Between two looks at the files: a call to the file system for each, and nobody waits longer for a changed one to be noticed.
const LOOK: Duration = Duration::from_secs(2);

/// Looks that find changes before files are read that never rest.
const RESTLESS: usize = 5;

/// Between two reloads, so that whoever asks all the time does not keep a core busy with it.
const PACE: Duration = Duration::from_millis(200);

/// What a configuration is applied to.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) lasting: Lasting,
    pub(super) rocketchat: RocketChat,
    pub(super) door: Door,
    pub(super) server: Server,
    pub(super) grpc: Option<Grpc>,
    pub(super) admin: Admin,
    pub(super) levels: Levels,
    /// What Gantry was started with, which what needs a restart still goes by.
    pub(super) started: Config,
}

/// A configuration that may change.
#[derive(Debug)]
struct Followed {
    source: Source,
    applied: Applied,
    current: Config,
}

impl Applied {
    /// Applies what `source` says whenever it is `asked` for or a file of it changed, until `ended`.
    pub(super) async fn follow(self, source: Source, asked: Arc<Notify>, ended: CancellationToken) {
        let clock = self.lasting.clock.clone();
        let current = self.started.clone();
        let mut followed = Followed {
            source,
            applied: self,
            current,
        };
        loop {
            tokio::select! {
                () = asked.notified() => {}
                () = changed(&mut followed.source, &clock) => {}
                () = ended.cancelled() => return,
            }
            // Reading and building are no work for a thread on which requests are answered.
            let reloading = tokio::task::spawn_blocking(move || {
                followed.reload();
                followed
            });
            match reloading.await {
                Ok(after) => followed = after,
                Err(error) => {
                    // It is a bug, unless the program ends.
                    if error.is_panic() {
                        tracing::error!(
                            "a reload broke off; there are none any more until a restart"
                        );
                    }
                    return;
                }
            }
            tokio::time::sleep(PACE).await;
        }
    }
}

impl Followed {
    fn reload(&mut self) {
        let metrics = self.applied.lasting.metrics.clone();
        let config = match self.source.load() {
            Ok(config) => config,
            Err(mistakes) => {
                tracing::error!(
                    mistakes = in_one_line(&mistakes),
                    "the changed configuration has mistakes and changes nothing; the one from before stays in force"
                );
                metrics.config_reloaded("invalid");
                return;
            }
        };
        if let Err(error) = self.applied.apply(&config) {
            tracing::error!(
                error = format!("{error:#}"),
                "the changed configuration cannot be used and changes nothing; the one from before stays in force"
            );
            metrics.config_reloaded("unusable");
            return;
        }
        self.tell(&config);
        metrics.config_reloaded("ok");
        metrics.config_applied(self.applied.lasting.clock.now());
        self.current = config;
    }

    /// Says what has come of a configuration.
    fn tell(&self, config: &Config) {
        let mut applied = config.outline.changed(&self.current.outline);
        applied.retain(|key| !needs_restart(key));
        for warning in &config.warnings {
            if !self.current.warnings.contains(warning) {
                tracing::warn!("{warning}");
            }
        }
        let waiting = self.applied.waiting(config);
        if !waiting.is_empty() {
            tracing::warn!(
                keys = waiting.join(", "),
                "changed keys that Gantry reads at its start only; restart to apply"
            );
        }
        tracing::info!(
            keys = applied.join(", "),
            "the configuration was read again and is in force"
        );
    }
}

impl Applied {
    /// Applies what can be; all of it, or nothing at an error.
    fn apply(&self, config: &Config) -> anyhow::Result<()> {
        let started = &self.started;
        let mut config = config.clone();
        let asked = std::mem::replace(&mut config.rocketchat, started.rocketchat.clone());
        config.telemetry.format = started.telemetry.format;
        let lasting = &self.lasting;
        let before = self.door.handler();
        let handler = lasting.handler(&config, Some(before.legacy()))?;
        self.rocketchat.take_account(&asked);
        lasting.sessions.take_rules(rules(&config));
        lasting.verifier.believe(&config.issuers);
        self.door.put(handler);
        let stalled = stalled(&config);
        self.server.take_limits(&config.listen, stalled);
        if let Some(grpc) = &self.grpc {
            grpc.take_bounds(grpc_bounds(&config));
        }
        self.admin.take_token(config.admin.token);
        self.levels.set(&config.telemetry);
        Ok(())
    }

    /// Keys that differ from what is in force, because they need a restart.
    fn waiting(&self, config: &Config) -> Vec<String> {
        let mut keys = config.outline.changed(&self.started.outline);
        keys.retain(|key| needs_restart(key));
        let grpc = |config: &Config| {
            config
                .filter
                .as_ref()
                .and_then(|filter| filter.grpc_address)
        };
        let address = "filter.grpc_address";
        // Gateways may be let in later, but the address they ask at is bound at the start.
        if grpc(config) != grpc(&self.started) && !keys.iter().any(|key| key == address) {
            keys.push(address.to_owned());
        }
        keys
    }
}

/// Waits until files changed and rest again, or have not rested for long.
async fn changed(source: &mut Source, clock: &Clock) {
    loop {
        clock.sleep(LOOK).await;
        if source.changed() {
            break;
        }
    }
    for _ in 0..RESTLESS {
        clock.sleep(LOOK).await;
        if !source.changed() {
            return;
        }
    }
}

/// Without the line that counts them.
fn in_one_line(mistakes: &Mistakes) -> String {
    let told = mistakes.to_string();
    let mistakes: Vec<&str> = told.lines().skip(1).map(str::trim).collect();
    mistakes.join("; ")
}

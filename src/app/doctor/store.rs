//! The session store: can it be read and written?

use super::{Finding, Report, within};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::session::StoreConfig;
use crate::session::Backing;
use crate::session::store::OpenError;
use crate::telemetry::readiness::Readiness;

pub(super) async fn examine(config: &Config, clock: &Clock, report: &mut Report) {
    let id = "store";
    if matches!(config.sessions.store, StoreConfig::Memory) {
        report.add(Finding::ok(id, "", "sessions are kept in memory"));
        return;
    }
    let opened = Backing::open(&config.sessions, clock, &Readiness::default()).await;
    let backing = match opened {
        Ok(backing) => backing,
        Err(OpenError::Locked(_)) => {
            report.add(Finding::ok(id, "", "in use, as by a Gantry that runs"));
            return;
        }
        Err(error) => {
            report.add(Finding::failed(
                id,
                "",
                error.to_string(),
                "see that sessions.file.path can be written by Gantry",
            ));
            return;
        }
    };
    let tried = within(backing.probe()).await;
    report.add(match tried.unwrap_or_else(|| Err("no answer in time".to_owned())) {
        Ok(()) => Finding::ok(id, "", "read and written"),
        Err(error) => Finding::failed(
            id,
            "",
            error,
            "check sessions.redis: address, user, password, certificate, and that it takes writes",
        ),
    });
}

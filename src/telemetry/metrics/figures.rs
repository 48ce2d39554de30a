//! The figures of the status page, read back from the metrics.

use super::labels::{CauseLabels, Route};
use super::{Metrics, STATUS_CLASSES};
use crate::telemetry::recent::Noted;
use crate::telemetry::striped::Durations;

/// Aggregates of the whole program; nothing in them is anybody's.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Sessions alive.
    pub sessions: i64,
    /// WebSockets open.
    pub sockets: i64,
    /// Downstream connections open.
    pub connections: i64,
    /// Auth tokens that Rocket.Chat must still be told to forget.
    pub owed_logouts: i64,
    /// Requests answered so far, by class of status.
    pub requests: Vec<(&'static str, u64)>,
    /// How long exchanges took.
    pub exchanges: Durations,
    /// How long Rocket.Chat took to answer what was forwarded.
    pub upstream: Durations,
    /// What failed lately, newest first.
    pub recent: Vec<Noted>,
}

impl Metrics {
    /// The figures of now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let inner = &*self.0;
        let answered = |class: usize| {
            let routes = Route::ALL.iter();
            routes
                .map(|route| inner.requests[*route as usize][class].get())
                .sum()
        };
        Figures {
            sessions: inner.sessions.get(),
            sockets: inner.sockets.get(),
            connections: inner.connections.get(),
            owed_logouts: inner.owed_logouts.get(),
            requests: STATUS_CLASSES
                .iter()
                .enumerate()
                .map(|(class, name)| (*name, answered(class)))
                .collect(),
            exchanges: inner.exchanges.clone(),
            upstream: inner.upstream_requests.clone(),
            recent: inner.recent.list(),
        }
    }

    /// How many sessions ended because of `cause`.
    #[must_use]
    pub fn ended(&self, cause: &'static str) -> u64 {
        let ended = self.0.sessions_ended.get(&CauseLabels { cause });
        ended.map_or(0, |counter| counter.get())
    }
}

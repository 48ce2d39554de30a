//! `/status.json`: aggregates for the status page.
//!
//! Open like the metrics page and for the same reason: the listener is private, and nothing here is anybody's. So the page works where
//! no token is configured, and whoever may look at it need not be given the means to end sessions.

use http::Response;
use serde::Serialize;
use tokio::time::Instant;

use crate::body::Body;
use crate::server::admin::{Subjects, answer};
use crate::session::EndCause;
use crate::telemetry::striped::Durations;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    version: &'static str,
    revision: &'static str,
    uptime_seconds: u64,
    ready: bool,
    parts: Vec<Part>,
    sessions: SessionFigures,
    sockets: i64,
    connections: i64,
    owed_logouts: i64,
    requests: Vec<Answered>,
    exchanges: Timed,
    upstream: Timed,
    errors: Vec<Failure>,
}

/// Something that must be there, and why it is not.
#[derive(Serialize)]
struct Part {
    name: String,
    missing: Option<String>,
}

#[derive(Serialize)]
struct SessionFigures {
    live: i64,
    ended: Vec<Ended>,
}

#[derive(Serialize)]
struct Ended {
    cause: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct Answered {
    status: &'static str,
    count: u64,
}

/// How long something took so far.
#[derive(Serialize)]
struct Timed {
    seconds: f64,
    buckets: Vec<Bucket>,
}

/// How many took no longer than this, and longer than the bucket before.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    /// `null` is without bound.
    up_to_seconds: Option<f64>,
    count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    what: &'static str,
    kind: &'static str,
    count: u64,
    seconds_ago: u64,
}

impl From<&Durations> for Timed {
    fn from(durations: &Durations) -> Self {
        let bucket = |(bound, count): (f64, u64)| Bucket {
            up_to_seconds: bound.is_finite().then_some(bound),
            count,
        };
        Self {
            seconds: durations.total().as_secs_f64(),
            buckets: durations.buckets().into_iter().map(bucket).collect(),
        }
    }
}

pub(super) fn tell(subjects: &Subjects, began: Instant) -> Response<Body> {
    let figures = subjects.metrics.figures();
    let latches = subjects.readiness.latches();
    let ended = EndCause::ALL.into_iter().map(|cause| Ended {
        cause: cause.name(),
        count: subjects.metrics.ended(cause.name()),
    });
    answer::json(&Status {
        version: crate::VERSION,
        revision: crate::REVISION,
        uptime_seconds: began.elapsed().as_secs(),
        ready: latches.iter().all(|(_, missing)| missing.is_none()),
        parts: latches
            .into_iter()
            .map(|(name, missing)| Part { name, missing })
            .collect(),
        sessions: SessionFigures {
            live: figures.sessions,
            ended: ended.collect(),
        },
        sockets: figures.sockets,
        connections: figures.connections,
        owed_logouts: figures.owed_logouts,
        requests: figures
            .requests
            .into_iter()
            .map(|(status, count)| Answered { status, count })
            .collect(),
        exchanges: Timed::from(&figures.exchanges),
        upstream: Timed::from(&figures.upstream),
        errors: figures
            .recent
            .into_iter()
            .map(|noted| Failure {
                what: noted.what,
                kind: noted.kind,
                count: noted.count,
                seconds_ago: noted.last.elapsed().as_secs(),
            })
            .collect(),
    })
}

//! Faults on demand: requests whose path begins with a prefix meet trouble instead of, or before, the route.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;

use crate::answers::Refusal;
use crate::clock::millis;
use crate::latch::Latch;
use crate::limits::Quota;
use crate::state::Core;

pub use login::LoginFault;
pub(crate) use login::{LoginFaults, logged_out};

mod login;

/// Trouble for requests whose path begins with `path_prefix`.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Compared with the path as received; empty meets every request.
    pub path_prefix: String,
    /// How many requests it meets; `None` is all of them.
    pub times: Option<u32>,
    /// What happens to them.
    pub kind: FaultKind,
}

impl Fault {
    /// Meets every request below the prefix.
    #[must_use]
    pub fn always(path_prefix: &str, kind: FaultKind) -> Self {
        Self {
            path_prefix: path_prefix.to_owned(),
            times: None,
            kind,
        }
    }

    /// Meets the next `times` requests below the prefix.
    #[must_use]
    pub fn times(path_prefix: &str, times: u32, kind: FaultKind) -> Self {
        Self {
            path_prefix: path_prefix.to_owned(),
            times: Some(times),
            kind,
        }
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// The route answers, later.
    Delay(Duration),
    /// The route answers once the test has opened the latch.
    Hold(Latch),
    /// The route does its work, and the answer waits until the test has opened the latch.
    HoldAnswer(Latch),
    /// The route does its work, and the connection is reset instead of an answer.
    LoseAnswer,
    /// The connection is reset without an answer.
    Reset,
    /// The connection stays open and nothing ever comes.
    HalfOpen,
    /// This status with this body, as `application/json` if it begins with a brace and else `text/html`.
    Status(u16, String),
    /// RC's 429 with an absolute reset time this far away (RC §5.2).
    RateLimited {
        /// From now, on the lookalike's clock.
        reset_in: Duration,
    },
    /// A 200 that promises more bytes than come before the connection ends.
    DropAfterHeaders,
}

/// What to do with a request after its fault was looked up.
pub(crate) enum Verdict {
    /// Ask the route.
    Route,
    /// Ask the route, then wait.
    RouteThenHold(Latch),
    /// Ask the route, then reset.
    RouteThenReset,
    /// Answer this instead.
    Answer(Box<Response<Body>>),
    /// Reset the connection.
    Reset,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct Faults {
    list: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.list().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.list().clear();
    }

    fn list(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first fault that fits, with one use taken from it.
    fn take(&self, path: &str) -> Option<FaultKind> {
        let mut list = self.list();
        let fits = |fault: &Fault| path.starts_with(&fault.path_prefix);
        let fault = list
            .iter_mut()
            .find(|fault| fits(fault) && fault.times != Some(0))?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        let kind = fault.kind.clone();
        list.retain(|fault| fault.times != Some(0));
        Some(kind)
    }
}

/// Looks up the fault of a path and lives through its waiting part.
pub(crate) async fn meet(core: &Core, path: &str) -> Verdict {
    let Some(kind) = core.faults.take(path) else {
        return Verdict::Route;
    };
    match kind {
        FaultKind::Delay(by) => {
            tokio::time::sleep(by).await;
            Verdict::Route
        }
        FaultKind::Hold(latch) => {
            latch.pass().await;
            Verdict::Route
        }
        FaultKind::HoldAnswer(latch) => Verdict::RouteThenHold(latch),
        FaultKind::LoseAnswer => Verdict::RouteThenReset,
        FaultKind::Reset => Verdict::Reset,
        FaultKind::HalfOpen => std::future::pending().await,
        FaultKind::Status(status, body) => answer(plain(status, body)),
        FaultKind::RateLimited { reset_in } => answer(rate_limited(core, reset_in)),
        FaultKind::DropAfterHeaders => answer(cut_short()),
    }
}

fn answer(response: Response<Body>) -> Verdict {
    Verdict::Answer(Box::new(response))
}

fn plain(status: u16, body: String) -> Response<Body> {
    let content_type = if body.starts_with('{') {
        "application/json"
    } else {
        "text/html"
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert("content-type", content_type.parse().expect("a plain text"));
    response
}

fn rate_limited(core: &Core, reset_in: Duration) -> Response<Body> {
    let now = core.clock.now_ms();
    let limit = core.options.limit_calls;
    let quota = Quota {
        limit,
        remaining: 0,
        reset: now + millis(reset_in),
        exceeded: true,
    };
    let refusal = Refusal::too_many(quota.seconds(now));
    let mut response = axum::response::IntoResponse::into_response(refusal);
    quota.write(response.headers_mut());
    response
}

fn cut_short() -> Response<Body> {
    let chunks = stream::unfold(0_u8, async |step| match step {
        0 => Some((Ok(Bytes::from_static(b"{\"partial\":")), 1)),
        _ => {
            // Being pending once lets the head and the first bytes leave before the connection ends.
            tokio::task::yield_now().await;
            Some((Err(std::io::Error::other("cut")), 2))
        }
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        "application/json".parse().expect("a plain text"),
    );
    headers.insert("content-length", "4096".parse().expect("a plain text"));
    response
}

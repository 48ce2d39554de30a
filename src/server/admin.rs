//! The admin listener, on an address of its own: probes, metrics, the status page and the admin API.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 as long as the process serves; depends on nobody else |
//! | `/readyz` | 200, or 503 with one line per thing that is missing; what is missing and keeps nobody waiting has its line with a 200 |
//! | `/metrics` | the metrics page, OpenMetrics text |
//! | `/` | the status page, for people |
//! | `/status.json` | what that page shows: aggregates, nobody's |
//! | `/openapi.json` | the description of all this |
//! | `/sessions`, `/sessions/{id}` | with the token: whose sessions are live; DELETE ends one for good |
//! | `/principals` | with the token: what is known of one principal; DELETE ends all of it for good |
//!
//! Nothing but listener and path selects these: no header can (CVE-2026-34457).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::body::Body;
use crate::secret::Secret;
use crate::server::listener::{self, Lifeline, Room};
use crate::server::rejection::Rejection;
use crate::session::Sessions;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;
use crate::telemetry::request_id::{RequestId, RequestIds};
use crate::workers::Shares;

mod answer;
mod bearer;
mod error;
mod page;
pub mod place;
mod principals;
mod probes;
mod query;
mod sessions;
mod status;

pub use error::AdminError;

use page::StatusPage;
use place::Place;

/// Connections at a time: probes, a scraper or two, and a few people.
const CONNECTIONS: usize = 64;

/// Time for a request's head.
const HEADER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Bytes of a request's head: nothing here needs more.
const HEAD: usize = 32 * 1024;

/// What the admin listener tells of; cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    subjects: Subjects,
    token: ArcSwapOption<Secret>,
    page: StatusPage,
    ids: RequestIds,
    began: Instant,
}

/// What it tells of.
#[derive(Debug)]
pub struct Subjects {
    /// Counters and what failed lately.
    pub metrics: Metrics,
    /// What is missing.
    pub readiness: Readiness,
    /// Whose sessions are live.
    pub sessions: Sessions,
}

/// One request, as far as it matters here.
struct Asked<'a> {
    request: &'a Request<Incoming>,
    id: RequestId,
    peer: SocketAddr,
}

impl Admin {
    /// Tells of these. Callers of the API show `token`; `None` keeps it closed.
    #[must_use]
    pub fn new(subjects: Subjects, token: Option<Secret>) -> Self {
        Self(Arc::new(Inner {
            subjects,
            token: ArcSwapOption::from(token.map(Arc::new)),
            page: StatusPage::new(),
            ids: RequestIds::random(),
            began: Instant::now(),
        }))
    }

    /// Asks for this token from now on.
    pub fn take_token(&self, token: Option<Secret>) {
        self.0.token.store(token.map(Arc::new));
    }

    /// Serves until drain.
    pub async fn serve(self, listener: TcpListener, lifeline: Lifeline) {
        let drain = lifeline.drain.clone();
        listener::accept(
            listener,
            (Room::few(CONNECTIONS), Shares::none()),
            lifeline,
            move |stream, peer, place| {
                let admin = self.clone();
                let drain = drain.clone();
                async move {
                    let _place = place;
                    tokio::select! {
                        () = admin.serve_connection(stream, peer) => {}
                        () = drain.cancelled() => {}
                    }
                }
            },
        )
        .await;
    }

    async fn serve_connection(self, stream: TcpStream, peer: SocketAddr) {
        let service = service_fn(|request: Request<Incoming>| {
            let inner = Arc::clone(&self.0);
            async move { Ok::<_, Infallible>(inner.answer(&request, peer).await) }
        });
        // Errors here are the client's.
        let _ended = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}

impl Inner {
    async fn answer(&self, request: &Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let id = self.ids.next();
        let asked = Asked { request, id, peer };
        let error = match self.dispatch(&asked).await {
            Ok(answer) => return answer,
            Err(error) => error,
        };
        tracing::info!(
            request.id = %id,
            client.address = %peer,
            error.kind = error.kind(),
            "the admin listener refused a request"
        );
        let rejection = Rejection::from(error);
        self.subjects
            .metrics
            .request_rejected(rejection.problem().slug);
        rejection.answer(&id.to_string())
    }

    async fn dispatch(&self, asked: &Asked<'_>) -> Result<Response<Body>, AdminError> {
        let Some(place) = Place::of(asked.request.uri().path()) else {
            return Err(AdminError::NotFound);
        };
        let method = match *asked.request.method() {
            // The connection leaves the body away.
            Method::HEAD => &Method::GET,
            ref method => method,
        };
        if !place.knows(method) {
            return Err(AdminError::MethodNotAllowed(place.allowed()));
        }
        if place.is_guarded() {
            bearer::authorize(asked.request.headers(), self.token.load().as_deref())?;
        }
        match (place, method) {
            (Place::Livez, _) => Ok(probes::livez()),
            (Place::Readyz, _) => Ok(probes::readyz(&self.subjects.readiness)),
            (Place::Metrics, _) => Ok(probes::metrics(&self.subjects.metrics)),
            (Place::Page, _) => Ok(self.page.answer()),
            (Place::Description, _) => Ok(page::description()),
            (Place::Status, _) => Ok(status::tell(&self.subjects, self.began)),
            (Place::Sessions, _) => sessions::list(&self.subjects, asked).await,
            (Place::Session(id), &Method::DELETE) => sessions::end(&self.subjects, asked, id).await,
            (Place::Session(id), _) => sessions::tell(&self.subjects, asked, id).await,
            (Place::Principals, &Method::DELETE) => principals::end(&self.subjects, asked).await,
            (Place::Principals, _) => principals::tell(&self.subjects, asked).await,
        }
    }
}

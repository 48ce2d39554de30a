//! One request from its head to its answer: id, timer, dispatch, metrics and the access line. It never fails.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Version, header};
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use crate::body::Body;
use crate::clock::Clock;
use crate::endpoints::{self, Endpoints};
use crate::gate::Admission;
use crate::proxy::{Job, Proxy};
use crate::server::cors::{Cors, Readers};
use crate::server::head::Signs;
use crate::server::rejection::Rejection;
use crate::surface::path::NormalPath;
use crate::telemetry::access_log::{AccessLog, Entry};
use crate::telemetry::metrics::{Metrics, Route};
use crate::telemetry::request_id::RequestIds;

/// Handles requests; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoints: Endpoints,
    proxy: Proxy,
    cors: Cors,
    access_log: AccessLog,
    metrics: Metrics,
    clock: Clock,
    ids: RequestIds,
    /// Header fields that a request may have.
    fields: usize,
}

/// The parts that a request meets.
#[derive(Debug)]
pub struct Edges {
    /// What answers below `/_gantry/`.
    pub endpoints: Endpoints,
    /// What answers everywhere else.
    pub proxy: Proxy,
    /// Who may read what they answer.
    pub cors: Cors,
}

/// What is known of a request, for metrics and the log.
#[derive(Debug)]
struct Seen {
    /// When it began.
    now: SystemTime,
    route: Route,
    acting: Option<Admission>,
    readers: Readers,
}

/// Counts a connection for as long as it is held.
#[derive(Debug)]
pub struct Counted(Metrics);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections_changed(-1);
    }
}

impl Handler {
    /// Puts the edges behind one door. A request with more header fields than `fields` is refused.
    #[must_use]
    pub fn new(
        edges: Edges,
        fields: usize,
        access_log: AccessLog,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        let ids = RequestIds::random();
        Self(Arc::new(Inner {
            endpoints: edges.endpoints,
            proxy: edges.proxy,
            cors: edges.cors,
            fields,
            access_log,
            metrics,
            clock,
            ids,
        }))
    }

    /// Counts a new connection.
    #[must_use]
    pub fn connection_opened(&self) -> Counted {
        self.0.metrics.connections_changed(1);
        Counted(self.0.metrics.clone())
    }

    /// Answers a request of this peer, whose head had these signs. Each connection has a handle of its own to hold meanwhile: one for
    /// all would have its count written to by all cores.
    pub async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        signs: Signs,
    ) -> Response<Body> {
        let inner = &*self.0;
        let began = Instant::now();
        let request_id = inner.ids.next();
        let (mut parts, body) = request.into_parts();
        let keepable = parts.version > Version::HTTP_11 || body.is_end_stream();
        let mut seen = Seen {
            now: inner.clock.now(),
            route: Route::None,
            acting: None,
            readers: Readers::Ours,
        };
        // The head may be gone by the time of the answer.
        let origin = inner.cors.allowed_origin(&parts);
        let dispatched = match refuse_ambiguous(&parts, signs) {
            Ok(()) => inner.dispatch(&mut parts, body, peer, &mut seen).await,
            Err(rejection) => Err(rejection),
        };
        let (mut answer, error) = match dispatched {
            Ok(answer) => (answer, None),
            Err(rejection) => {
                if seen.readers != Readers::Nobodys {
                    seen.readers = Readers::Ours;
                }
                inner.metrics.request_rejected(rejection.problem().slug);
                let answer = rejection.answer(&request_id.to_string());
                (answer, Some((rejection.kind(), rejection.chain())))
            }
        };
        inner.cors.mark(origin, seen.readers, &mut answer);
        // We answer without the body, and HTTP/1 cannot go on behind an unread one: clients that are told take another connection,
        // and do not lose the request that they would have sent next on this one.
        if !keepable && (seen.route == Route::Own || error.is_some()) {
            let headers = answer.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let duration = began.elapsed();
        let status = answer.status().as_u16();
        inner.metrics.request_answered(seen.route, status, duration);
        let admitted = seen.acting.as_ref().map(|acting| &acting.admitted);
        inner.access_log.write(
            seen.now + duration,
            &Entry {
                request_id,
                method: parts.method.as_str(),
                path: parts.uri.path(),
                route: seen.route.name(),
                status,
                duration,
                session_id: admitted.map(|admitted| admitted.session.id()),
                user_id: admitted.map(|admitted| admitted.credentials.user_id()),
                error,
            },
        );
        answer
    }
}

impl Inner {
    async fn dispatch(
        &self,
        parts: &mut Parts,
        body: Incoming,
        peer: IpAddr,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Rejection> {
        // HTTP/2 bounds the bytes of a head, but thousands of crumbs fit into them (CVE-2026-47774).
        if parts.headers.len() > self.fields {
            return Err(Rejection::TooManyFields);
        }
        // The path outlives the borrow of the head that an upgrade takes its half from.
        let uri = parts.uri.clone();
        let path = NormalPath::parse(uri.path()).map_err(Rejection::Path)?;
        if path.decoded().starts_with(endpoints::PREFIX) {
            seen.route = Route::Own;
            if endpoints::is_for_servers(path.decoded()) {
                seen.readers = Readers::Nobodys;
            }
            if let Some(answer) = self.cors.preflight(parts, seen.readers)? {
                return Ok(answer);
            }
            return Ok(Box::pin(self.endpoints.handle(parts, path.decoded(), body)).await?);
        }
        let verdict = self.proxy.judge(parts, &path);
        seen.route = verdict.route;
        if let Some(answer) = self.cors.preflight(parts, Readers::of(verdict))? {
            return Ok(answer);
        }
        seen.readers = Readers::of(verdict);
        let job = Job {
            parts,
            path: &path,
            verdict,
            peer,
            now: seen.now,
        };
        Ok(self.proxy.handle(job, body, &mut seen.acting).await?)
    }
}

/// Refuses what two hops could read in two ways: both framings at once (RFC 9112 §6.1), a target with a fragment or one that is no
/// path, no host or several (RFC 9112 §3.2).
fn refuse_ambiguous(parts: &Parts, signs: Signs) -> Result<(), Rejection> {
    let headers = &parts.headers;
    if signs.two_framings {
        return Err(Rejection::Malformed("two framings"));
    }
    if signs.fragment {
        return Err(Rejection::Malformed("fragment"));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    if hosts.next().is_none() && parts.version == Version::HTTP_11 {
        return Err(Rejection::Malformed("no host"));
    }
    if hosts.next().is_some() {
        return Err(Rejection::Malformed("two hosts"));
    }
    if parts.method == Method::CONNECT || !parts.uri.path().starts_with('/') {
        return Err(Rejection::Malformed("no path"));
    }
    Ok(())
}

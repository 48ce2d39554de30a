//! One request from its head to its answer: id, timer, dispatch, metrics and the access line. It never fails.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use hyper::ext::Protocol;
use tokio::time::Instant;

use crate::body::{Body, Guard, Upload};
use crate::clock::Clock;
use crate::endpoints::{self, Endpoints};
use crate::filter::{Filter, Question, nginx};
use crate::gate::Admission;
use crate::headers::X_GANTRY_PROBLEM;
use crate::proxy::{Job, Proxy};
use crate::server::cors::{Cors, Readers};
use crate::server::head::Signs;
use crate::server::rejection::Rejection;
use crate::surface::path::NormalPath;
use crate::telemetry::access_log::{AccessLog, Entry};
use crate::telemetry::metrics::{Dialect, Limit, Metrics, Route};
use crate::telemetry::request_id::{RequestId, RequestIds};
use crate::telemetry::spans::{Span, Spans};

mod questions;

/// Handles requests; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoints: Endpoints,
    filter: Option<Filter>,
    proxy: Proxy,
    cors: Cors,
    access_log: AccessLog,
    metrics: Metrics,
    spans: Spans,
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
    /// What answers gateways, if any may ask.
    pub filter: Option<Filter>,
    /// What answers everywhere else.
    pub proxy: Proxy,
    /// Who may read what they answer.
    pub cors: Cors,
}

/// The parts that hold what should outlive them.
#[derive(Clone, Copy, Debug)]
pub struct Legacy<'a> {
    /// Whose tickets wait for their use.
    pub endpoints: &'a Endpoints,
    /// Whose connections to Rocket.Chat are open.
    pub proxy: &'a Proxy,
}

/// Where requests are told of.
#[derive(Debug)]
pub struct Instruments {
    /// One line for each.
    pub access_log: AccessLog,
    /// How many there are.
    pub metrics: Metrics,
    /// What each took where.
    pub spans: Spans,
}

/// What is known of a request, for metrics, traces and the log.
#[derive(Debug)]
struct Seen {
    /// When it began.
    now: SystemTime,
    began: Instant,
    route: Route,
    dialect: Option<Dialect>,
    acting: Option<Admission>,
    readers: Readers,
}

/// How a request was answered.
#[derive(Debug)]
struct Answered {
    request_id: RequestId,
    status: u16,
    duration: Duration,
    error: Option<(&'static str, String)>,
    span: Option<Box<Span>>,
}

/// How a request came.
#[derive(Debug)]
pub struct Arrival {
    /// The peer's address.
    pub peer: IpAddr,
    /// What was seen of its head.
    pub signs: Signs,
    /// Held until its answer's body is over.
    pub running: Guard,
    /// Its connection takes no other one after it.
    pub last: bool,
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
    pub fn new(edges: Edges, fields: usize, instruments: Instruments, clock: Clock) -> Self {
        let ids = RequestIds::random();
        Self(Arc::new(Inner {
            endpoints: edges.endpoints,
            filter: edges.filter,
            proxy: edges.proxy,
            cors: edges.cors,
            fields,
            access_log: instruments.access_log,
            metrics: instruments.metrics,
            spans: instruments.spans,
            clock,
            ids,
        }))
    }

    /// What a handler that comes in its place takes over from it.
    #[must_use]
    pub fn legacy(&self) -> Legacy<'_> {
        Legacy {
            endpoints: &self.0.endpoints,
            proxy: &self.0.proxy,
        }
    }

    /// Counts a new connection.
    #[must_use]
    pub fn connection_opened(&self) -> Counted {
        self.0.metrics.connections_changed(1);
        Counted(self.0.metrics.clone())
    }

    /// A limit was reached by this client.
    pub fn limit_reached(&self, limit: Limit, client: IpAddr) {
        self.0.metrics.limit_reached(limit, Some(client));
    }

    /// Answers a request. Each connection has a handle of its own to hold meanwhile: one for all would have its count written to by
    /// all cores.
    pub async fn handle(
        self: Arc<Self>,
        request: Request<Upload>,
        arrival: Arrival,
    ) -> Result<Response<Body>, Infallible> {
        let inner = &*self.0;
        let Arrival {
            peer,
            signs,
            running,
            last,
        } = arrival;
        let request_id = inner.ids.next();
        let (mut parts, body) = request.into_parts();
        let streamed = asks_for_stream(&parts);
        if streamed {
            // From here on it is what it would be over HTTP/1.1.
            parts.method = Method::GET;
        }
        let keepable = parts.version > Version::HTTP_11 || body.is_end_stream();
        let mut seen = Seen {
            now: inner.clock.now(),
            began: Instant::now(),
            route: Route::None,
            dialect: inner
                .filter
                .as_ref()
                .and_then(|filter| filter.asked(&parts, peer)),
            acting: None,
            readers: Readers::Ours,
        };
        // The head may be gone by the time of the answer.
        let origin = inner.cors.allowed_origin(&parts);
        if seen.dialect.is_some() {
            // Whatever a gateway is answered is for nobody else.
            (seen.route, seen.readers) = (Route::Filter, Readers::Nobodys);
        }
        let span = inner.spans.of_request(&parts, seen.now);
        let dispatched = match (refuse_ambiguous(&parts, signs), &span) {
            // Any good answer would open a stream, to something that is no socket.
            (Ok(()), _) if streamed && (seen.dialect.is_some() || !inner.is_socket(&parts)) => {
                Err(Rejection::Malformed("no socket"))
            }
            (Ok(()), None) => inner.dispatch(&mut parts, body, peer, &mut seen).await,
            (Ok(()), Some(span)) => {
                let dispatching = inner.dispatch(&mut parts, body, peer, &mut seen);
                // Boxed, so that there is no second place for it where nothing is traced.
                Box::pin(span.around(dispatching)).await
            }
            (Err(rejection), _) => Err(rejection),
        };
        let (mut answer, error) = match dispatched {
            Ok(answer) => (answer, None),
            Err(rejection) => {
                if seen.readers != Readers::Nobodys {
                    seen.readers = Readers::Ours;
                }
                inner.metrics.request_rejected(rejection.problem().slug);
                let mut answer = rejection.answer(&request_id.to_string());
                if let Some(dialect) = seen.dialect {
                    deny(dialect, rejection.problem().slug, &mut answer);
                }
                (answer, Some((rejection.kind(), rejection.chain())))
            }
        };
        inner.cors.mark(origin, seen.readers, &mut answer);
        // We answer without the body, and HTTP/1 cannot go on behind an unread one: clients that are told take another connection,
        // and do not lose the request that they would have sent next on this one.
        let unread = matches!(seen.route, Route::Own | Route::Filter) || error.is_some();
        let unfit = unread && (!keepable || signs.too_many_fields);
        // Said with an answer, it crosses no request; a connection closed while idle might.
        if unfit || last && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let headers = answer.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let answered = Answered {
            request_id,
            status: answer.status().as_u16(),
            duration: seen.began.elapsed(),
            error,
            span,
        };
        inner.note(&parts, &seen, answered);
        answer.body_mut().keep(running);
        Ok(answer)
    }
}

impl Inner {
    /// Counts a request, tells of its span and writes its line.
    fn note(&self, parts: &Parts, seen: &Seen, answered: Answered) {
        let Answered {
            request_id,
            status,
            duration,
            error,
            span,
        } = answered;
        self.metrics.request_answered(seen.route, status, duration);
        match seen.dialect {
            Some(dialect) if error.is_none() => self.metrics.filter_allowed(dialect),
            Some(dialect) => self.metrics.filter_denied(dialect),
            None => {}
        }
        let admitted = seen.acting.as_ref().map(|acting| &acting.admitted);
        let entry = Entry {
            request_id,
            trace_id: span.as_ref().map(|span| span.trace_id()),
            method: parts.method.as_str(),
            path: parts.uri.path(),
            route: seen.route.name(),
            dialect: seen.dialect.map(Dialect::name),
            status,
            duration,
            session_id: admitted.map(|admitted| admitted.session.id()),
            user_id: admitted.map(|admitted| admitted.credentials.user_id()),
            error,
        };
        if let Some(mut span) = span {
            span.logged(&entry);
        }
        self.access_log.write(seen.now + duration, &entry);
    }

    fn is_socket(&self, parts: &Parts) -> bool {
        NormalPath::parse(parts.uri.path()).is_ok_and(|path| {
            !path.decoded().starts_with(endpoints::PREFIX)
                && self.proxy.judge(parts, &path).route == Route::Socket
        })
    }

    async fn dispatch(
        &self,
        parts: &mut Parts,
        body: Upload,
        peer: IpAddr,
        seen: &mut Seen,
    ) -> Result<Response<Body>, Rejection> {
        // HTTP/2 bounds the bytes of a head, but thousands of crumbs fit into them (CVE-2026-47774).
        if parts.headers.len() > self.fields {
            return Err(Rejection::TooManyFields);
        }
        if let (Some(dialect), Some(filter)) = (seen.dialect, &self.filter) {
            let question = Question {
                dialect,
                parts,
                peer,
                now: seen.now,
            };
            return Ok(Box::pin(filter.answer(question, &mut seen.acting)).await?);
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
            began: seen.began,
        };
        Ok(self.proxy.handle(job, body, &mut seen.acting).await?)
    }
}

/// Makes of a refusal what this gateway understands.
fn deny(dialect: Dialect, slug: &'static str, answer: &mut Response<Body>) {
    let headers = answer.headers_mut();
    headers.insert(X_GANTRY_PROBLEM, HeaderValue::from_static(slug));
    if dialect == Dialect::Nginx {
        *answer.status_mut() = nginx::passable(answer.status());
    }
}

/// Does it ask for a WebSocket over a stream of its HTTP/2 connection (RFC 8441 §5)?
fn asks_for_stream(parts: &Parts) -> bool {
    parts.method == Method::CONNECT
        && parts
            .extensions
            .get::<Protocol>()
            .is_some_and(|protocol| protocol.as_ref() == b"websocket")
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
    if signs.too_many_fields {
        return Err(Rejection::TooManyFields);
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

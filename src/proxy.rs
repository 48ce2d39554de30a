//! The edge that carries traffic: what the gate admitted goes to Rocket.Chat and its answer comes back.
//!
//! The order is fixed: the surface judges method and path, the gate says who acts, a body that must be understood is read, the
//! credentials are injected, the request is forwarded, the answer is scrubbed.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderValue, Response, header};
use hyper::body::Incoming;
use ipnet::IpNet;

use crate::authn::Purpose;
use crate::body::{Body, BodyError};
use crate::config::Config;
use crate::gate::{Admission, Gate, GateError};
use crate::session::EndCause;
use crate::surface::path::NormalPath;
use crate::surface::{self, Action, Carry, Class, Denial, Inspect, Surface, Verdict};
use crate::telemetry::metrics::{Metrics, Route};

pub mod client_address;
pub mod error;
pub mod files;
pub mod forward;
pub mod frames;
pub mod html;
pub mod inject;
pub mod relay;
pub mod scrubbed;
pub mod upstream;
pub mod websocket;

pub use error::ForwardError;

use forward::{Forward, Forwarder, Payload};
use html::Framing;
use inject::Injector;
use scrubbed::scrubbed;
use upstream::Upstream;
use websocket::{Asked, Lent, Sockets};

/// What Rocket.Chat answers to its own logout (RC §2.4), which we answer in its place.
const LOGGED_OUT: &str = r#"{"status":"success","data":{"message":"You've been logged out!"}}"#;

/// Why the proxy has no answer of Rocket.Chat's to give.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The surface denies it.
    #[error("request is denied")]
    Denied(Denial),
    /// The gate said no.
    #[error("request is not admitted")]
    Gate(#[from] GateError),
    /// It could not be forwarded.
    #[error("request is not forwarded")]
    Forward(#[from] ForwardError),
}

impl ProxyError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denied(denial) => denial.kind(),
            Self::Gate(error) => error.kind(),
            Self::Forward(error) => error.kind(),
        }
    }
}

/// One request on its way through the proxy.
#[derive(Debug)]
pub struct Job<'a> {
    /// The downstream head.
    pub parts: &'a mut Parts,
    /// Its path in normal form.
    pub path: &'a NormalPath<'a>,
    /// What the surface says.
    pub verdict: Verdict,
    /// The peer's address.
    pub peer: IpAddr,
}

/// The proxy.
#[derive(Debug)]
pub struct Proxy {
    surface: Surface,
    gate: Gate,
    forwarder: Forwarder,
    sockets: Sockets,
    framing: Framing,
    trusted: Vec<IpNet>,
}

impl Proxy {
    /// Takes what it needs from the config and from the server. `None` when a URL of the config cannot stand in a request.
    #[must_use]
    pub fn new(config: &Config, gate: Gate, metrics: Metrics, lent: Lent) -> Option<Self> {
        let upstream = Upstream::new(
            &config.rocketchat.url,
            config.rocketchat.timeouts,
            metrics.clone(),
        )?;
        let injector = Injector::new(&config.tokens, &config.listen.public_url)?;
        let limit = config.listen.limits.body;
        let sockets = Sockets::new(metrics, lent);
        let forwarder = Forwarder::new(upstream, injector, gate.clone(), limit);
        Some(Self {
            surface: Surface::new(&config.proxy),
            gate,
            forwarder,
            sockets,
            framing: Framing::new(&config.proxy.frame_ancestors),
            trusted: config.listen.trusted_proxies.clone(),
        })
    }

    /// What the surface says of a request.
    #[must_use]
    pub fn judge(&self, parts: &Parts, path: &NormalPath<'_>) -> Verdict {
        self.surface.judge(&parts.method, path)
    }

    /// Carries a request; `acting` tells afterwards whose it was.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub async fn handle(
        &self,
        job: Job<'_>,
        body: Incoming,
        acting: &mut Option<Admission>,
    ) -> Result<Response<Body>, ProxyError> {
        let client = client_address::resolve(job.peer, &job.parts.headers, &self.trusted)
            .map_err(ForwardError::from)?;
        if let Action::Deny(denial) = job.verdict.action {
            return Err(ProxyError::Denied(denial));
        }
        if job.verdict.class == Class::Identity {
            let purpose = purpose(job.verdict);
            // The warm half first: it neither waits nor makes this future larger.
            *acting = match self.gate.admit_known(job.parts, purpose)? {
                Some(admission) => Some(admission),
                None => Some(Box::pin(self.gate.admit(job.parts, purpose)).await?),
            };
        }
        let (action, payload) = match job.verdict.action {
            Action::Inspect(inspect) => Box::pin(self.inspect(inspect, &job, body)).await?,
            action => (action, Payload::Stream(body)),
        };
        if job.verdict.route == Route::Socket
            && let (Some(admission), Payload::Stream(body)) = (&*acting, &payload)
        {
            let guard = self.gate.sessions().bind_socket(&admission.admitted);
            let asked = Asked {
                parts: job.parts,
                admission,
                client,
                guard,
            };
            let opening = self.sockets.open(&self.forwarder, body, asked);
            return Ok(Box::pin(opening).await?);
        }
        let forward = Forward {
            parts: job.parts,
            admission: acting.as_mut(),
            client,
            as_cookies: job.verdict.carry == Carry::HeadersAndCookies,
            readable_answer: matches!(action, Action::Scrub(_)),
        };
        match action {
            Action::Deny(denial) => Err(ProxyError::Denied(denial)),
            Action::Logout => Ok(self.log_out(acting.as_ref())),
            // Inspection never asks for another one.
            Action::Inspect(_) => Err(ProxyError::Denied(Denial::Unreadable)),
            Action::Scrub(scrub) => {
                let answer = self.forwarder.forward(forward, payload).await?;
                Ok(Box::pin(scrubbed(scrub, answer)).await?)
            }
            Action::Forward => {
                let mut answer = self.forwarder.forward(forward, payload).await?;
                match job.verdict.route {
                    Route::File => files::make_private(answer.headers_mut()),
                    Route::Page => self.framing.apply(answer.headers_mut()),
                    Route::Api | Route::Socket | Route::Public | Route::Own | Route::None => {}
                }
                Ok(answer)
            }
        }
    }

    /// Reads a body that decides what may happen.
    async fn inspect(
        &self,
        inspect: Inspect,
        job: &Job<'_>,
        body: Incoming,
    ) -> Result<(Action, Payload), ProxyError> {
        let body = Body::limited(body, surface::MAX_BODY as u64);
        let body = match body.collect_up_to(surface::MAX_BODY).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return Err(ProxyError::Denied(Denial::TooLarge)),
            Err(error) => return Err(ForwardError::Body(error).into()),
        };
        let action = self
            .surface
            .inspect(inspect, job.path, &job.parts.headers, &body);
        Ok((action, Payload::Whole(body)))
    }

    /// Rocket.Chat's own logout ends our session; its auth token is logged out there in the background.
    fn log_out(&self, admission: Option<&Admission>) -> Response<Body> {
        if let Some(admission) = admission {
            self.gate
                .sessions()
                .release(&admission.verified, EndCause::Release);
        }
        let mut answer = Response::new(Body::full(LOGGED_OUT));
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

/// What the request is for, as far as finding its token goes.
fn purpose(verdict: Verdict) -> Purpose {
    match (verdict.action, verdict.route) {
        (Action::Logout, _) => Purpose::Change,
        (_, Route::Socket) => Purpose::Upgrade,
        (_, Route::Page) => Purpose::Navigation,
        _ => Purpose::Call,
    }
}

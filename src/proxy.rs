//! The edge that carries traffic: what the gate admitted goes to Rocket.Chat and its answer comes back.
//!
//! The order is fixed: the surface judges method and path, the gate says who acts, a body that must be understood is read, the
//! credentials are injected, the request is forwarded, the answer is scrubbed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, header};
use ipnet::IpNet;
use tokio::time::Instant;

use crate::authn::Purpose;
use crate::body::{Body, BodyError, Upload};
use crate::config::Config;
use crate::ddp;
use crate::gate::{self, Admission, Gate, GateError, Look};
use crate::headers::client_address;
use crate::surface::path::NormalPath;
use crate::surface::{self, Action, Carry, Class, Denial, Inspect, Login, Surface, Verdict};
use crate::telemetry::metrics::{Metrics, Route};

pub mod boot;
pub mod doorkeeper;
pub mod error;
pub mod files;
pub mod forward;
pub mod handshake;
pub mod html;
pub mod inject;
pub mod kept;
pub mod leaving;
pub mod login;
pub mod relay;
pub mod rulings;
pub mod scrubbed;
pub mod side;
pub mod upstream;
pub mod violation;
pub mod websocket;
pub mod wire;

pub use error::ForwardError;

use forward::{Forward, Forwarder, Payload};
use html::Framing;
use inject::Injector;
use login::Attempt;
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
    /// When it began.
    pub now: SystemTime,
    /// The same by the clock that waits are measured by.
    pub began: Instant,
}

/// The proxy.
#[derive(Debug)]
pub struct Proxy {
    surface: Arc<Surface>,
    gate: Gate,
    forwarder: Forwarder,
    sockets: Sockets,
    framing: Framing,
    boot_script: bool,
    trusted: Vec<IpNet>,
}

impl Proxy {
    /// Takes what it needs from the config and from the server. `None` when a URL of the config cannot stand in a request.
    #[must_use]
    pub fn new(config: &Config, gate: Gate, metrics: Metrics, lent: Lent) -> Option<Self> {
        let upstream = Upstream::new(
            &config.rocketchat.url,
            lent.towards.clone(),
            config.rocketchat.timeouts,
            metrics.clone(),
        )?;
        let injector = Injector::new(config)?;
        let limit = config.listen.limits.body;
        let surface = Arc::new(Surface::new(&config.proxy));
        let sockets = Sockets::new(
            &config.websocket,
            Arc::clone(&surface),
            gate.clone(),
            metrics,
            lent,
        );
        let forwarder = Forwarder::new(upstream, injector, gate.clone(), limit);
        Some(Self {
            surface,
            gate,
            forwarder,
            sockets,
            framing: Framing::new(&config.proxy.frame_ancestors),
            boot_script: config.iframe.boot_script,
            trusted: config.listen.trusted_proxies.clone(),
        })
    }

    /// Goes over the connections to Rocket.Chat that another one has open.
    #[must_use]
    pub fn after(self, other: &Self) -> Self {
        let upstream = other.forwarder.upstream().clone();
        Self {
            forwarder: self.forwarder.over(upstream),
            ..self
        }
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
        body: Upload,
        acting: &mut Option<Admission>,
    ) -> Result<Response<Body>, ProxyError> {
        let client = client_address::resolve(job.peer, &job.parts.headers, &self.trusted)
            .map_err(ForwardError::from)?;
        if let Action::Deny(denial) = job.verdict.action {
            return Err(ProxyError::Denied(denial));
        }
        if job.verdict.route == Route::Socket {
            return self.open_socket(job, client, body, acting).await;
        }
        // Another look at the clock only where something was waited for.
        let mut began = job.began;
        if job.verdict.class == Class::Identity {
            let purpose = gate::purpose(job.verdict);
            // The warm half first: it neither waits nor makes this future larger.
            *acting = match self.gate.look_up(job.parts, purpose, job.now)? {
                Look::Known(admission) => Some(admission),
                Look::Open(open) => {
                    let admission = Box::pin(self.gate.admit_open(open)).await?;
                    began = Instant::now();
                    Some(admission)
                }
            };
        }
        if let Action::Login(form) = job.verdict.action {
            let body = whole(body).await?;
            let login = Login::read(form, job.path.decoded(), &job.parts.headers, &body);
            let login = login.map_err(ProxyError::Denied)?;
            *acting = Box::pin(self.gate.admit_anybody(job.parts, Purpose::Login)).await?;
            let attempt = Attempt {
                parts: job.parts,
                client,
                login,
            };
            let logging_in = login::log_in(&self.gate, &self.forwarder, attempt, acting);
            return Box::pin(logging_in).await;
        }
        let (action, payload) = match job.verdict.action {
            Action::Inspect(inspect) => {
                let inspected = Box::pin(self.inspect(inspect, &job, body)).await?;
                began = Instant::now();
                inspected
            }
            action => (action, Payload::Stream(body)),
        };
        let with_boot = self.boot_script && job.verdict.route == Route::Page;
        let for_page = with_boot && boot::wants_page(&job.parts.headers);
        if for_page {
            boot::ask_whole(&mut job.parts.headers);
        }
        let forward = Forward {
            parts: job.parts,
            admission: acting.as_mut(),
            client,
            as_cookies: job.verdict.carry == Carry::HeadersAndCookies,
            readable_answer: for_page || matches!(action, Action::Scrub(_)),
            rewritten: None,
            began,
        };
        match action {
            Action::Deny(denial) => Err(ProxyError::Denied(denial)),
            Action::Logout => {
                let answer = self.log_out(acting.as_ref()).await;
                // Clients send a body that says nothing, some of them later than the head; unread it would cost them the connection,
                // and with it the request that they send next. Whatever is wrong with it, the session has ended.
                if let Payload::Stream(body) = payload {
                    let _unread = whole(body).await;
                }
                Ok(answer)
            }
            // Inspection never asks for another one, and leads to no login.
            Action::Inspect(_) | Action::Login(_) => Err(ProxyError::Denied(Denial::Unreadable)),
            Action::Scrub(scrub) => {
                let answer = self.forwarder.forward(forward, payload).await?;
                Ok(Box::pin(scrubbed(scrub, answer)).await?)
            }
            Action::Forward => {
                let mut answer = self.forwarder.forward(forward, payload).await?;
                match job.verdict.route {
                    Route::File => files::make_private(answer.headers_mut()),
                    Route::Page => {
                        self.framing.apply(answer.headers_mut());
                        if with_boot {
                            answer = boot::insert(&job.parts.method, answer);
                        }
                    }
                    Route::Api
                    | Route::Socket
                    | Route::Public
                    | Route::Own
                    | Route::Filter
                    | Route::None => {}
                }
                Ok(answer)
            }
        }
    }

    /// Opens a socket for somebody, or for nobody yet.
    async fn open_socket(
        &self,
        job: Job<'_>,
        client: IpAddr,
        body: Upload,
        acting: &mut Option<Admission>,
    ) -> Result<Response<Body>, ProxyError> {
        *acting = Box::pin(self.gate.admit_anybody(job.parts, Purpose::Upgrade)).await?;
        let framing = match job.path.decoded() {
            "/websocket" if job.parts.uri.query().is_some() => None,
            "/websocket" => Some(ddp::Framing::Raw),
            _ => Some(ddp::Framing::SockJs),
        };
        let asked = Asked {
            parts: job.parts,
            admission: acting.as_ref(),
            client,
            framing,
        };
        Ok(Box::pin(self.sockets.open(&self.forwarder, &body, asked)).await?)
    }

    /// Reads a body that decides what may happen.
    async fn inspect(
        &self,
        inspect: Inspect,
        job: &Job<'_>,
        body: Upload,
    ) -> Result<(Action, Payload), ProxyError> {
        let body = whole(body).await?;
        let action = self
            .surface
            .inspect(inspect, job.path, &job.parts.headers, &body);
        Ok((action, Payload::Whole(body)))
    }

    /// Rocket.Chat's own logout ends our session; its auth token is logged out there in the background.
    async fn log_out(&self, admission: Option<&Admission>) -> Response<Body> {
        if let Some(admission) = admission {
            self.gate.release(&admission.who).await;
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

/// A body that must be understood.
async fn whole(body: Upload) -> Result<Bytes, ProxyError> {
    let body = Body::limited(body, surface::MAX_BODY as u64);
    match body.collect_up_to(surface::MAX_BODY).await {
        Ok(body) => Ok(body),
        Err(BodyError::TooLarge) => Err(ProxyError::Denied(Denial::TooLarge)),
        Err(error) => Err(ForwardError::Body(error).into()),
    }
}

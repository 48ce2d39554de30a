//! Gantry's own endpoints, below `/_gantry/` on the public listener.
//!
//! | endpoint | does |
//! |---|---|
//! | `POST /_gantry/session` | establishes the session and hands out a stand-in |
//! | `GET /_gantry/session` | tells who acts |
//! | `POST /_gantry/release` | ends the session; the same JWT may start a new one |
//! | `POST /_gantry/logout` | ends the host session for good |
//! | `POST /_gantry/backchannel-logout` | ends what an issuer says is over |
//! | `POST /_gantry/ticket` | hands out a ticket for `enter` |
//! | `GET /_gantry/enter` | redeems a ticket, sets the session cookie, leads on |
//! | `GET`, `POST /_gantry/iframe/login` | Rocket.Chat's iframe API URL: hands out a stand-in |
//! | `GET /_gantry/iframe/page` | Rocket.Chat's iframe URL: waits until somebody is there |
//! | `GET /_gantry/gantry.js` | the module by which host pages show Rocket.Chat |
//! | `GET /_gantry/boot.js` | places a stand-in where Rocket.Chat's client looks for its token |

use http::request::Parts;
use http::{Method, Response};

use crate::authn::Origins;
use crate::body::{Body, BodyError, Upload};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::types::Origin;
use crate::gate::{Gate, GateError};
use crate::jwt::LogoutError;
use crate::session::Tickets;
use crate::telemetry::metrics::Metrics;

mod answer;
mod backchannel;
mod beacon;
mod boot;
mod cookie;
mod enter;
mod iframe;
mod library;
pub mod logout;
pub mod session;
mod target;
mod ticket;

use cookie::Cookie;
use enter::Sites;
use iframe::Page;

/// What all own paths begin with.
pub const PREFIX: &str = "/_gantry/";

/// Behind it, where issuers log out.
const BACKCHANNEL: &str = "backchannel-logout";

/// Whether a path is an endpoint that servers call and no page may read.
#[must_use]
pub fn is_for_servers(path: &str) -> bool {
    path.strip_prefix(PREFIX) == Some(BACKCHANNEL)
}

/// Why an own endpoint refused.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// No endpoint has this path.
    #[error("no such endpoint")]
    NotFound,
    /// The endpoint does not know this method; these it does.
    #[error("endpoint does not know the method")]
    MethodNotAllowed(&'static str),
    /// The gate said no.
    #[error("request is not admitted")]
    Gate(#[from] GateError),
    /// The ticket was used, is too old, or never was; or its session has ended.
    #[error("ticket is not good")]
    Ticket,
    /// Where the request wants to be led is no path of ours.
    #[error("target is no path of this origin")]
    Target,
    /// A parameter that may stand once stood twice.
    #[error("request has a duplicated parameter")]
    Twice,
    /// The body is no text.
    #[error("request body is no text")]
    Unreadable,
    /// The content type is not that of a form.
    #[error("request is no form")]
    NotAForm,
    /// The form has no logout token, or several.
    #[error("form has no single logout token")]
    NoLogoutToken,
    /// The issuer's logout was refused.
    #[error("logout token is refused")]
    Logout(#[from] LogoutError),
    /// The body could not be read.
    #[error("request body is not read")]
    Body(#[from] BodyError),
}

impl EndpointError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::Gate(error) => error.kind(),
            Self::Ticket => "bad-ticket",
            Self::Target => "bad-target",
            Self::Twice => "duplicated-parameter",
            Self::Unreadable => "body-unreadable",
            Self::NotAForm => "not-a-form",
            Self::NoLogoutToken => "no-logout-token",
            Self::Logout(error) => error.kind(),
            Self::Body(BodyError::TooLarge) => "body-too-large",
            Self::Body(_) => "body-broken",
        }
    }
}

/// The own endpoints; cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoints {
    gate: Gate,
    tickets: Tickets,
    cookie: Cookie,
    sites: Sites,
    origins: Origins,
    page: Page,
    own: Origin,
    metrics: Metrics,
    /// May issuers log out?
    backchannel: bool,
}

impl Endpoints {
    /// Asks `gate` who acts.
    #[must_use]
    pub fn new(config: &Config, gate: Gate, clock: Clock, metrics: Metrics) -> Self {
        let own = &config.listen.public_url;
        let allowed = &config.proxy.allowed_origins;
        let embedding = &config.proxy.frame_ancestors;
        let hosts = allowed.iter().chain(embedding);
        Self {
            tickets: Tickets::new(config.iframe.ticket_ttl, gate.sessions().clone()),
            gate,
            cookie: Cookie::new(&config.iframe.cookie, clock),
            sites: Sites::new(std::iter::once(own).chain(hosts)),
            origins: Origins::new(own, allowed),
            page: Page::new(embedding.iter()),
            own: own.clone(),
            metrics,
            backchannel: config.backchannel_logout.enabled,
        }
    }

    /// Takes over the tickets that others handed out.
    #[must_use]
    pub fn after(mut self, others: &Self) -> Self {
        self.tickets = self.tickets.after(&others.tickets);
        self
    }

    /// Answers a request whose path begins with [`PREFIX`].
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn handle(
        &self,
        parts: &Parts,
        path: &str,
        body: Upload,
    ) -> Result<Response<Body>, EndpointError> {
        match (path.strip_prefix(PREFIX).unwrap_or_default(), &parts.method) {
            ("session", &Method::POST) => session::establish(self, parts).await,
            ("session", &Method::GET) => session::tell(self, parts).await,
            ("session", _) => Err(EndpointError::MethodNotAllowed("GET, POST")),
            ("release", &Method::POST) => logout::release(self, parts, body).await,
            ("logout", &Method::POST) => logout::logout(self, parts).await,
            (BACKCHANNEL, &Method::POST) if self.backchannel => {
                backchannel::logout(self, parts, body).await
            }
            (BACKCHANNEL, _) if self.backchannel => Err(EndpointError::MethodNotAllowed("POST")),
            ("ticket", &Method::POST) => ticket::issue(self, parts).await,
            ("enter", &Method::GET) => enter::enter(self, parts).await,
            ("iframe/login", &Method::GET | &Method::POST) => {
                iframe::login(self, parts, body).await
            }
            ("iframe/login", _) => Err(EndpointError::MethodNotAllowed("GET, POST")),
            ("iframe/page", &Method::GET) => Ok(iframe::page(self)),
            ("iframe/page.js", &Method::GET) => Ok(iframe::script()),
            ("gantry.js", &Method::GET | &Method::HEAD) => Ok(library::module(parts)),
            ("gantry.js", _) => Err(EndpointError::MethodNotAllowed("GET, HEAD")),
            ("boot.js", &Method::GET) => boot::script(self, parts).await,
            ("release" | "logout" | "ticket", _) => Err(EndpointError::MethodNotAllowed("POST")),
            ("enter" | "iframe/page" | "iframe/page.js" | "boot.js", _) => {
                Err(EndpointError::MethodNotAllowed("GET"))
            }
            _ => Err(EndpointError::NotFound),
        }
    }
}

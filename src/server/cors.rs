//! Cross-origin reading (Fetch §3.2, RC §10): who may read an answer is decided here, and never by Rocket.Chat, whose `*` would hand
//! somebody's data to whoever asks.
//!
//! A preflight carries no credentials, so it is answered by us and goes nowhere. An allowed origin is named exactly, never by `*` and
//! never by repeating what was not configured. Our own origin needs none of this.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

use crate::body::Body;
use crate::config::types::Origin;
use crate::server::rejection::Rejection;
use crate::surface::{Class, Verdict};
use crate::telemetry::metrics::Route;

/// What all fields of this kind begin with.
const PREFIX: &str = "access-control-";

/// What Rocket.Chat's API knows.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, PATCH, HEAD");

/// What its clients set, and what the two-factor challenge asks for (RC §1.5), which Rocket.Chat's own list leaves out.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "X-Auth-Token, X-User-Id, Content-Type, Authorization, X-2fa-Code, X-2fa-Method, X-Requested-With, Accept",
);

/// What scripts may read besides the safelisted fields: how long to wait (RC §5.2).
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After",
);

/// How long browsers keep a preflight's answer, in seconds: an origin that is no longer allowed is held back after that.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Whose word counts for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Made by us: what it says of readers stays, allowed origins are added.
    Ours,
    /// Somebody's: nothing that Rocket.Chat says of readers stays.
    Somebodys,
    /// Everybody's, from the API: Rocket.Chat's word stays, but allowed origins may use credentials.
    Everybodys,
    /// A static file: Rocket.Chat's word stays.
    Static,
    /// Of servers only: no page is told anything.
    Nobodys,
}

impl Readers {
    /// Of an answer to what the surface judged so.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        match (verdict.class, verdict.route) {
            (Class::Identity | Class::Claim, _) => Self::Somebodys,
            (Class::Public, Route::Api) => Self::Everybodys,
            (Class::Public, _) => Self::Static,
        }
    }
}

/// The origins whose pages may read answers.
#[derive(Debug)]
pub struct Cors {
    own: String,
    allowed: Vec<HeaderValue>,
}

impl Cors {
    /// `own` is what browsers see in front of us.
    #[must_use]
    pub fn new(own: &Origin, allowed: &[Origin]) -> Self {
        let allowed = allowed
            .iter()
            .filter_map(|origin| HeaderValue::try_from(origin.to_string()).ok());
        Self {
            own: own.to_string(),
            allowed: allowed.collect(),
        }
    }

    /// The answer to a preflight; `None` when the request is none, or is for a static file, of which Rocket.Chat may tell itself, or for what no page calls.
    ///
    /// # Errors
    /// [`Rejection::ForeignOrigin`], and [`Rejection::Malformed`] for more than one origin.
    pub fn preflight(
        &self,
        parts: &Parts,
        readers: Readers,
    ) -> Result<Option<Response<Body>>, Rejection> {
        if parts.method != Method::OPTIONS
            || matches!(readers, Readers::Static | Readers::Nobodys)
            || !parts.headers.contains_key(header::ORIGIN)
            || !parts
                .headers
                .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return Ok(None);
        }
        // Of two, one hop could look at the one and the next at the other (CVE-2026-26308).
        let Some(origin) = only_origin(parts) else {
            return Err(Rejection::Malformed("two origins"));
        };
        if !self.allows(origin) && origin.as_bytes() != self.own.as_bytes() {
            return Err(Rejection::ForeignOrigin);
        }
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Ok(Some(answer))
    }

    /// The request's origin, if its pages may read answers.
    #[must_use]
    pub fn allowed_origin(&self, parts: &Parts) -> Option<HeaderValue> {
        if self.allowed.is_empty() {
            return None;
        }
        only_origin(parts)
            .filter(|origin| self.allows(origin))
            .cloned()
    }

    /// Says on an answer who may read it: `origin` is [`Cors::allowed_origin`].
    pub fn mark(&self, origin: Option<HeaderValue>, readers: Readers, answer: &mut Response<Body>) {
        // A socket has its own check, and its answer no reader.
        if matches!(readers, Readers::Static | Readers::Nobodys)
            || answer.status() == StatusCode::SWITCHING_PROTOCOLS
        {
            return;
        }
        let headers = answer.headers_mut();
        if readers == Readers::Somebodys {
            let said: Vec<HeaderName> = headers
                .keys()
                .filter(|name| name.as_str().starts_with(PREFIX))
                .cloned()
                .collect();
            for name in said {
                headers.remove(name);
            }
        }
        if self.allowed.is_empty() {
            return;
        }
        // Also where nobody is named: a cache must not give one origin what was made for another.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else {
            return;
        };
        if readers == Readers::Ours && headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.allowed.contains(origin)
    }
}

/// The request's origin, if it names exactly one.
fn only_origin(parts: &Parts) -> Option<&HeaderValue> {
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    origins.next().filter(|_| origins.next().is_none())
}

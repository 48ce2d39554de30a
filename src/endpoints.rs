//! Gantry's own endpoints, below `/_gantry/` on the public listener.
//!
//! | endpoint | does |
//! |---|---|
//! | `POST /_gantry/session` | establishes the session and hands out a stand-in |
//! | `GET /_gantry/session` | tells who acts |
//! | `POST /_gantry/release` | ends the session; the same JWT may start a new one |
//! | `POST /_gantry/logout` | ends the host session for good |

use http::request::Parts;
use http::{Method, Response};

use crate::body::Body;
use crate::gate::{Gate, GateError};

pub mod logout;
pub mod session;

/// What all own paths begin with.
pub const PREFIX: &str = "/_gantry/";

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
}

impl EndpointError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::Gate(error) => error.kind(),
        }
    }
}

/// The own endpoints; cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoints {
    gate: Gate,
}

impl Endpoints {
    /// Asks `gate` who acts.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        Self { gate }
    }

    /// Answers a request whose path begins with [`PREFIX`].
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn handle(&self, parts: &Parts, path: &str) -> Result<Response<Body>, EndpointError> {
        match (path.strip_prefix(PREFIX).unwrap_or_default(), &parts.method) {
            ("session", &Method::POST) => session::establish(&self.gate, parts).await,
            ("session", &Method::GET) => session::tell(&self.gate, parts).await,
            ("session", _) => Err(EndpointError::MethodNotAllowed("GET, POST")),
            ("release", &Method::POST) => logout::release(&self.gate, parts).await,
            ("logout", &Method::POST) => logout::logout(&self.gate, parts).await,
            ("release" | "logout", _) => Err(EndpointError::MethodNotAllowed("POST")),
            _ => Err(EndpointError::NotFound),
        }
    }
}

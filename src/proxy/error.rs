//! Why a request could not be forwarded.

use std::error::Error;

use crate::body::BodyError;
use crate::headers::client_address::MalformedChain;
use crate::session::ExchangeError;
use crate::surface::scrub::Unreadable;

/// Why a request could not be forwarded.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection to Rocket.Chat.
    #[error("rocket.chat cannot be connected to")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke.
    #[error("rocket.chat's connection failed")]
    Broken(#[source] hyper::Error),
    /// The answer was no HTTP.
    #[error("rocket.chat's answer cannot be read")]
    Protocol(#[source] hyper::Error),
    /// No answer in time.
    #[error("rocket.chat did not answer in time")]
    Timeout,
    /// The request's target cannot be sent on.
    #[error("request target cannot be forwarded")]
    Target,
    /// The request's body stands still or is too large.
    #[error("request body cannot be forwarded")]
    Body(#[source] BodyError),
    /// The request's body broke off on its way.
    #[error("request body broke off")]
    BrokenBody(#[source] hyper::Error),
    /// The answer's body, which had to be looked into, broke off or is too large.
    #[error("answer that must be scrubbed cannot be read")]
    Answer(#[source] BodyError),
    /// The answer's body had to be looked into and could not be.
    #[error("answer cannot be scrubbed")]
    Scrub(#[from] Unreadable),
    /// A trusted proxy's chain of addresses cannot be read.
    #[error("client address is not known")]
    ClientAddress(#[from] MalformedChain),
    /// Rocket.Chat refused the credentials, and there are no new ones.
    #[error("credentials cannot be refreshed")]
    Refresh(#[source] ExchangeError),
    /// Rocket.Chat chose a WebSocket extension that was not offered.
    #[error("rocket.chat chose a websocket extension that was not offered")]
    Extension,
    /// Nobody is logged in on as many sockets as there may be.
    #[error("too many sockets are open that nobody is logged in on")]
    TooManyPending,
    /// Rocket.Chat agreed to something else than the WebSocket that was asked for.
    #[error("rocket.chat agreed to no websocket as asked for")]
    Disagreed,
    /// The request is no proper WebSocket handshake (RFC 6455 §4.2.1).
    #[error("websocket handshake is malformed")]
    Handshake,
}

impl ForwardError {
    /// Sorts an error of a connection: a request body that is too large or breaks off shows as one, and is no fault of Rocket.Chat's.
    #[must_use]
    pub fn from_client(error: hyper::Error) -> Self {
        let mut source = Error::source(&error);
        while let Some(cause) = source {
            match cause.downcast_ref() {
                Some(BodyError::TooLarge) => return Self::Body(BodyError::TooLarge),
                Some(BodyError::Stream(_) | BodyError::Stalled) => {
                    return Self::BrokenBody(error);
                }
                Some(BodyError::Superseded) | None => {}
            }
            source = cause.source();
        }
        if error.is_parse() {
            return Self::Protocol(error);
        }
        Self::Broken(error)
    }

    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) | Self::Broken(_) => "upstream-unreachable",
            Self::Protocol(_)
            | Self::Extension
            | Self::Disagreed
            | Self::Answer(_)
            | Self::Scrub(_) => "upstream-invalid",
            Self::Timeout => "upstream-timeout",
            Self::Target => "bad-target",
            Self::Body(_) | Self::BrokenBody(_) => "bad-body",
            Self::ClientAddress(_) => "bad-forwarded-for",
            Self::Refresh(error) => error.kind(),
            Self::TooManyPending => "too-many-pending-sockets",
            Self::Handshake => "bad-handshake",
        }
    }
}

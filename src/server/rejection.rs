//! The one place that knows both our errors and HTTP: every failure becomes a public answer here, poor in detail on purpose, and a
//! log line, rich in it.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::authn::AuthnError;
use crate::body::{Body, BodyError};
use crate::endpoints::EndpointError;
use crate::filter::FilterError;
use crate::filter::original::OriginalError;
use crate::gate::GateError;
use crate::jwt::{LogoutError, VerifyError};
use crate::problem::Problem;
use crate::proxy::{ForwardError, ProxyError};
use crate::rocketchat::ApiError;
use crate::server::admin::AdminError;
use crate::session::ExchangeError;
use crate::surface::Denial;
use crate::surface::path::Refused;
use crate::telemetry::logging;

/// `Retry-After` where nothing better is known: about as long as an exchange's queue takes to drain.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A failure that has a public answer.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The request can be read in more than one way.
    #[error("request is malformed ({0})")]
    Malformed(&'static str),
    /// It has more header fields than the limit.
    #[error("request has too many header fields")]
    TooManyFields,
    /// Its preflight names an origin whose pages may not read answers.
    #[error("preflight is from a foreign origin")]
    ForeignOrigin,
    /// Its path has no one meaning.
    #[error("request path is refused")]
    Path(#[source] Refused),
    /// An own endpoint refused.
    #[error("endpoint refused")]
    Endpoint(#[from] EndpointError),
    /// The admin listener refused.
    #[error("admin listener refused")]
    Admin(#[from] AdminError),
    /// A gateway's request may not go on.
    #[error("filter denied")]
    Filter(#[from] FilterError),
    /// The proxy refused, or had no answer to pass back.
    #[error("proxy refused")]
    Proxy(#[from] ProxyError),
}

impl Rejection {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-request",
            Self::TooManyFields => "too-many-fields",
            Self::ForeignOrigin => "foreign-origin",
            Self::Path(_) => "malformed-path",
            Self::Endpoint(error) => error.kind(),
            Self::Admin(error) => error.kind(),
            Self::Filter(error) => error.kind(),
            Self::Proxy(error) => error.kind(),
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Malformed(_) | Self::Path(_) => Problem::BAD_REQUEST,
            Self::TooManyFields => Problem::HEAD_TOO_LARGE,
            Self::ForeignOrigin => Problem::NOT_PERMITTED,
            Self::Proxy(ProxyError::Denied(denial)) => denied(*denial),
            Self::Proxy(ProxyError::Gate(error)) | Self::Endpoint(EndpointError::Gate(error)) => {
                gate(error)
            }
            Self::Endpoint(EndpointError::NotFound) => Problem::NOT_FOUND,
            Self::Endpoint(EndpointError::MethodNotAllowed(_)) => Problem::METHOD_NOT_ALLOWED,
            Self::Endpoint(EndpointError::Ticket) => Problem::INVALID_TOKEN,
            Self::Endpoint(EndpointError::Target) => {
                Problem::BAD_REQUEST.with_detail("`to` must be a path of this origin.")
            }
            Self::Endpoint(EndpointError::Body(BodyError::TooLarge)) => Problem::TOO_LARGE,
            Self::Endpoint(EndpointError::NotAForm) => Problem::UNSUPPORTED_MEDIA_TYPE,
            Self::Endpoint(EndpointError::Logout(error)) => logout(error),
            Self::Endpoint(
                EndpointError::Twice
                | EndpointError::Unreadable
                | EndpointError::NoLogoutToken
                | EndpointError::Body(
                    BodyError::Stream(_) | BodyError::Stalled | BodyError::Superseded,
                ),
            ) => Problem::BAD_REQUEST,
            Self::Admin(error) => admin(error),
            Self::Filter(error) => filter(error),
            Self::Proxy(ProxyError::Forward(error)) => forward(error),
        }
    }

    /// The answer; `instance` is the request id.
    #[must_use]
    pub fn answer(&self, instance: &str) -> Response<Body> {
        if let Self::Endpoint(error) = self
            && let Some(description) = error.logout_error()
        {
            return oauth_error(description);
        }
        let problem = self.problem();
        let detail = self.detail();
        let mut answer = problem.answer_with(instance, detail.as_deref().or(problem.detail));
        if let Some(wait) = self.retry_after(&problem) {
            answer.headers_mut().insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().max(1)),
            );
        }
        if let Self::Endpoint(EndpointError::MethodNotAllowed(allowed))
        | Self::Admin(AdminError::MethodNotAllowed(allowed)) = self
        {
            answer
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        answer
    }

    /// The whole chain of causes, for the log.
    #[must_use]
    pub fn chain(&self) -> String {
        logging::chain(self)
    }

    /// A hint made for this one answer: administrators are told which parameter is wrong.
    fn detail(&self) -> Option<String> {
        if let Self::Admin(error) = self {
            return error.detail();
        }
        None
    }

    fn retry_after(&self, problem: &Problem) -> Option<Duration> {
        if problem.status != StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        let exchange = match self {
            Self::Proxy(
                ProxyError::Gate(GateError::Exchange(error))
                | ProxyError::Forward(ForwardError::Refresh(error)),
            )
            | Self::Endpoint(EndpointError::Gate(GateError::Exchange(error)))
            | Self::Filter(
                FilterError::Gate(GateError::Exchange(error)) | FilterError::Refresh(error),
            ) => error,
            Self::Malformed(_)
            | Self::TooManyFields
            | Self::ForeignOrigin
            | Self::Path(_)
            | Self::Endpoint(_)
            | Self::Admin(_)
            | Self::Filter(_)
            | Self::Proxy(_) => return Some(RETRY_AFTER),
        };
        match exchange {
            ExchangeError::RateLimited(wait) => Some(*wait),
            ExchangeError::Api(error) => match &**error {
                ApiError::RateLimited(wait) => Some(*wait),
                _ => Some(RETRY_AFTER),
            },
            ExchangeError::LoggedOut
            | ExchangeError::Expired
            | ExchangeError::NotPermitted(_)
            | ExchangeError::Overloaded
            | ExchangeError::Store(_) => Some(RETRY_AFTER),
        }
    }
}

fn gate(error: &GateError) -> Problem {
    match error {
        GateError::MissingToken => Problem::MISSING_TOKEN,
        GateError::Authn(
            AuthnError::Duplicated
            | AuthnError::Malformed
            | AuthnError::TwoTokens
            | AuthnError::UnknownStandIn
            | AuthnError::ForeignOrigin,
        ) => Problem::INVALID_TOKEN,
        GateError::Verify(VerifyError::KeysUnavailable) => Problem::KEYS_UNAVAILABLE,
        GateError::Verify(_) => Problem::INVALID_TOKEN,
        GateError::Exchange(error) => exchange(error),
    }
}

fn logout(error: &LogoutError) -> Problem {
    match error {
        LogoutError::Token(VerifyError::KeysUnavailable) => Problem::KEYS_UNAVAILABLE,
        LogoutError::TooMany => Problem::OVERLOADED,
        LogoutError::Token(_)
        | LogoutError::OtherEvent
        | LogoutError::Nonce
        | LogoutError::NamesNobody
        | LogoutError::Replayed => Problem::BAD_REQUEST,
    }
}

/// How OpenID providers are told of a logout that failed by their fault (Back-Channel Logout §2.8, RFC 6749 §5.2).
fn oauth_error(description: &'static str) -> Response<Body> {
    #[derive(Serialize)]
    struct Document {
        error: &'static str,
        error_description: &'static str,
    }
    let document = Document {
        error: "invalid_request",
        error_description: description,
    };
    let json = serde_json::to_vec(&document).unwrap_or_default();
    let mut answer = Response::new(Body::full(json));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn admin(error: &AdminError) -> Problem {
    match error {
        AdminError::NotFound => Problem::NOT_FOUND,
        AdminError::Store => Problem::STORE_UNAVAILABLE,
        AdminError::UnknownSession => {
            Problem::NOT_FOUND.with_detail("No live session has this id.")
        }
        AdminError::MethodNotAllowed(_) => Problem::METHOD_NOT_ALLOWED,
        AdminError::Closed => Problem::NOT_PERMITTED
            .with_detail("The admin API is closed: `admin.token_file` is not configured."),
        AdminError::MissingToken => Problem::MISSING_TOKEN,
        AdminError::Duplicated | AdminError::WrongToken => Problem::INVALID_TOKEN,
        AdminError::LongQuery => Problem::BAD_REQUEST.with_detail("The query is too long."),
        AdminError::Parameter { .. } => Problem::BAD_REQUEST,
    }
}

fn exchange(error: &ExchangeError) -> Problem {
    match error {
        ExchangeError::LoggedOut | ExchangeError::Expired => Problem::INVALID_TOKEN,
        ExchangeError::NotPermitted(_) => Problem::NOT_PERMITTED,
        ExchangeError::Overloaded | ExchangeError::RateLimited(_) => Problem::OVERLOADED,
        ExchangeError::Store(_) => Problem::STORE_UNAVAILABLE,
        ExchangeError::Api(error) => api(error),
    }
}

fn api(error: &ApiError) -> Problem {
    match error {
        ApiError::Unreachable(_) => Problem::UPSTREAM_UNREACHABLE,
        ApiError::Timeout => Problem::UPSTREAM_TIMEOUT,
        ApiError::Invalid | ApiError::Failed(_) => Problem::UPSTREAM_INVALID,
        ApiError::RateLimited(_) => Problem::OVERLOADED,
        ApiError::ServiceAccountRefused | ApiError::NotPermitted(_) => Problem::UPSTREAM_REFUSED,
        // The person cannot be let in as they are; the log says why.
        ApiError::Refused(_) | ApiError::PasswordRefused | ApiError::SecondFactorRequired => {
            Problem::NOT_PERMITTED
        }
    }
}

fn forward(error: &ForwardError) -> Problem {
    match error {
        ForwardError::Connect(_) | ForwardError::Broken(_) => Problem::UPSTREAM_UNREACHABLE,
        ForwardError::Protocol(_)
        | ForwardError::Extension
        | ForwardError::Disagreed
        | ForwardError::Answer(_)
        | ForwardError::Scrub(_) => Problem::UPSTREAM_INVALID,
        ForwardError::Timeout => Problem::UPSTREAM_TIMEOUT,
        ForwardError::TooManyPending => Problem::OVERLOADED,
        ForwardError::Body(BodyError::TooLarge) => Problem::TOO_LARGE,
        ForwardError::Target
        | ForwardError::Body(BodyError::Stream(_) | BodyError::Stalled | BodyError::Superseded)
        | ForwardError::BrokenBody(_)
        | ForwardError::ClientAddress(_)
        | ForwardError::Handshake => Problem::BAD_REQUEST,
        ForwardError::Refresh(error) => exchange(error),
    }
}

fn filter(error: &FilterError) -> Problem {
    match error {
        FilterError::Original(OriginalError::TooLarge(_)) => Problem::HEAD_TOO_LARGE,
        FilterError::Original(
            OriginalError::Missing(_) | OriginalError::Twice(_) | OriginalError::Malformed(_),
        ) => Problem::BAD_REQUEST.with_detail("The gateway did not say clearly what is asked for."),
        FilterError::Path(_) | FilterError::ClientAddress(_) => Problem::BAD_REQUEST,
        FilterError::Denied(denial) => denied(*denial),
        FilterError::NeedsProxy(need) => Problem::NOT_PERMITTED.with_detail(need.detail()),
        FilterError::Gate(error) => gate(error),
        FilterError::Refresh(error) => exchange(error),
    }
}

fn denied(denial: Denial) -> Problem {
    match denial {
        Denial::Transport => Problem::NOT_FOUND,
        Denial::Unreadable => Problem::BAD_REQUEST.with_detail(denial.detail()),
        Denial::TooLarge => Problem::TOO_LARGE.with_detail(denial.detail()),
        Denial::Verb => Problem::METHOD_NOT_ALLOWED.with_detail(denial.detail()),
        Denial::Login
        | Denial::Tokens
        | Denial::Account
        | Denial::SecondFactor
        | Denial::OAuth
        | Denial::Livechat
        | Denial::Configured => Problem::NOT_PERMITTED.with_detail(denial.detail()),
    }
}

#[cfg(test)]
mod tests;

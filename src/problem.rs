//! Problem documents: the form of every answer that refuses in Gantry's own name (RFC 9457).
//!
//! Public detail is poor on purpose: all bad tokens share one problem, and no text from the request comes back.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::body::Body;

/// Base of the `type` URIs; the slug follows.
const TYPE_BASE: &str = "https://gantry.dev/problems/";

/// A kind of problem: fixed slug, status and title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// End of the `type` URI, and the metric's label.
    pub slug: &'static str,
    /// The status answered.
    pub status: StatusCode,
    /// The same words for every answer of this kind.
    pub title: &'static str,
    /// What the client can do about it, where anything.
    pub detail: Option<&'static str>,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $slug:literal, $title:literal;)*) => {
        impl Problem {
            $(
                $(#[$doc])*
                pub const $name: Self = Self {
                    slug: $slug,
                    status: StatusCode::$status,
                    title: $title,
                    detail: None,
                };
            )*

            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

problems! {
    /// A request that cannot be read in one way only.
    BAD_REQUEST = BAD_REQUEST, "bad-request", "The request is malformed";
    /// No token where one is needed.
    MISSING_TOKEN = UNAUTHORIZED, "missing-token", "A token is needed";
    /// A token that is not believed, for whatever reason.
    INVALID_TOKEN = UNAUTHORIZED, "invalid-token", "The token is not valid";
    /// The principal is known, but may not do this.
    NOT_PERMITTED = FORBIDDEN, "not-permitted", "This is not permitted";
    /// No such endpoint of Gantry's own.
    NOT_FOUND = NOT_FOUND, "not-found", "There is nothing here";
    /// The endpoint does not know this method.
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here";
    /// A body over the limit.
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too-large", "The request is too large";
    /// A body of a kind that the endpoint does not take.
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The request's content type is not taken here";
    /// A head over the limit.
    HEAD_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE, "too-large", "The request is too large";
    /// The issuer's keys have never been available.
    KEYS_UNAVAILABLE = SERVICE_UNAVAILABLE, "keys-unavailable", "Signing keys are not available yet";
    /// The session store cannot be used; known sessions go on.
    STORE_UNAVAILABLE = SERVICE_UNAVAILABLE, "store-unavailable", "The session store is not available";
    /// Rocket.Chat cannot be reached.
    UPSTREAM_UNREACHABLE = BAD_GATEWAY, "upstream-unreachable", "Rocket.Chat cannot be reached";
    /// Rocket.Chat refused a call of our own.
    UPSTREAM_REFUSED = BAD_GATEWAY, "upstream-refused", "Rocket.Chat refused Gantry's own call";
    /// Rocket.Chat gave an answer that cannot be understood.
    UPSTREAM_INVALID = BAD_GATEWAY, "upstream-invalid", "Rocket.Chat gave an unexpected answer";
    /// Rocket.Chat did not answer in time.
    UPSTREAM_TIMEOUT = GATEWAY_TIMEOUT, "upstream-timeout", "Rocket.Chat did not answer in time";
    /// A limit of our own is reached.
    OVERLOADED = SERVICE_UNAVAILABLE, "overloaded", "Too much is going on";
    /// A bug.
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "Something went wrong in Gantry";
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    instance: &'a str,
}

impl Problem {
    /// The same problem with a hint for the client.
    #[must_use]
    pub const fn with_detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The answer; `instance` is the request id.
    #[must_use]
    pub fn answer(&self, instance: &str) -> Response<Body> {
        self.answer_with(instance, self.detail)
    }

    /// As [`Problem::answer`], with a hint made for this one answer.
    #[must_use]
    pub fn answer_with(&self, instance: &str, detail: Option<&str>) -> Response<Body> {
        let document = Document {
            kind: format!("{TYPE_BASE}{}", self.slug),
            title: self.title,
            status: self.status.as_u16(),
            detail,
            instance,
        };
        let json = serde_json::to_vec(&document).unwrap_or_default();
        let mut answer = Response::new(Body::full(json));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = if self.slug == Self::INVALID_TOKEN.slug {
                "Bearer error=\"invalid_token\""
            } else {
                "Bearer"
            };
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        answer
    }
}

#[cfg(test)]
mod tests;

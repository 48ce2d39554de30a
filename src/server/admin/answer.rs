//! What the admin listener's answers have in common: they are stored nowhere, and are what they say they are.

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::body::Body;

/// 200 with JSON.
pub(super) fn json(document: &impl Serialize) -> Response<Body> {
    // Plain structures of texts and numbers always serialise.
    let json = serde_json::to_vec(document).unwrap_or_default();
    of_kind(Body::full(json), "application/json")
}

/// 204.
pub(super) fn empty() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// 200 with this body.
pub(super) fn of_kind(body: Body, kind: &'static str) -> Response<Body> {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}

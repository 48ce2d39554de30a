//! What the answers of our own endpoints have in common: JSON that is stored nowhere, because it is somebody's.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::body::Body;

/// No guessing of types: a script is one only when we say so.
const NOSNIFF: (HeaderName, HeaderValue) = (
    header::X_CONTENT_TYPE_OPTIONS,
    HeaderValue::from_static("nosniff"),
);

/// 204, stored nowhere.
pub(super) fn empty() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    keep_nowhere(answer.headers_mut());
    answer
}

/// 200 with JSON for whoever the request's cookies say.
pub(super) fn json(document: &impl Serialize) -> Response<Body> {
    // Plain structures of strings always serialise.
    let json = serde_json::to_vec(document).unwrap_or_default();
    somebodys(json, "application/json")
}

/// 200 with text for whoever the request's cookies say.
pub(super) fn somebodys(text: Vec<u8>, kind: &'static str) -> Response<Body> {
    let mut answer = of_kind(Body::full(text), kind);
    let headers = answer.headers_mut();
    keep_nowhere(headers);
    headers.insert(header::VARY, HeaderValue::from_static("Cookie"));
    answer
}

/// 200 with this body.
pub(super) fn of_kind(body: Body, kind: &'static str) -> Response<Body> {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let (name, value) = NOSNIFF;
    headers.insert(name, value);
    answer
}

/// Says that no cache may store it.
pub(super) fn keep_nowhere(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

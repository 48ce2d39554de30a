//! `/_gantry/gantry.js`: the module by which host pages show Rocket.Chat. It is the same for everybody, holds no secret, and may be
//! imported from anywhere.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use data_encoding::BASE64URL_NOPAD;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::answer;
use crate::body::Body;

const MODULE: &str = include_str!("assets/gantry.js");

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Names the module's content, so that a browser that has it is told so.
static ETAG: LazyLock<String> = LazyLock::new(|| {
    let hash = digest::digest(&digest::SHA256, MODULE.as_bytes());
    format!("\"{}\"", BASE64URL_NOPAD.encode(hash.as_ref()))
});

/// `GET`, `HEAD`: the module.
pub(super) fn module(parts: &Parts) -> Response<Body> {
    let mut answer = if has_it(parts) {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        answer::of_kind(Body::full(MODULE), "text/javascript; charset=utf-8")
    };
    let headers = answer.headers_mut();
    // Host pages follow the release that runs, whenever it changes.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("cross-origin"),
    );
    if let Ok(etag) = HeaderValue::try_from(ETAG.as_str()) {
        headers.insert(header::ETAG, etag);
    }
    answer
}

/// Does the client have this very module (RFC 9110 §13.1.2)?
fn has_it(parts: &Parts) -> bool {
    parts
        .headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == ETAG.as_str())
}

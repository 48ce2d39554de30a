//! nginx's `auth_request`, and HAProxy's script that works alike: `X-Original-Method` and `X-Original-URI` name the request.
//!
//! nginx lets 401 and 403 through and makes 500 of everything else, so every denial is one of these two. Failures of ours keep their
//! 5xx: a client that hears 500 may try again, while one that hears 401 or 403 would believe that it was logged out.

use http::request::Parts;
use http::{HeaderName, StatusCode};

use crate::filter::original::{self, OriginalError};

const X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const X_ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const X_ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-original-host");

/// Makes of the question the request that it is about.
pub(super) fn restore(parts: &mut Parts) -> Result<(), OriginalError> {
    let headers = &parts.headers;
    let method = original::only(headers, &X_ORIGINAL_METHOD, "X-Original-Method")?;
    let method = original::method(method, "X-Original-Method")?;
    let target = original::only(headers, &X_ORIGINAL_URI, "X-Original-URI")?;
    let target = original::target(target, "X-Original-URI")?;
    if let Some(host) = original::optional(headers, &X_ORIGINAL_HOST, "X-Original-Host")? {
        original::check_host(host, "X-Original-Host")?;
    }
    parts.method = method;
    parts.uri = target;
    Ok(())
}

/// The status that nginx is told instead of this one.
#[must_use]
pub fn passable(status: StatusCode) -> StatusCode {
    if status == StatusCode::UNAUTHORIZED || !status.is_client_error() {
        return status;
    }
    StatusCode::FORBIDDEN
}

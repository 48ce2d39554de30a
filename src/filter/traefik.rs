//! Traefik's `ForwardAuth` and Caddy's `forward_auth`: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri` name the request.
//!
//! Of the family only these four are read; a prefix or a port that a client left there changes nothing (CVE-2026-35051).

use http::HeaderName;
use http::request::Parts;

use crate::filter::original::{self, OriginalError};
use crate::headers::{X_FORWARDED_HOST, X_FORWARDED_PROTO};

const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// What browsers may have used; Traefik tells sockets by their own schemes.
const SCHEMES: [&str; 4] = ["http", "https", "ws", "wss"];

/// Makes of the question the request that it is about.
pub(super) fn restore(parts: &mut Parts) -> Result<(), OriginalError> {
    let headers = &parts.headers;
    let method = original::only(headers, &X_FORWARDED_METHOD, "X-Forwarded-Method")?;
    let method = original::method(method, "X-Forwarded-Method")?;
    let target = original::only(headers, &X_FORWARDED_URI, "X-Forwarded-Uri")?;
    let target = original::target(target, "X-Forwarded-Uri")?;
    let host = original::only(headers, &X_FORWARDED_HOST, "X-Forwarded-Host")?;
    original::check_host(host, "X-Forwarded-Host")?;
    let scheme = original::only(headers, &X_FORWARDED_PROTO, "X-Forwarded-Proto")?;
    if !SCHEMES.contains(&scheme) {
        return Err(OriginalError::Malformed("X-Forwarded-Proto"));
    }
    parts.method = method;
    parts.uri = target;
    Ok(())
}

//! Envoy's `ext_authz` over HTTP: it asks by the request's own method, and by its target behind a prefix (`path_prefix`).

use http::header;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue};

use crate::filter::original::{self, OriginalError};

/// What Envoy puts in front of the target.
pub(super) const PREFIX: &str = "/_gantry/filter/envoy";

/// In an answer: fields that Envoy takes off the request.
pub(super) const HEADERS_TO_REMOVE: HeaderName =
    HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// Makes of the question the request that it is about.
pub(super) fn restore(parts: &mut Parts) -> Result<(), OriginalError> {
    let asked = parts.uri.path_and_query().map(|target| target.as_str());
    let target = asked.and_then(|asked| asked.strip_prefix(PREFIX));
    let target = target.ok_or(OriginalError::Missing("path_prefix"))?;
    // Of two fields Envoy makes one, in the question and in what goes on.
    let field = original::optional(&parts.headers, &header::HOST, "Host")?;
    for host in parts
        .uri
        .authority()
        .map(Authority::as_str)
        .into_iter()
        .chain(field)
    {
        original::check_host(host, "Host")?;
    }
    parts.uri = original::target(target, "the path")?;
    Ok(())
}

/// Names as a list.
pub(super) fn list(names: &[HeaderName]) -> HeaderValue {
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    // Names of fields may stand in every value.
    HeaderValue::try_from(names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

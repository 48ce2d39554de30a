//! Envoy's `ext_authz` over gRPC (`envoy.service.auth.v3`): from its message to the request that it is about, and from our decision to
//! its message. What serves it stands with the listeners.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, StatusCode, Version};

use crate::authn::origin::SEC_FETCH_SITE;
use crate::filter::original::{self, OriginalError};
use crate::headers::{X_AUTH_TOKEN, X_USER_ID, token_text};

mod wire;
mod yes;

pub use wire::{CheckRequest, CheckResponse};
pub use yes::yes;

use wire::{DeniedHttpResponse, Field, FieldOption, HttpRequest, HttpStatus, Status};

/// `google.rpc.Code` of the two kinds of no.
const PERMISSION_DENIED: i32 = 7;
const UNAUTHENTICATED: i32 = 16;

/// `HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD`.
const OVERWRITE: i32 = 2;

/// The key of our mark in the dynamic metadata of `envoy.filters.http.ext_authz`.
const RETRY: &str = "x-gantry-retry";

/// Fields that may stand once. Merged, two of them are one with a comma; taken apart again, they are refused as two (CVE-2026-26308).
const SINGLE: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::ORIGIN,
    SEC_FETCH_SITE,
    X_AUTH_TOKEN,
    X_USER_ID,
];

/// Fields that almost every request has and that say nothing of who asks or for what.
const INNOCENT: [&[u8]; 7] = [
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"user-agent",
    b"x-request-id",
    b"sec-fetch-mode",
    b"sec-fetch-dest",
];

/// What a described request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of its head.
    pub header_bytes: usize,
    /// Its fields.
    pub headers: usize,
}

/// The request that the message is about.
///
/// # Errors
/// [`OriginalError`].
pub fn original(message: CheckRequest, limits: Limits) -> Result<Parts, OriginalError> {
    let attributes = message
        .attributes
        .ok_or(OriginalError::Missing("attributes"))?;
    let message = attributes.request.map(|request| request.http);
    let message = message
        .filter(|http| !http.is_empty())
        .ok_or(OriginalError::Missing("attributes.request.http"))?;
    let http = HttpRequest::read(&message);
    let http = http.ok_or(OriginalError::Malformed("attributes.request.http"))?;
    if !http.query.is_empty() || !http.fragment.is_empty() {
        return Err(OriginalError::Malformed("query or fragment"));
    }
    let method = original::method(text(http.method, "method")?, "method")?;
    let uri = original::target(text(http.path, "path")?, "path")?;
    original::check_host(text(http.host, "host")?, "host")?;
    let version = match http.protocol {
        b"HTTP/2" => Version::HTTP_2,
        b"HTTP/3" => Version::HTTP_3,
        _ => Version::HTTP_11,
    };
    let headers = fields(http, &message, limits)?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = version;
    parts.headers = headers;
    Ok(parts)
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, OriginalError> {
    std::str::from_utf8(bytes).map_err(|_| OriginalError::Malformed(what))
}

/// The fields, which come in one of two forms: merged by name, or raw.
fn fields(
    mut http: HttpRequest<'_>,
    message: &Bytes,
    limits: Limits,
) -> Result<HeaderMap, OriginalError> {
    let raw = std::mem::take(&mut http.raw);
    if !raw.is_empty() && !http.merged.is_empty() {
        return Err(OriginalError::Twice("headers"));
    }
    let count = raw.len().max(http.merged.len());
    if count > limits.headers {
        return Err(OriginalError::TooLarge("headers"));
    }
    let mut fields = Fields {
        method: http.method,
        path: http.path,
        left: limits.header_bytes.saturating_sub(http.path.len()),
        map: HeaderMap::with_capacity(count),
    };
    for entry in http.merged {
        let (name, value) = wire::entry(entry).ok_or(OriginalError::Malformed("headers"))?;
        let came = |part| message.slice_ref(part);
        if may_stand_once(name) && memchr::memchr(b',', value).is_some() {
            for part in value.split(|byte| *byte == b',') {
                fields.add(name, part.trim_ascii(), came)?;
            }
        } else {
            fields.add(name, value, came)?;
        }
    }
    for Field {
        key,
        value,
        raw_value,
    } in raw
    {
        match (value.is_empty(), raw_value.is_empty()) {
            (true, _) => fields.add(&key, &raw_value, |_| raw_value.clone())?,
            (false, true) => fields.add(&key, &value, |_| value.clone())?,
            (false, false) => return Err(OriginalError::Twice("headers")),
        }
    }
    Ok(fields.map)
}

fn may_stand_once(name: &[u8]) -> bool {
    SINGLE
        .iter()
        .any(|single| name.eq_ignore_ascii_case(single.as_str().as_bytes()))
}

/// Fields on their way from the message.
struct Fields<'a> {
    method: &'a [u8],
    path: &'a [u8],
    /// Bytes that may still come.
    left: usize,
    map: HeaderMap,
}

impl Fields<'_> {
    /// Adds a field; `came` gives its value's bytes to keep.
    fn add<'v>(
        &mut self,
        name: &[u8],
        value: &'v [u8],
        came: impl Fn(&'v [u8]) -> Bytes,
    ) -> Result<(), OriginalError> {
        const WHAT: &str = "headers";
        let size = name.len() + value.len();
        self.left = self
            .left
            .checked_sub(size)
            .ok_or(OriginalError::TooLarge(WHAT))?;
        let malformed = OriginalError::Malformed(WHAT);
        if let Some(pseudo) = name.strip_prefix(b":") {
            // Envoy tells the line's parts among the fields once more; two that differ would be two requests.
            let agrees = match pseudo {
                b"method" => value == self.method,
                b"path" => value == self.path,
                _ => true,
            };
            return agrees.then_some(()).ok_or(malformed);
        }
        if INNOCENT.contains(&name) && !token_text::may_stand_in(value) {
            // Nobody reads it, and the request does not go on from here.
            return Ok(());
        }
        let name = HeaderName::from_bytes(name).map_err(|_| malformed)?;
        let value = HeaderValue::from_maybe_shared(came(value)).map_err(|_| malformed)?;
        // Taken apart, they can be more than came.
        let added = self.map.try_append(name, value);
        added.map(|_| ()).map_err(|_| OriginalError::TooLarge(WHAT))
    }
}

/// A no, with what the client is answered.
#[must_use]
pub fn no(code: StatusCode, headers: &HeaderMap, body: String) -> CheckResponse {
    let kind = match code {
        StatusCode::UNAUTHORIZED => UNAUTHENTICATED,
        _ => PERMISSION_DENIED,
    };
    CheckResponse {
        status: Some(Status { code: kind }),
        denied: Some(DeniedHttpResponse {
            status: Some(HttpStatus {
                code: i32::from(code.as_u16()),
            }),
            headers: headers
                .iter()
                .map(|(name, value)| field(Bytes::copy_from_slice(name.as_str().as_bytes()), value))
                .collect(),
            body,
        }),
    }
}

/// A field that takes the place of all of its name. One that is no text goes as its bytes.
fn field(key: Bytes, value: &HeaderValue) -> FieldOption {
    let bytes = Bytes::copy_from_slice(value.as_bytes());
    let (value, raw_value) = match std::str::from_utf8(&bytes) {
        Ok(_) => (bytes, Bytes::new()),
        Err(_) => (Bytes::new(), bytes),
    };
    FieldOption {
        header: Some(Field {
            key,
            value,
            raw_value,
        }),
        append_action: OVERWRITE,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use envoy_types::pb::envoy::config::core::v3::{HeaderMap as RawFields, HeaderValue as Field};
    use envoy_types::pb::envoy::service::auth::v3::attribute_context::{self, HttpRequest};
    use envoy_types::pb::envoy::service::auth::v3::{self, AttributeContext};
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    const LIMITS: Limits = Limits {
        header_bytes: 200,
        headers: 4,
    };

    fn read(http: HttpRequest) -> Result<Parts, OriginalError> {
        let request = attribute_context::Request {
            time: None,
            http: Some(http),
        };
        let attributes = AttributeContext {
            request: Some(request),
            ..AttributeContext::default()
        };
        let message = v3::CheckRequest {
            attributes: Some(attributes),
        };
        let read = CheckRequest::decode(Bytes::from(message.encode_to_vec()));
        original(read.unwrap(), LIMITS)
    }

    proptest! {
        #[test]
        fn whatever_a_message_holds_it_is_one_request_or_none(
            (method, path, host) in ("[A-Z ]{0,5}|GET", "/?[a-c/#?%. \\\\é]{0,12}", "[a-c.,:@ ]{1,8}"),
            merged in prop::collection::hash_map("[a-c:_ -]{0,6}|authorization|:path", "\\PC{0,30}", 0..3),
            raw in prop::collection::vec(("[a-c]{0,3}", "[a-c]{0,3}", any::<Vec<u8>>()), 0..3),
        ) {
            let headers = raw.into_iter().map(|(key, value, raw_value)| Field { key, value, raw_value });
            let read = read(HttpRequest {
                method: method.clone(),
                path: path.clone(),
                host,
                headers: merged,
                header_map: Some(RawFields { headers: headers.collect() }),
                ..HttpRequest::default()
            });
            if let Ok(parts) = read {
                prop_assert_eq!(parts.method.as_str(), method);
                prop_assert_eq!(parts.uri.to_string(), path);
                prop_assert!(parts.headers.keys_len() <= LIMITS.headers);
                prop_assert!(parts.uri.path().starts_with('/') && parts.uri.host().is_none());
            }
        }
    }

    #[test]
    fn merged_fields_that_may_stand_once_are_taken_apart() {
        let headers = [("Authorization", "Bearer a, Bearer b"), ("x-other", "a, b")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let parts = read(HttpRequest {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: "h".to_owned(),
            headers: HashMap::from(headers),
            ..HttpRequest::default()
        })
        .unwrap();
        let values = parts.headers.get_all(header::AUTHORIZATION);
        assert_eq!(values.iter().collect::<Vec<_>>(), ["Bearer a", "Bearer b"]);
        assert_eq!(parts.headers["x-other"], "a, b");
    }
}

//! Envoy's `ext_authz` over gRPC (`envoy.service.auth.v3`): from its message to the request that it is about, and from our decision to
//! its message. What serves it stands with the listeners.

use std::collections::HashMap;

use bytes::Bytes;
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue as Field, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use envoy_types::pb::google::rpc;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, StatusCode, Version};

use crate::authn::origin::SEC_FETCH_SITE;
use crate::filter::decision::{Allowed, REPLACED};
use crate::filter::original::{self, OriginalError};
use crate::headers::{X_AUTH_TOKEN, X_USER_ID};

/// `google.rpc.Code` of a yes and of the two kinds of no.
const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;
const UNAUTHENTICATED: i32 = 16;

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
    let http = attributes.request.and_then(|request| request.http);
    let http = http.ok_or(OriginalError::Missing("attributes.request.http"))?;
    if !http.query.is_empty() || !http.fragment.is_empty() {
        return Err(OriginalError::Malformed("query or fragment"));
    }
    let method = original::method(&http.method, "method")?;
    let uri = original::target(&http.path, "path")?;
    original::check_host(&http.host, "host")?;
    let version = match http.protocol.as_str() {
        "HTTP/2" => Version::HTTP_2,
        "HTTP/3" => Version::HTTP_3,
        _ => Version::HTTP_11,
    };
    let headers = fields(http, limits)?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = version;
    parts.headers = headers;
    Ok(parts)
}

/// The fields, which come in one of two forms: merged by name, or raw.
fn fields(http: HttpRequest, limits: Limits) -> Result<HeaderMap, OriginalError> {
    let raw = http.header_map.map(|map| map.headers).unwrap_or_default();
    if !raw.is_empty() && !http.headers.is_empty() {
        return Err(OriginalError::Twice("headers"));
    }
    if raw.len().max(http.headers.len()) > limits.headers {
        return Err(OriginalError::TooLarge("headers"));
    }
    let mut fields = Fields {
        method: &http.method,
        path: &http.path,
        left: limits.header_bytes.saturating_sub(http.path.len()),
        map: HeaderMap::with_capacity(raw.len().max(http.headers.len())),
    };
    for (name, value) in http.headers {
        if SINGLE
            .iter()
            .any(|single| name.eq_ignore_ascii_case(single.as_str()))
        {
            for part in value.split(',') {
                fields.add(&name, part.trim().as_bytes().to_vec())?;
            }
        } else {
            fields.add(&name, value.into_bytes())?;
        }
    }
    for Field {
        key,
        value,
        raw_value,
    } in raw
    {
        match (value.is_empty(), raw_value.is_empty()) {
            (true, _) => fields.add(&key, raw_value)?,
            (false, true) => fields.add(&key, value.into_bytes())?,
            (false, false) => return Err(OriginalError::Twice("headers")),
        }
    }
    Ok(fields.map)
}

/// Fields on their way from the message.
struct Fields<'a> {
    method: &'a str,
    path: &'a str,
    /// Bytes that may still come.
    left: usize,
    map: HeaderMap,
}

impl Fields<'_> {
    fn add(&mut self, name: &str, value: Vec<u8>) -> Result<(), OriginalError> {
        const WHAT: &str = "headers";
        let size = name.len() + value.len();
        self.left = self
            .left
            .checked_sub(size)
            .ok_or(OriginalError::TooLarge(WHAT))?;
        if let Some(pseudo) = name.strip_prefix(':') {
            // Envoy tells the line's parts among the fields once more; two that differ would be two requests.
            let agrees = match pseudo {
                "method" => value == self.method.as_bytes(),
                "path" => value == self.path.as_bytes(),
                _ => true,
            };
            return agrees.then_some(()).ok_or(OriginalError::Malformed(WHAT));
        }
        let malformed = OriginalError::Malformed(WHAT);
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed)?;
        let value = HeaderValue::from_maybe_shared(Bytes::from(value)).map_err(|_| malformed)?;
        self.map.append(name, value);
        Ok(())
    }
}

/// A yes: what is set replaces what the client sent, and what is empty is taken off.
#[must_use]
pub fn yes(allowed: Allowed) -> CheckResponse {
    let mut told = Vec::with_capacity(REPLACED.len());
    let credentials = allowed.admission.map(|acting| acting.admitted.credentials);
    if let Some(credentials) = &credentials {
        told.push((X_USER_ID, credentials.user_id_value().clone()));
        told.push((X_AUTH_TOKEN, credentials.auth_token_value().clone()));
    }
    if let Some(cookie) = allowed.cookie {
        told.push((header::COOKIE, cookie));
    }
    let is_told = |name: &HeaderName| told.iter().any(|(known, _)| known == name);
    // Envoy sets first and takes off then: no field may be in both.
    let removed = allowed.strays.into_iter();
    let removed = removed.chain(REPLACED.into_iter().filter(|name| !is_told(name)));
    let removed = removed.map(|name| name.as_str().to_owned()).collect();
    CheckResponse {
        status: Some(status(OK)),
        dynamic_metadata: credentials.and_then(|credentials| retry(credentials.mark())),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
            headers: told
                .iter()
                .map(|(name, value)| field(name, value))
                .collect(),
            headers_to_remove: removed,
            ..OkHttpResponse::default()
        })),
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
        status: Some(status(kind)),
        dynamic_metadata: None,
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus {
                code: i32::from(code.as_u16()),
            }),
            headers: headers
                .iter()
                .map(|(name, value)| field(name, value))
                .collect(),
            body,
        })),
    }
}

fn status(code: i32) -> rpc::Status {
    rpc::Status {
        code,
        ..rpc::Status::default()
    }
}

fn retry(mark: &HeaderValue) -> Option<Struct> {
    let value = Value {
        kind: Some(Kind::StringValue(mark.to_str().ok()?.to_owned())),
    };
    Some(Struct {
        fields: HashMap::from([(RETRY.to_owned(), value)]),
    })
}

/// A field that takes the place of all of its name. One that is no text goes as its bytes.
fn field(name: &HeaderName, value: &HeaderValue) -> HeaderValueOption {
    let text = std::str::from_utf8(value.as_bytes());
    let (value, raw_value) = match text {
        Ok(text) => (text.to_owned(), Vec::new()),
        Err(_) => (String::new(), value.as_bytes().to_vec()),
    };
    HeaderValueOption {
        header: Some(Field {
            key: name.as_str().to_owned(),
            value,
            raw_value,
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::core::v3::HeaderMap as RawFields;
    use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
    use envoy_types::pb::envoy::service::auth::v3::attribute_context;
    use proptest::prelude::*;

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
        let message = CheckRequest {
            attributes: Some(attributes),
        };
        original(message, LIMITS)
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
        let headers = [("Authorization", "Bearer a, Bearer b"), ("accept", "a, b")];
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
        assert_eq!(parts.headers[header::ACCEPT], "a, b");
    }
}

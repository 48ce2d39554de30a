//! `Authorization: Bearer` (RFC 6750 §2.1).

use http::{HeaderMap, header};

use super::{AuthnError, Found};

/// The token of the one `Authorization` header; another scheme is not ours to judge and presents nothing.
#[must_use]
pub fn find(headers: &HeaderMap) -> Found<'_> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Found::NotPresented;
    };
    // Many bytes at a time, unlike the value's own look at each: tokens are long.
    let text = simdutf8::basic::from_utf8(value.as_bytes());
    let Some(text) = text.ok().filter(|text| text.is_ascii()) else {
        return Found::Failed(AuthnError::Malformed);
    };
    let blank = text.bytes().position(|byte| byte == b' ');
    let (scheme, token) = text.split_at(blank.unwrap_or(text.len()));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Found::NotPresented;
    }
    match token.trim_matches(' ') {
        "" => Found::Failed(AuthnError::Malformed),
        token => Found::Presented(token),
    }
}

//! `Authorization: Bearer` (RFC 6750 §2.1).

use http::{HeaderMap, header};

use super::{AuthnError, Found};

/// The token of the one `Authorization` header; another scheme is not ours to judge and presents nothing.
#[must_use]
pub fn find(headers: &HeaderMap) -> Found<'_> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Found::NotPresented;
    };
    let Ok(text) = value.to_str() else {
        return Found::Failed(AuthnError::Malformed);
    };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Found::NotPresented;
    }
    match token.trim_matches(' ') {
        "" => Found::Failed(AuthnError::Malformed),
        token => Found::Presented(token),
    }
}

//! A JWT in a cookie (RFC 6265 §4.2).

use http::{HeaderMap, header};

use super::{AuthnError, Found};

/// The value of the named cookie. HTTP/2 may split the header into several (RFC 9113 §8.2.3). The same name with two different
/// values is refused: which of them the browser meant is anybody's guess.
#[must_use]
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    let mut only = None;
    for value in headers.get_all(header::COOKIE) {
        let Ok(text) = value.to_str() else {
            // Other bytes are legal in other cookies; a header that holds our name among them is not readable.
            if memchr::memmem::find(value.as_bytes(), name.as_bytes()).is_some() {
                return Found::Failed(AuthnError::Malformed);
            }
            continue;
        };
        for pair in text.split(';') {
            let Some((key, token)) = pair.split_once('=') else {
                continue;
            };
            if key.trim() != name {
                continue;
            }
            let token = token.trim();
            let token = token
                .strip_prefix('"')
                .and_then(|token| token.strip_suffix('"'))
                .unwrap_or(token);
            if token.is_empty() {
                continue;
            }
            match only {
                Some(first) if first != token => return Found::Failed(AuthnError::TwoTokens),
                _ => only = Some(token),
            }
        }
    }
    only.map_or(Found::NotPresented, Found::Presented)
}

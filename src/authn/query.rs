//! A JWT in a query parameter: off by default, because URLs end up in logs and histories.

use super::{AuthnError, Found};

/// The value of the named parameter. A JWT needs no percent encoding, so an encoded one is refused.
#[must_use]
pub fn find<'a>(query: Option<&'a str>, name: &str) -> Found<'a> {
    let mut only = None;
    for pair in query.unwrap_or_default().split('&') {
        let Some((key, token)) = pair.split_once('=') else {
            continue;
        };
        if key != name {
            continue;
        }
        if token.is_empty() || token.contains('%') {
            return Found::Failed(AuthnError::Malformed);
        }
        match only {
            Some(first) if first != token => return Found::Failed(AuthnError::TwoTokens),
            _ => only = Some(token),
        }
    }
    only.map_or(Found::NotPresented, Found::Presented)
}

//! Header fields: the names we set, the one normal form of a name, and everything that is stripped from a message.
//!
//! It guarantees that no spelling of a client's credential survives: every strip compares names through [`same_name`], where
//! case does not count and every character that is neither letter nor digit counts as `-` (`X_User_Id` is `x-user-id`).
//! Strip first, inject after: a field that the client names in `Connection` can then never take an injected one with it.

use http::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, SET_COOKIE};

pub mod client_address;
pub mod cookie;
pub mod credentials;
pub mod hop;
pub mod names;
pub mod query;
pub mod token_text;

/// The user's id at Rocket.Chat (RC §1.1).
pub const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");
/// The user's auth token at Rocket.Chat (RC §1.1).
pub const X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// The chain of client addresses; Rocket.Chat counts its entries from the right (RC §5.3).
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme the client used; Rocket.Chat's `Force_SSL` needs it (RC §7.5).
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// The host the client used.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The port the client used.
pub const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// One client address, which Rocket.Chat believes from anyone (RC §5.3).
pub const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// What a gateway shows when it asks about a request.
pub const X_GANTRY_SECRET: HeaderName = HeaderName::from_static("x-gantry-secret");
/// Which credentials Rocket.Chat refused, when a gateway asks about a request again; told with every credentials.
pub const X_GANTRY_RETRY: HeaderName = HeaderName::from_static("x-gantry-retry");
/// Why a gateway's request may not go on: the problem's slug, for gateways that pass no body.
pub const X_GANTRY_PROBLEM: HeaderName = HeaderName::from_static("x-gantry-problem");
/// The id under which a request stands in logs.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Takes hop-by-hop fields and every field by which a client could say who it is or where it comes from off a request, in one
/// pass over the map. What the verdict and the forwarded chain need must be read before.
///
/// Cookies and the query are not touched: see [`cookie::rewrite`] and [`query::strip`].
pub fn strip_request(headers: &mut HeaderMap) {
    // Almost every request has it, and nothing else that must go.
    headers.remove(AUTHORIZATION);
    let doomed = names_where(headers, |name| {
        hop::is_hop_by_hop(name) || credentials::is_client_credential(name)
    });
    if doomed.contains(&CONNECTION) {
        hop::strip_named_by_connection(headers);
    }
    remove(headers, doomed);
}

/// Takes hop-by-hop fields off an answer of Rocket.Chat, and every field or cookie that would carry its auth token downstream
/// (RC §9; none was seen, and none may be).
pub fn strip_response(headers: &mut HeaderMap, cookies: &names::Names) {
    let mut sets_cookies = false;
    let doomed = names_where(headers, |name| {
        sets_cookies |= name == SET_COOKIE.as_str();
        hop::is_hop_by_hop(name) || same_name(name, X_AUTH_TOKEN.as_str())
    });
    if doomed.contains(&CONNECTION) {
        hop::strip_named_by_connection(headers);
    }
    remove(headers, doomed);
    if sets_cookies {
        cookie::strip_set_cookie(headers, cookies);
    }
}

/// Is `spelled` one of the spellings of `normal`, which is in normal form?
#[must_use]
pub fn same_name(spelled: &str, normal: &str) -> bool {
    spelled.len() == normal.len() && starts_with_name(spelled.as_bytes(), normal.as_bytes())
}

/// Does `spelled` begin with a spelling of `normal`?
fn starts_with_name(spelled: &[u8], normal: &[u8]) -> bool {
    spelled.len() >= normal.len()
        && spelled
            .iter()
            .zip(normal)
            .all(|(byte, expected)| normal_byte(*byte) == *expected)
}

/// The normal form of one byte of a name.
const fn normal_byte(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// Removes every field whose name is doomed.
fn remove_where(headers: &mut HeaderMap, doomed: impl FnMut(&str) -> bool) {
    let names = names_where(headers, doomed);
    remove(headers, names);
}

/// The names of which this is true; allocates only when there is one.
fn names_where(headers: &HeaderMap, mut is: impl FnMut(&str) -> bool) -> Vec<HeaderName> {
    headers
        .keys()
        .filter(|name| is(name.as_str()))
        .cloned()
        .collect()
}

fn remove(headers: &mut HeaderMap, names: Vec<HeaderName>) {
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;

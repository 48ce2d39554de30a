//! The request fields by which a client could claim an identity, an address or another request than the one it sent (RC §13.1).
//!
//! The list of forwarded fields is closed by prefix: all of them go, and what Rocket.Chat needs is built anew
//! (CVE-2026-35051, CVE-2026-54764). `X-2fa-*` pass: the user's own codes (RC §1.5).

use http::HeaderMap;

use super::{same_name, starts_with_name};

/// Single fields, in normal form, besides those of [`X_FIELDS`].
const FIELDS: [&str; 8] = [
    "authorization",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "proxy-authorization",
    "true-client-ip",
];

/// Single fields that begin with `x`.
const X_FIELDS: [&str; 11] = [
    "x-auth-token",
    "x-client-ip",
    "x-cluster-client-ip",
    // The three below change the method after it was judged, wherever a middleware honours them.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-originating-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-rewrite-url",
    "x-user-id",
];

/// The lengths of [`FIELDS`], a bit for each.
const LENGTHS: u64 = lengths(&FIELDS);

/// The lengths of [`X_FIELDS`], a bit for each.
const X_LENGTHS: u64 = lengths(&X_FIELDS);

/// Families of fields, in normal form; a field belongs when its name begins so.
const FAMILIES: [&str; 6] = [
    "x-envoy-external-",
    "x-envoy-original-",
    "x-forwarded",
    "x-gantry-",
    "x-original-",
    "x-real-",
];

/// Fields that say who asks or for what, in normal form: of those a gateway takes off only what it is told to.
const CLAIMS: [&str; 7] = [
    "authorization",
    "x-auth-token",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-rewrite-url",
    "x-user-id",
];

/// Is the field one that says who asks or for what, in whatever spelling?
#[must_use]
pub fn is_claim(name: &str) -> bool {
    matches!(name.as_bytes().first(), Some(b'a' | b'x'))
        && has_length(name, CLAIM_LENGTHS)
        && CLAIMS.iter().any(|claim| same_name(name, claim))
}

/// The lengths of [`CLAIMS`], a bit for each.
const CLAIM_LENGTHS: u64 = lengths(&CLAIMS);

/// Takes every such field off, in every spelling: CVE-2025-64484, CVE-2026-39858, CVE-2026-54763 passed `X_User_Id` on.
pub fn strip(headers: &mut HeaderMap) {
    super::remove_where(headers, is_client_credential);
}

const fn lengths(names: &[&str]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < names.len() {
        bits |= 1 << names[at].len();
        at += 1;
    }
    bits
}

/// Has the name one of these lengths?
fn has_length(name: &str, lengths: u64) -> bool {
    name.len() < 64 && lengths >> name.len() & 1 == 1
}

/// Is the field one that only we may set?
#[must_use]
pub fn is_client_credential(name: &str) -> bool {
    // The first letter and the length, which no spelling changes, settle it for almost every field of a usual request.
    let Some(first) = name.as_bytes().first() else {
        return false;
    };
    let is_one_of = |fields: &[&str], lengths: u64| {
        has_length(name, lengths) && fields.iter().any(|field| same_name(name, field))
    };
    match first {
        b'x' => {
            is_one_of(&X_FIELDS, X_LENGTHS)
                || FAMILIES
                    .iter()
                    .any(|family| starts_with_name(name.as_bytes(), family.as_bytes()))
        }
        b'a' | b'c' | b'f' | b'p' | b't' => is_one_of(&FIELDS, LENGTHS),
        _ => false,
    }
}

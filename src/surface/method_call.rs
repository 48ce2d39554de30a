//! DDP methods tunnelled through REST: `method.call/<name>` and `method.callAnon/<name>` (RC §6.5).
//!
//! Rocket.Chat runs the method named inside the body and ignores the one in the URL, so the inner name is what is judged. The
//! body is read twice, as Rocket.Chat does: JSON outside, EJSON inside `message`. A body that leaves any doubt about the name
//! is refused: a key twice, a key that is none of DDP's (`$escape` would be undone into other keys), another shape, or a URL
//! that names another method.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{Denial, body};

/// A DDP method call.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The method's name, escapes undone.
    pub method: Cow<'a, str>,
    /// The parameters as they were written; well-formed JSON.
    pub params: Option<&'a RawValue>,
    /// The id as it was written.
    pub id: Option<&'a RawValue>,
}

/// What the REST body holds, and all it may hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

/// The keys of a DDP `method` message. A key that comes twice is refused by the derived reader.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(rename = "msg")]
    _msg: Option<IgnoredAny>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(rename = "randomSeed")]
    _random_seed: Option<IgnoredAny>,
}

/// Reads the body of a call whose decoded path is given, and hands the call to `judge`.
pub(super) fn read<T>(
    path: &str,
    body: &[u8],
    judge: impl FnOnce(&Call<'_>) -> T,
) -> Result<T, Denial> {
    if !body::is_shallow_object(body) {
        return Err(Denial::Unreadable);
    }
    let outer: Outer<'_> = serde_json::from_slice(body).map_err(|_| Denial::Unreadable)?;
    let message = outer.message.as_ref();
    if !body::is_shallow_object(message.as_bytes()) {
        return Err(Denial::Unreadable);
    }
    let inner: Inner<'_> = serde_json::from_str(message).map_err(|_| Denial::Unreadable)?;
    let segment = path.rsplit('/').next().unwrap_or_default();
    if !names_agree(segment, &inner.method) {
        return Err(Denial::Unreadable);
    }
    Ok(judge(&Call {
        method: inner.method,
        params: inner.params,
        id: inner.id,
    }))
}

/// Clients write `:` for `/` in the URL; the two count as one.
fn names_agree(segment: &str, method: &str) -> bool {
    let alike = |byte: u8| if byte == b'/' { b':' } else { byte };
    !method.is_empty() && segment.bytes().map(alike).eq(method.bytes().map(alike))
}

#[cfg(test)]
mod tests;

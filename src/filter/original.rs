//! The request that a gateway asks about, rebuilt from what the gateway says and from nothing else.
//!
//! What is missing, stands twice or cannot be read denies: a part that was guessed would let one request be judged and another go on
//! (CVE-2026-40575, CVE-2026-35051).

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, Method, Uri};

/// Why it is not known which request is meant. Each holds the name of what the gateway should have sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginalError {
    /// It is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It is there twice.
    #[error("{0} stands twice")]
    Twice(&'static str),
    /// It is not what it should be.
    #[error("{0} cannot be read")]
    Malformed(&'static str),
    /// There is more of it than the limits allow.
    #[error("{0} is too large")]
    TooLarge(&'static str),
}

impl OriginalError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Missing(_) => "original-missing",
            Self::Twice(_) => "original-twice",
            Self::Malformed(_) => "original-malformed",
            Self::TooLarge(_) => "original-too-large",
        }
    }
}

/// The text of a field that must stand once. `shown` is its name as people write it.
pub(super) fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    shown: &'static str,
) -> Result<&'a str, OriginalError> {
    optional(headers, name, shown)?.ok_or(OriginalError::Missing(shown))
}

/// The text of a field that may stand once.
pub(super) fn optional<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    shown: &'static str,
) -> Result<Option<&'a str>, OriginalError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(OriginalError::Twice(shown));
    }
    let text = value
        .to_str()
        .map_err(|_| OriginalError::Malformed(shown))?;
    Ok(Some(text))
}

/// A method by its name.
pub(super) fn method(text: &str, shown: &'static str) -> Result<Method, OriginalError> {
    Method::from_bytes(text.as_bytes()).map_err(|_| OriginalError::Malformed(shown))
}

/// A target in origin form (RFC 9112 §3.2.1), byte for byte as it will be sent. Another form names a host that could lead elsewhere, and
/// a fragment is cut off by some readers and not by others (GHSA-pxq7-h93f-9jrg).
pub(super) fn target(text: &str, shown: &'static str) -> Result<Uri, OriginalError> {
    if !text.starts_with('/') || memchr::memchr(b'#', text.as_bytes()).is_some() {
        return Err(OriginalError::Malformed(shown));
    }
    let target = PathAndQuery::try_from(text).map_err(|_| OriginalError::Malformed(shown))?;
    if target.as_str() != text {
        return Err(OriginalError::Malformed(shown));
    }
    Ok(Uri::from(target))
}

/// One host, with a port or without. It decides nothing; one that is no host says that the gateway passes on whatever it is sent. Two
/// that a gateway joined by a comma are none, though a registered name may have one (RFC 3986 §3.2.2).
pub(super) fn check_host(text: &str, shown: &'static str) -> Result<(), OriginalError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(());
    }
    let host = Authority::try_from(text).map_err(|_| OriginalError::Malformed(shown))?;
    if host.host().is_empty() || memchr::memchr2(b'@', b',', text.as_bytes()).is_some() {
        return Err(OriginalError::Malformed(shown));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_as_it_is_or_not_at_all() {
        for good in [
            "/",
            "/api/v1/me?x=1&y=%20",
            "/a?",
            "/a%2fb/../c",
            "//x",
            "/a;b?c?d",
        ] {
            assert_eq!(
                target(good, "T").map(|uri| uri.to_string()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "*",
            "api",
            "http://chat.example.com/api/v1/me",
            "/a#b",
            "/a?b#c",
            "/a b",
            "/a\tb",
            "?x",
        ] {
            assert_eq!(
                target(bad, "T"),
                Err(OriginalError::Malformed("T")),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_host_is_one_host() {
        for good in ["chat.example.com", "chat.example.com:8443", "[::1]:80"] {
            assert_eq!(check_host(good, "H"), Ok(()), "{good}");
        }
        for bad in ["", "a, b", "a,b", "a b", "user@a", "a/b", ":80", "a:b:c"] {
            assert_eq!(
                check_host(bad, "H"),
                Err(OriginalError::Malformed("H")),
                "{bad}"
            );
        }
    }
}

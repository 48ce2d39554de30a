//! Whether a request with a cookie comes from one of our own pages (`Origin`, Fetch Metadata).
//!
//! Rocket.Chat checks no origin anywhere (RC §6.2, §10), because it expects headers that a foreign page cannot set; whoever
//! believes cookies in front of it must check for it.

use http::request::Parts;
use http::{HeaderMap, HeaderName, Version, header};

use super::AuthnError;
use crate::config::types::Origin;

/// `Sec-Fetch-Site`, set by browsers and out of reach of pages.
pub const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins whose pages may use cookies and open sockets; the first is our own.
#[derive(Clone, Debug)]
pub struct Origins(Vec<String>);

impl Origins {
    /// `public_url`'s own, and the allowed ones.
    #[must_use]
    pub fn new(public_url: &Origin, allowed: &[Origin]) -> Self {
        Self(
            std::iter::once(public_url)
                .chain(allowed)
                .map(ToString::to_string)
                .collect(),
        )
    }

    /// Does the request say that it comes from one of them? A request that says nothing does not.
    #[must_use]
    pub fn proves_ours(&self, headers: &HeaderMap) -> bool {
        if let Some(origin) = headers.get(header::ORIGIN) {
            return self
                .0
                .iter()
                .any(|ours| ours.as_bytes() == origin.as_bytes());
        }
        headers
            .get(SEC_FETCH_SITE)
            .is_some_and(|site| site == "same-origin")
    }

    /// Does the request say that it comes from none of them?
    #[must_use]
    pub fn proves_foreign(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(header::ORIGIN) && !self.proves_ours(headers)
    }

    /// Does the request say that it comes from our own origin, allowed ones not counting? For answers that carry something a foreign
    /// page could read by including them as a script.
    #[must_use]
    pub fn proves_same(&self, headers: &HeaderMap) -> bool {
        let Some(own) = self.0.first() else {
            return false;
        };
        let site = headers.get(SEC_FETCH_SITE);
        let origin = headers.get(header::ORIGIN);
        // Where both are told, both must say so.
        if site.is_some() || origin.is_some() {
            return site.is_none_or(|site| site == "same-origin")
                && origin.is_none_or(|origin| origin.as_bytes() == own.as_bytes());
        }
        headers.get(header::REFERER).is_some_and(|referer| {
            let rest = referer.as_bytes().strip_prefix(own.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        })
    }
}

/// Refuses a second `Authorization`, `Origin` or `Sec-Fetch-Site`, and over HTTP/1 a second `Cookie`: whichever one is looked at,
/// another hop may look at the other (CVE-2026-26308). HTTP/2 splits cookies into fields of their own (RFC 9113 §8.2.3); before
/// it, more than one is never right (RFC 6265 §5.4).
///
/// # Errors
/// [`AuthnError::Duplicated`].
pub fn refuse_duplicates(parts: &Parts) -> Result<(), AuthnError> {
    // Where no field has two values, as in almost every request, none of these has.
    if parts.headers.len() == parts.headers.keys_len() {
        return Ok(());
    }
    let doubled = |name: &HeaderName| parts.headers.get_all(name).iter().nth(1).is_some();
    let crumbs = parts.version >= Version::HTTP_2;
    if doubled(&header::AUTHORIZATION)
        || doubled(&header::ORIGIN)
        || doubled(&SEC_FETCH_SITE)
        || (!crumbs && doubled(&header::COOKIE))
    {
        return Err(AuthnError::Duplicated);
    }
    Ok(())
}

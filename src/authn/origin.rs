//! Whether a request with a cookie comes from one of our own pages (`Origin`, Fetch Metadata).
//!
//! Rocket.Chat checks no origin anywhere (RC §6.2, §10), because it expects headers that a foreign page cannot set; whoever
//! believes cookies in front of it must check for it.

use http::{HeaderMap, HeaderName, header};

use super::AuthnError;
use crate::config::types::Origin;

/// `Sec-Fetch-Site`, set by browsers and out of reach of pages.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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

    /// Does the request say that it comes from our own origin, allowed ones not counting? For answers that carry something a foreign
    /// page could read by including them as a script.
    #[must_use]
    pub fn proves_same(&self, headers: &HeaderMap) -> bool {
        if let Some(site) = headers.get(SEC_FETCH_SITE) {
            return site == "same-origin";
        }
        let Some(own) = self.0.first() else {
            return false;
        };
        if let Some(origin) = headers.get(header::ORIGIN) {
            return origin.as_bytes() == own.as_bytes();
        }
        headers.get(header::REFERER).is_some_and(|referer| {
            let rest = referer.as_bytes().strip_prefix(own.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        })
    }
}

/// Refuses a second `Authorization`, `Origin` or `Sec-Fetch-Site`: whichever one is looked at, another hop may look at the other
/// (CVE-2026-26308).
///
/// # Errors
/// [`AuthnError::Duplicated`].
pub fn refuse_duplicates(headers: &HeaderMap) -> Result<(), AuthnError> {
    let doubled = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_some();
    if doubled(&header::AUTHORIZATION) || doubled(&header::ORIGIN) || doubled(&SEC_FETCH_SITE) {
        return Err(AuthnError::Duplicated);
    }
    Ok(())
}

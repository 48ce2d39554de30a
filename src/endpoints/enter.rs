//! `/_gantry/enter`: a page begins here that cannot carry the JWT. Its ticket is redeemed, the browser gets the session cookie and
//! goes on to where it was sent.
//!
//! A link of somebody else's making must not put their session into a browser (session fixation, GHSA-f24x-5g9q-753f): whoever comes
//! from a page must come from one that may send people here.

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use url::Url;
use url::form_urlencoded;

use super::{EndpointError, Endpoints, answer, target};
use crate::authn::AuthnError;
use crate::authn::origin::{SEC_FETCH_SITE, refuse_duplicates};
use crate::body::Body;
use crate::config::types::Origin;
use crate::gate::GateError;

/// Where it leads when nothing is said.
const HOME: &str = "/home";

/// The sites that may send a browser here.
#[derive(Clone, Debug)]
pub(super) struct Sites(Vec<String>);

impl Sites {
    pub(super) fn new<'a>(origins: impl IntoIterator<Item = &'a Origin>) -> Self {
        Self(origins.into_iter().map(ToString::to_string).collect())
    }

    /// Does the request come from another site, or may it well? A page that withholds its name is in doubt, and so is refused: else
    /// every page would only have to withhold it. A browser that says nothing at all, or that nobody sent, is let through.
    fn are_passed_over(&self, parts: &Parts) -> bool {
        let headers = &parts.headers;
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let mut referers = headers.get_all(header::REFERER).iter();
        if headers.contains_key(header::ORIGIN) || headers.contains_key(header::REFERER) {
            let ours = |origin: &HeaderValue| {
                self.0
                    .iter()
                    .any(|site| site.as_bytes() == origin.as_bytes())
            };
            let holds = |url: &HeaderValue| url.to_str().is_ok_and(|url| self.holds_url(url));
            return !(origins.all(ours) && referers.all(holds));
        }
        headers
            .get(SEC_FETCH_SITE)
            .is_some_and(|site| site != "same-origin" && site != "none")
    }

    fn holds_url(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.0.contains(&url.origin().ascii_serialization()))
    }
}

/// `GET`: redeems and leads on.
pub(super) async fn enter(
    endpoints: &Endpoints,
    parts: &Parts,
) -> Result<Response<Body>, EndpointError> {
    let refused = |error| EndpointError::Gate(GateError::Authn(error));
    refuse_duplicates(parts).map_err(refused)?;
    if endpoints.sites.are_passed_over(parts) {
        return Err(refused(AuthnError::ForeignOrigin));
    }
    let query = parts.uri.query().unwrap_or_default();
    let target = parameter(query, "to")?.unwrap_or_else(|| HOME.to_owned());
    let location = target::location(&target, &endpoints.own)
        .and_then(|location| HeaderValue::try_from(location).ok())
        .ok_or(EndpointError::Target)?;
    // Last, so that no request that is refused for something else uses it up.
    let ticket = parameter(query, "ticket")?.ok_or(EndpointError::Gate(GateError::MissingToken))?;
    let admitted = endpoints
        .tickets
        .redeem(&ticket)
        .await
        .map_err(GateError::from)?
        .ok_or(EndpointError::Ticket)?;
    let stand_in = endpoints.gate.sessions().stand_in(&admitted);
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, location);
    // The address holds a ticket, which the next page need not know though it is used up.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    answer::keep_nowhere(headers);
    endpoints.cookie.set(headers, &admitted, &stand_in);
    Ok(answer)
}

/// The value of a parameter that stands once at most.
pub(super) fn parameter(query: &str, name: &str) -> Result<Option<String>, EndpointError> {
    let mut found = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned());
    let first = found.next();
    if found.next().is_some() {
        return Err(EndpointError::Twice);
    }
    Ok(first)
}

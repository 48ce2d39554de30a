//! `/_gantry/iframe/…`: Rocket.Chat's iframe authentication (RC §7.3), for workspaces that have it switched on.
//!
//! Rocket.Chat's client asks `login` for a token and shows `page` while there is none. Both belong to our own origin, so no cookie
//! has to cross a border; `page` hears tickets from the host page, for browsers that keep no cookie in an iframe at all.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, header};
use serde::Serialize;

use super::{EndpointError, Endpoints, answer, beacon};
use crate::authn::origin::refuse_duplicates;
use crate::authn::{AuthnError, Purpose};
use crate::body::{Body, Upload};
use crate::config::types::Origin;
use crate::gate::GateError;

const PAGE: &str = include_str!("assets/page.html");
const SCRIPT: &str = include_str!("assets/page.js");

/// Where the page's hosts stand.
const HOSTS: &str = "{{HOSTS}}";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Login<'a> {
    login_token: &'a str,
}

/// The login page, made once.
#[derive(Clone, Debug)]
pub(super) struct Page {
    html: String,
    policy: String,
}

impl Page {
    /// A page that hears tickets from `hosts`, and may stand in their frames and in our own.
    pub(super) fn new<'a>(hosts: impl Iterator<Item = &'a Origin>) -> Self {
        // Origins hold no sign that means anything in HTML or in a policy.
        let hosts: Vec<String> = hosts.map(ToString::to_string).collect();
        let hosts = hosts.join(" ");
        let policy = format!(
            "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self' {hosts}"
        );
        Self {
            html: PAGE.replace(HOSTS, &hosts),
            policy: policy.trim_end().to_owned(),
        }
    }
}

/// `GET`: the page, the same for everybody.
pub(super) fn page(endpoints: &Endpoints) -> Response<Body> {
    let page = &endpoints.page;
    let body = Body::full(page.html.clone());
    let mut answer = answer::of_kind(body, "text/html; charset=utf-8");
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(&page.policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    revalidate(headers);
    answer
}

/// `GET`: the page's script, the same for everybody.
pub(super) fn script() -> Response<Body> {
    let body = Body::full(SCRIPT);
    let mut answer = answer::of_kind(body, "text/javascript; charset=utf-8");
    revalidate(answer.headers_mut());
    answer
}

/// `GET` or `POST`: a stand-in for whoever the cookies, or a ticket as the request's text, say; on our own pages only.
pub(super) async fn login(
    endpoints: &Endpoints,
    parts: &Parts,
    body: Upload,
) -> Result<Response<Body>, EndpointError> {
    let refused = |error| EndpointError::Gate(GateError::Authn(error));
    refuse_duplicates(parts).map_err(refused)?;
    if !endpoints.origins.proves_same(&parts.headers) {
        return Err(refused(AuthnError::ForeignOrigin));
    }
    // The newest word counts: a ticket comes from the host page as it is now, a cookie can be of the person before.
    let ticket = beacon::text(parts, body).await?;
    let admitted = match &ticket {
        Some(ticket) => endpoints
            .tickets
            .redeem(ticket)
            .await
            .map_err(GateError::from)?
            .ok_or(EndpointError::Ticket)?,
        None => {
            let admission = endpoints.gate.admit(parts, Purpose::Handover).await?;
            admission.admitted
        }
    };
    let stand_in = endpoints.gate.sessions().stand_in(&admitted);
    let mut answer = answer::json(&Login {
        login_token: stand_in.reveal(),
    });
    let headers = answer.headers_mut();
    match ticket {
        Some(_) => endpoints.cookie.set(headers, &admitted, &stand_in),
        None => endpoints
            .cookie
            .renew(&parts.headers, headers, (&admitted, &stand_in)),
    }
    Ok(answer)
}

/// It changes with the release and the configuration, and is small.
fn revalidate(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

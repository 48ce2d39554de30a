//! `/_gantry/session`: establish a session, or ask whose it is.
//!
//! A stand-in goes to whoever holds the JWT; somebody known by a cookie gets it on our own pages only, and no answer may be stored
//! or shared.

use http::Response;
use http::request::Parts;
use serde::Serialize;

use super::enter::parameter;
use super::{EndpointError, Endpoints, answer};
use crate::authn::Purpose;
use crate::body::Body;
use crate::session::Admitted;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    user_id: &'a str,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    expires_at: String,
}

/// `POST`: the session, with a stand-in; with `?cookie=1` the browser keeps it as the session cookie, too.
pub(super) async fn establish(
    endpoints: &Endpoints,
    parts: &Parts,
) -> Result<Response<Body>, EndpointError> {
    let with_cookie = parameter(parts.uri.query().unwrap_or_default(), "cookie")?;
    let admission = endpoints.gate.admit(parts, Purpose::Handover).await?;
    let admitted = &admission.admitted;
    let stand_in = endpoints.gate.sessions().stand_in(admitted);
    let mut answer = answer::json(&told(admitted, Some(stand_in.reveal())));
    if with_cookie.as_deref() == Some("1") {
        endpoints
            .cookie
            .set(answer.headers_mut(), admitted, &stand_in);
    }
    Ok(answer)
}

/// `GET`: the session, without one.
pub(super) async fn tell(
    endpoints: &Endpoints,
    parts: &Parts,
) -> Result<Response<Body>, EndpointError> {
    let admission = endpoints.gate.admit(parts, Purpose::Handover).await?;
    Ok(answer::json(&told(&admission.admitted, None)))
}

fn told<'a>(admitted: &'a Admitted, token: Option<&'a str>) -> Told<'a> {
    Told {
        user_id: admitted.credentials.user_id(),
        username: admitted.session.username(),
        token,
        expires_at: humantime::format_rfc3339_seconds(admitted.session.expires_at()).to_string(),
    }
}

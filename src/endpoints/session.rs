//! `/_gantry/session`: establish a session, or ask whose it is.
//!
//! A stand-in goes to whoever holds the JWT; somebody known by a cookie gets it on our own pages only, and no answer may be stored
//! or shared.

use http::request::Parts;
use http::{HeaderValue, Response, header};
use serde::Serialize;

use super::EndpointError;
use crate::authn::Purpose;
use crate::body::Body;
use crate::gate::Gate;
use crate::session::Admitted;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    user_id: &'a str,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    expires_at: String,
}

/// `POST`: the session, with a new stand-in.
pub(super) async fn establish(gate: &Gate, parts: &Parts) -> Result<Response<Body>, EndpointError> {
    let admission = gate.admit(parts, Purpose::Handover).await?;
    let stand_in = gate.sessions().stand_in(&admission.admitted);
    Ok(answer(&admission.admitted, Some(stand_in.reveal())))
}

/// `GET`: the session, without one.
pub(super) async fn tell(gate: &Gate, parts: &Parts) -> Result<Response<Body>, EndpointError> {
    let admission = gate.admit(parts, Purpose::Handover).await?;
    Ok(answer(&admission.admitted, None))
}

fn answer(admitted: &Admitted, token: Option<&str>) -> Response<Body> {
    let answer = Answer {
        user_id: admitted.credentials.user_id(),
        username: admitted.session.username(),
        token,
        expires_at: humantime::format_rfc3339_seconds(admitted.session.expires_at()).to_string(),
    };
    // Strings always serialise.
    let json = serde_json::to_vec(&answer).unwrap_or_default();
    let mut answer = Response::new(Body::full(json));
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Cookie"));
    answer
}

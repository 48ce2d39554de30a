//! `/_gantry/release` and `/_gantry/logout`: ending a session, for now or for good.
//!
//! Both answer 204 whether or not there was a session, so that a page which is going away can fire and forget; the logout at
//! Rocket.Chat is owed from the moment of the answer and done in the background.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::EndpointError;
use crate::authn::Purpose;
use crate::body::Body;
use crate::gate::Gate;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Ends the session; the same JWT may start a new one.
pub(super) async fn release(gate: &Gate, parts: &Parts) -> Result<Response<Body>, EndpointError> {
    let who = gate.identify(parts, Purpose::Change).await?;
    gate.release(&who);
    Ok(done())
}

/// Ends the host session: this JWT and older ones of it are refused from now on.
pub(super) async fn logout(gate: &Gate, parts: &Parts) -> Result<Response<Body>, EndpointError> {
    let who = gate.identify(parts, Purpose::Change).await?;
    gate.log_out(&who);
    let mut answer = done();
    answer
        .headers_mut()
        .insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"storage\""));
    Ok(answer)
}

fn done() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

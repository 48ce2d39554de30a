//! `/_gantry/release` and `/_gantry/logout`: ending a session, for now or for good.
//!
//! Both answer 204 whether or not there was a session, so that a page which is going away can fire and forget; the logout at
//! Rocket.Chat is owed from the moment of the answer and done in the background. The browser's cookies of it are expired.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Response};

use super::{EndpointError, Endpoints, answer, beacon};
use crate::authn::{AuthnError, Purpose};
use crate::body::{Body, Upload};
use crate::gate::GateError;
use crate::secret::Bearer;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Ends the session; the same JWT may start a new one. A beacon, which can carry no header, may have the token as its text.
pub(super) async fn release(
    endpoints: &Endpoints,
    parts: &Parts,
    body: Upload,
) -> Result<Response<Body>, EndpointError> {
    let who = match endpoints.gate.identify(parts, Purpose::Change).await {
        Ok(who) => who,
        // A cookie may be left over of a session that has ended.
        Err(error @ (GateError::MissingToken | GateError::Authn(AuthnError::UnknownStandIn))) => {
            let Some(token) = beacon::text(parts, body).await? else {
                return Err(error.into());
            };
            // Whoever knows a token is proof enough, and needs none of origin.
            endpoints.gate.identify_claim(&Bearer::new(token)).await?
        }
        Err(error) => return Err(error.into()),
    };
    endpoints.gate.release(&who).await;
    Ok(done(endpoints))
}

/// Ends the host session: this JWT and older ones of it are refused from now on.
pub(super) async fn logout(
    endpoints: &Endpoints,
    parts: &Parts,
) -> Result<Response<Body>, EndpointError> {
    let who = endpoints.gate.identify(parts, Purpose::Change).await?;
    endpoints.gate.log_out(&who).await;
    let mut answer = done(endpoints);
    answer
        .headers_mut()
        .insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"storage\""));
    Ok(answer)
}

fn done(endpoints: &Endpoints) -> Response<Body> {
    let mut answer = answer::empty();
    endpoints.cookie.expire(answer.headers_mut());
    answer
}

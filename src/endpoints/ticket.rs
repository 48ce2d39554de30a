//! `/_gantry/ticket`: a ticket for a page that cannot carry the JWT. Whoever has the JWT gets one; somebody known by a cookie gets
//! it on our own pages only.

use http::Response;
use http::request::Parts;
use serde::Serialize;

use super::{EndpointError, Endpoints, answer};
use crate::authn::Purpose;
use crate::body::Body;
use crate::gate::GateError;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issued<'a> {
    ticket: &'a str,
    expires_at: String,
}

/// `POST`: a new one.
pub(super) async fn issue(
    endpoints: &Endpoints,
    parts: &Parts,
) -> Result<Response<Body>, EndpointError> {
    let admission = endpoints.gate.admit(parts, Purpose::Handover).await?;
    let issued = endpoints.tickets.issue(&admission.admitted).await;
    let (ticket, until) = issued.map_err(GateError::from)?;
    Ok(answer::json(&Issued {
        ticket: ticket.reveal(),
        expires_at: humantime::format_rfc3339_seconds(until).to_string(),
    }))
}

//! `/_gantry/backchannel-logout`: where an issuer says that a session of its is over (OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8).
//!
//! Servers call it, never pages: whatever came along as a cookie or JWT counts for nothing, only the logout token does. It answers 200
//! when all has ended: sessions are marked and their JWTs refused; the logouts at Rocket.Chat are owed from then on.

use http::request::Parts;
use http::{Response, header};
use url::form_urlencoded;

use super::{EndpointError, Endpoints, answer};
use crate::body::{Body, Upload};
use crate::secret::Bearer;

/// Most bytes of a form: twice the largest token that is looked at, for what else a provider sends along.
const MAX_FORM: usize = 32 * 1024;

/// Ends what a logout token says is over.
pub(super) async fn logout(
    endpoints: &Endpoints,
    parts: &Parts,
    body: Upload,
) -> Result<Response<Body>, EndpointError> {
    let outcome = take(endpoints, parts, body).await;
    endpoints.metrics.backchannel_logout(match &outcome {
        Ok(()) => "ok",
        Err(error) => error.kind(),
    });
    outcome?;
    let mut answer = Response::new(Body::empty());
    answer::keep_nowhere(answer.headers_mut());
    Ok(answer)
}

async fn take(endpoints: &Endpoints, parts: &Parts, body: Upload) -> Result<(), EndpointError> {
    let mut kinds = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    let is_form = kind
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !is_form || kinds.next().is_some() {
        return Err(EndpointError::NotAForm);
    }
    let form = Body::limited(body, MAX_FORM as u64)
        .collect_up_to(MAX_FORM)
        .await?;
    let token = logout_token(&form)?;
    endpoints.gate.log_out_named(&token).await?;
    Ok(())
}

/// The one `logout_token` of a form, whatever else is in it.
fn logout_token(form: &[u8]) -> Result<Bearer, EndpointError> {
    let mut tokens = form_urlencoded::parse(form)
        .filter_map(|(name, value)| (name == "logout_token").then_some(value));
    let token = tokens.next().ok_or(EndpointError::NoLogoutToken)?;
    if tokens.next().is_some() {
        return Err(EndpointError::NoLogoutToken);
    }
    Ok(Bearer::new(token.into_owned()))
}

impl EndpointError {
    /// What an issuer is told whose logout failed by its own fault (§2.8); `None` for every other failure.
    #[must_use]
    pub fn logout_error(&self) -> Option<&'static str> {
        match self {
            Self::NoLogoutToken => Some("The form must have exactly one logout_token."),
            // Its logout may yet succeed.
            Self::Logout(error) if error.is_unavailable() => None,
            Self::Logout(_) => Some("The logout token is not valid."),
            Self::NotFound
            | Self::MethodNotAllowed(_)
            | Self::Gate(_)
            | Self::Ticket
            | Self::Target
            | Self::Twice
            | Self::Unreadable
            | Self::NotAForm
            | Self::Body(_) => None,
        }
    }
}

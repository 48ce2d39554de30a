//! Logins over REST: the claim in the body is admitted as any token is, and Rocket.Chat gets a login with its own auth token, whose
//! answer goes to the client with the stand-in in it (RC §2.1, §6.5).

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use tokio::time::Instant;

use crate::body::Body;
use crate::gate::{Admission, Gate};
use crate::proxy::ProxyError;
use crate::proxy::error::ForwardError;
use crate::proxy::forward::{Forward, Forwarder, Payload};
use crate::rocketchat::SwapOut;
use crate::surface::scrub::Unreadable;
use crate::surface::{Answered, Login, MAX_ANSWER, Plan, Scrub};

/// A login on its way.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The downstream head.
    pub parts: &'a mut Parts,
    /// The client's address.
    pub client: IpAddr,
    /// What its body says.
    pub login: Login,
}

/// Logs in; `acting` is who the head said is acting, and afterwards who the claim says.
///
/// # Errors
/// [`ProxyError`].
pub async fn log_in(
    gate: &Gate,
    forwarder: &Forwarder,
    mut attempt: Attempt<'_>,
    acting: &mut Option<Admission>,
) -> Result<Response<Body>, ProxyError> {
    let known = acting.as_ref().map(|admission| &admission.admitted);
    let claimed = gate.admit_claim(&attempt.login.claim, known).await?;
    let admission = acting.insert(claimed);
    if let Some(answer) = once(gate, forwarder, &mut attempt, admission).await? {
        return Ok(answer);
    }
    let refreshed = gate.reject(admission).await;
    *admission = refreshed.map_err(ForwardError::Refresh)?;
    let answer = once(gate, forwarder, &mut attempt, admission).await?;
    // Fresh credentials refused at once: there is no third way.
    answer.ok_or_else(|| ForwardError::Scrub(Unreadable).into())
}

/// One try; `None` when Rocket.Chat refused the auth token.
async fn once(
    gate: &Gate,
    forwarder: &Forwarder,
    attempt: &mut Attempt<'_>,
    admission: &mut Admission,
) -> Result<Option<Response<Body>>, ProxyError> {
    let admitted = admission.admitted.clone();
    let auth_token = admitted.credentials.auth_token();
    let body = Bytes::from(attempt.login.with_token(auth_token.reveal()));
    let mut forward = Forward {
        parts: attempt.parts,
        admission: Some(admission),
        client: attempt.client,
        as_cookies: false,
        readable_answer: true,
        rewritten: Some(body.len()),
        began: Instant::now(),
    };
    let answer = forwarder.once(&mut forward, Payload::Whole(body)).await?;
    let (mut head, body) = answer.into_parts();
    match Scrub::plan(&head.headers) {
        Plan::Pass => return Ok(Some(Response::from_parts(head, body))),
        Plan::Refuse => return Err(ForwardError::Scrub(Unreadable).into()),
        Plan::Read => {}
    }
    let bytes = body.collect_up_to(MAX_ANSWER).await;
    let bytes = bytes.map_err(ForwardError::Answer)?;
    let stand_in = gate.sessions().stand_in(&admitted);
    let swap = SwapOut {
        credentials: &admitted.credentials,
        stand_in: stand_in.reveal(),
        expires_at: admitted.session.expires_at(),
    };
    let answered = attempt.login.answered(&bytes, &swap);
    let swapped = match answered.map_err(ForwardError::Scrub)? {
        Answered::Refused => return Ok(None),
        Answered::Swapped(swapped) => swapped,
    };
    // A tunnelled method's own refusal is inside; this one says that the headers were not taken.
    if head.status == StatusCode::UNAUTHORIZED && attempt.login.is_tunnelled() {
        return Ok(None);
    }
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(swapped.len()));
    head.headers.remove(header::ETAG);
    head.headers
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Some(Response::from_parts(head, Body::full(swapped))))
}

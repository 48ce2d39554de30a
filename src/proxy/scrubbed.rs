//! Answers that may hold secrets: collected, scrubbed, and sent on with a length that fits.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::proxy::error::ForwardError;
use crate::surface::scrub::Unreadable;
use crate::surface::{MAX_ANSWER, Plan, Scrub};

/// Scrubs an answer. One that cannot be read, though it should be, does not pass: it could hold what is looked for.
///
/// # Errors
/// [`ForwardError::Answer`], [`ForwardError::Scrub`].
pub async fn scrubbed(
    scrub: Scrub,
    answer: Response<Body>,
) -> Result<Response<Body>, ForwardError> {
    let (mut head, body) = answer.into_parts();
    // Not modified, or not for us: there is no body to read.
    if head.status == StatusCode::NOT_MODIFIED || head.status == StatusCode::NO_CONTENT {
        return Ok(Response::from_parts(head, body));
    }
    match Scrub::plan(&head.headers) {
        Plan::Pass => return Ok(Response::from_parts(head, body)),
        Plan::Refuse => return Err(Unreadable.into()),
        Plan::Read => {}
    }
    let bytes = body
        .collect_up_to(MAX_ANSWER)
        .await
        .map_err(ForwardError::Answer)?;
    let Some(cleaned) = scrub.clean(&bytes)? else {
        return Ok(Response::from_parts(head, Body::full(bytes)));
    };
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(cleaned.len()));
    // What names the old bytes does not name these.
    head.headers.remove(header::ETAG);
    Ok(Response::from_parts(head, Body::full(cleaned)))
}

//! The text of a beacon: what `navigator.sendBeacon` can say, which is cookies and a small body, but no header of a page's own.

use http::header;
use http::request::Parts;

use super::EndpointError;
use crate::body::{Body, Upload};

/// Most bytes of a text: a large JWT fits, and browsers send no more than four times as much.
const MAX_TEXT: usize = 16 * 1024;

/// What the body says; `None` when it says nothing, or is no plain text.
pub(super) async fn text(parts: &Parts, body: Upload) -> Result<Option<String>, EndpointError> {
    let is_text = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain"));
    if !is_text {
        return Ok(None);
    }
    let bytes = Body::limited(body, MAX_TEXT as u64)
        .collect_up_to(MAX_TEXT)
        .await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| EndpointError::Unreadable)?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

//! Two routes that are not RC's own, for tests and the bench: an echo and a stream. No rate limit.

use std::convert::Infallible;

use aws_lc_rs::digest;
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::json;

use crate::answers;
use crate::auth::Caller;
use crate::random;
use crate::state::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/gantry-test.echo", any(echo))
        .route("/api/v1/gantry-test.stream", get(chunks))
}

/// Who called with what; the body is digested as it comes and never held whole.
async fn echo(State(app): State<App>, caller: Caller, method: Method, mut body: Body) -> Response {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut length = 0_u64;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        if let Some(data) = frame.data_ref() {
            context.update(data);
            length += data.len() as u64;
        }
    }
    let username = app
        .state()
        .users
        .get(&caller.user_id)
        .map(|user| user.username.clone());
    answers::success(json!({
        "method": method.as_str(),
        "userId": caller.user_id,
        "username": username,
        "length": length,
        "sha256": random::hex(context.finish().as_ref()),
    }))
}

#[derive(Deserialize)]
struct Chunks {
    /// How many chunks.
    #[serde(default = "Chunks::eight")]
    chunks: u32,
    /// Bytes in each.
    #[serde(default = "Chunks::kibibyte")]
    size: usize,
}

impl Chunks {
    fn eight() -> u32 {
        8
    }

    fn kibibyte() -> usize {
        1024
    }
}

/// `?chunks=8&size=1024` of the letter `x`, each its own frame; at most 16 MiB in one frame.
async fn chunks(_caller: Caller, Query(wanted): Query<Chunks>) -> Response {
    let chunk = Bytes::from(vec![b'x'; wanted.size.min(16 << 20)]);
    let frames = (0..wanted.chunks).map(move |_| Ok::<_, Infallible>(chunk.clone()));
    Body::from_stream(stream::iter(frames)).into_response()
}

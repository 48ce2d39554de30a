//! The caller's own document (RC §2.3).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;

use crate::auth::Caller;
use crate::state::App;
use crate::{answers, documents};

pub(super) fn router() -> Router<App> {
    Router::new().route("/api/v1/me", get(me))
}

async fn me(State(app): State<App>, caller: Caller) -> Response {
    let state = app.state();
    let user = state.users.get(&caller.user_id);
    answers::success(user.map_or(Value::Null, documents::me))
}

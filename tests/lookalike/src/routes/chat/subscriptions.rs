//! The caller's own view of rooms: subscriptions and read marks.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::asked::Asked;
use crate::answers::{self, Refusal};
use crate::auth::Caller;
use crate::moment;
use crate::state::App;
use crate::talk;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/subscriptions.get", get(all))
        .route("/api/v1/subscriptions.getOne", get(one))
        .route("/api/v1/subscriptions.read", post(read))
}

async fn all(State(app): State<App>, caller: Caller, asked: Asked) -> Response {
    let after = asked.moment("updatedSince").unwrap_or(0);
    let mine = app.state().chat.subscriptions_of(&caller.user_id, after);
    answers::success(json!({"update": moment::to_rest(mine.into()), "remove": []}))
}

async fn one(State(app): State<App>, caller: Caller, asked: Asked) -> Result<Response, Refusal> {
    let room_id = asked
        .query("roomId")
        .ok_or_else(|| Refusal::failure("The 'roomId' param is required"))?;
    let state = app.state();
    let room = state.chat.room(room_id);
    let mine = room.and_then(|room| Some(room.subscription(room.membership(&caller.user_id)?)));
    let mine = mine.map_or(Value::Null, moment::to_rest);
    Ok(answers::success(json!({"subscription": mine})))
}

async fn read(State(app): State<App>, caller: Caller, asked: Asked) -> Result<Response, Refusal> {
    let room_id = asked
        .text("rid")
        .or_else(|| asked.text("roomId"))
        .ok_or_else(|| Refusal::invalid_params("must have required property 'rid'"))?;
    talk::read(&app, &caller.user_id, room_id)?;
    Ok(answers::success(json!({})))
}

//! Messages: say something, and ask what is new.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::asked::Asked;
use crate::answers::{self, MeteorError, Refusal};
use crate::auth::Caller;
use crate::chat::{self, Draft};
use crate::ddp;
use crate::moment;
use crate::state::App;
use crate::talk;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/chat.postMessage", post(post_message))
        .route("/api/v1/chat.sendMessage", post(send_message))
        .route("/api/v1/chat.syncMessages", get(sync))
        .route("/api/v1/chat.getMessage", get(message))
}

/// Says something in the room that `roomId` or `channel` names: an id, `#channel` or `@user`.
async fn post_message(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Some(named) = asked.text("roomId").or_else(|| asked.text("channel")) else {
        return Err(Refusal::invalid_params(
            "must have required property 'roomId' or 'channel'",
        ));
    };
    let key = match named.strip_prefix('@') {
        Some(username) => {
            let room = talk::direct(&app, &caller.user_id, &[username.to_owned()])?;
            room["_id"].as_str().unwrap_or_default().to_owned()
        }
        None => named.trim_start_matches('#').to_owned(),
    };
    let draft = Draft {
        text: asked.text("text").unwrap_or_default().to_owned(),
        thread: asked.text("tmid").map(str::to_owned),
        attachments: asked.body.get("attachments").cloned(),
        ..Draft::default()
    };
    let message =
        talk::post(&app, &caller.user_id, &key, draft).map_err(|error| no_channel(error, named))?;
    let (at, room) = (message["ts"]["$date"].clone(), message["rid"].clone());
    Ok(answers::success(
        json!({"ts": at, "channel": room, "message": moment::to_rest(message)}),
    ))
}

/// This route has its own words for a room that is not there.
fn no_channel(error: MeteorError, named: &str) -> MeteorError {
    if error.code() == chat::no_room().code() {
        return MeteorError::new("invalid-channel", "invalid-channel")
            .with_details(json!({"channel": named}));
    }
    error
}

async fn send_message(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Some(message @ Value::Object(_)) = asked.body.get("message") else {
        let reason = "The \"message\" parameter must be provided.";
        return Err(MeteorError::new("error-invalid-params", reason).into());
    };
    let said = ddp::send(&app, &caller.user_id, message)?;
    Ok(answers::success(json!({"message": moment::to_rest(said)})))
}

async fn sync(State(app): State<App>, caller: Caller, asked: Asked) -> Result<Response, Refusal> {
    let Some(room_id) = asked.query("roomId") else {
        let reason = "The required \"roomId\" query param is missing";
        return Err(MeteorError::new("error-param-required", reason).into());
    };
    let Some(after) = asked.query("lastUpdate") else {
        let reason = "The required \"lastUpdate\" query param is missing";
        return Err(MeteorError::new("error-param-required", reason).into());
    };
    let Some(after) = moment::parse_iso(after) else {
        let reason = "The \"lastUpdate\" query parameter must be a valid date";
        return Err(MeteorError::new("error-lastUpdate-param-invalid", reason).into());
    };
    let state = app.state();
    let room = state
        .chat
        .readable(room_id, Some(&caller.user_id))
        .ok_or_else(chat::no_room)?;
    let updated = moment::to_rest(state.chat.since(&room.id, after).into());
    Ok(answers::success(
        json!({"result": {"updated": updated, "deleted": []}}),
    ))
}

async fn message(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
) -> Result<Response, Refusal> {
    let id = asked
        .query("msgId")
        .ok_or_else(|| Refusal::invalid_params("must have required property 'msgId'"))?;
    let state = app.state();
    let found = state
        .chat
        .message(id, &caller.user_id)
        .map(chat::Message::to_json);
    let found = found.ok_or_else(|| Refusal::failure("Failed to get message"))?;
    Ok(answers::success(json!({"message": moment::to_rest(found)})))
}

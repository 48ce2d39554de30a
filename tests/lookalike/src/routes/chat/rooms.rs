//! Rooms one by one: look at them, open them, join them.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::asked::Asked;
use crate::answers::{self, MeteorError, Refusal};
use crate::auth::Caller;
use crate::chat::{self, RoomKind};
use crate::ddp;
use crate::moment;
use crate::state::App;
use crate::talk;

pub(super) fn router() -> Router<App> {
    let open =
        |kind: RoomKind| post(move |state, caller, asked| create(state, caller, asked, kind));
    let look = |kind: RoomKind| get(move |state, caller, asked| info(state, caller, asked, kind));
    Router::new()
        .route("/api/v1/rooms.get", get(rooms_get))
        .route("/api/v1/rooms.info", get(rooms_info))
        .route("/api/v1/channels.create", open(RoomKind::Channel))
        .route("/api/v1/groups.create", open(RoomKind::Group))
        .route("/api/v1/channels.info", look(RoomKind::Channel))
        .route("/api/v1/groups.info", look(RoomKind::Group))
        .route("/api/v1/channels.join", post(join))
        .route("/api/v1/channels.leave", post(leave))
        .route("/api/v1/im.create", post(direct))
        .route("/api/v1/dm.create", post(direct))
}

/// What an answer calls a room of the kind.
pub(super) fn noun(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Channel => "channel",
        RoomKind::Group => "group",
        RoomKind::Direct => "im",
    }
}

async fn rooms_get(State(app): State<App>, caller: Caller, asked: Asked) -> Response {
    let rooms = ddp::rooms(&app, &caller.user_id, asked.moment("updatedSince"));
    answers::success(json!({"update": moment::to_rest(rooms.into()), "remove": []}))
}

async fn rooms_info(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Some(key) = asked.query("roomId").or_else(|| asked.query("roomName")) else {
        let reason = "The parameter \"roomId\" or \"roomName\" is required";
        return Err(MeteorError::new("error-room-param-not-provided", reason).into());
    };
    let state = app.state();
    let room = state
        .chat
        .readable(key, Some(&caller.user_id))
        .ok_or_else(chat::no_room)?;
    let room = moment::to_rest(chat::titled(room, &caller.user_id));
    Ok(answers::success(json!({"room": room})))
}

async fn info(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    kind: RoomKind,
) -> Result<Response, Refusal> {
    let state = app.state();
    let room = asked.room(&state, &caller.user_id, kind)?.to_json();
    Ok(named(kind, room))
}

fn named(kind: RoomKind, room: Value) -> Response {
    answers::success(json!({noun(kind): moment::to_rest(room)}))
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    kind: RoomKind,
) -> Result<Response, Refusal> {
    let permission = if kind == RoomKind::Channel {
        "create-c"
    } else {
        "create-p"
    };
    if !caller.may(&app, permission) {
        return Err(Refusal::forbidden());
    }
    let name = asked
        .text("name")
        .ok_or_else(|| Refusal::failure("Body param \"name\" is required"))?;
    let room = talk::create(&app, &caller.user_id, kind, name, &asked.texts("members"))?;
    Ok(named(kind, room))
}

async fn join(State(app): State<App>, caller: Caller, asked: Asked) -> Result<Response, Refusal> {
    let room_id = asked
        .room(&app.state(), &caller.user_id, RoomKind::Channel)?
        .id
        .clone();
    let room = talk::join(&app, &caller.user_id, &room_id)?;
    Ok(named(RoomKind::Channel, room))
}

async fn leave(State(app): State<App>, caller: Caller, asked: Asked) -> Result<Response, Refusal> {
    let mut state = app.state();
    let room_id = asked
        .room(&state, &caller.user_id, RoomKind::Channel)?
        .id
        .clone();
    if !state.chat.leave(&room_id, &caller.user_id) {
        return Err(MeteorError::new("error-user-not-in-room", "You are not in this room").into());
    }
    let room = state
        .chat
        .room(&room_id)
        .map(chat::Room::to_json)
        .unwrap_or_default();
    Ok(named(RoomKind::Channel, room))
}

async fn direct(State(app): State<App>, caller: Caller, asked: Asked) -> Result<Response, Refusal> {
    if !caller.may(&app, "create-d") {
        return Err(Refusal::forbidden());
    }
    let names: Vec<String> = match (asked.text("username"), asked.text("usernames")) {
        (Some(one), None) => vec![one.to_owned()],
        (None, Some(several)) => several
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect(),
        _ => {
            let text = "must have required property 'username' or 'usernames'";
            return Err(Refusal::invalid_params(text));
        }
    };
    let mut room = talk::direct(&app, &caller.user_id, &names)?;
    room["rid"] = room["_id"].clone();
    Ok(answers::success(json!({"room": moment::to_rest(room)})))
}

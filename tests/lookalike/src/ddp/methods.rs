//! The methods that clients call, over DDP and tunnelled over REST alike (RC §6.5).
//!
//! Login and logout change the connection and so are the session's; those that make or end tokens
//! are in `token_methods`. An unknown method is refused with 404, as Meteor does.

use serde_json::{Value, json};

use super::token_methods;
use crate::answers::MeteorError;
use crate::chat::{self, Draft, RoomKind, Stretch};
use crate::moment::{self, Millis};
use crate::presence::{self, Status};
use crate::state::{App, Event};
use crate::talk;

/// Messages of one `loadHistory` when the client does not say how many, and at most.
const HISTORY: u64 = 20;
const LONGEST_HISTORY: u64 = 500;

/// Who is logged in on a connection or calls through the tunnel.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user_id: String,
    /// The token that the login used, as sent.
    pub(crate) token: String,
    /// The stored form of that token.
    pub(crate) hashed: String,
}

/// What a method returns: nothing (no `result` key) or a value.
pub(crate) type Returned = Result<Option<Value>, MeteorError>;

/// Runs a method.
pub(crate) fn call(app: &App, login: Option<&Login>, method: &str, params: &[Value]) -> Returned {
    if let "public-settings/get" | "public-settings:get" = method {
        return Ok(Some(public_settings(app)));
    }
    if !is_known(app, method) {
        return Err(MeteorError::new(
            404,
            format!("Method '{method}' not found"),
        ));
    }
    let Some(login) = login else {
        return Err(MeteorError::new("error-invalid-user", "Invalid user"));
    };
    if let Some(returned) = token_methods::call(app, login, method, params) {
        return returned;
    }
    called_by(app, &login.user_id, method, params)
}

const KNOWN: &[&str] = &[
    "rooms/get",
    "rooms:get",
    "subscriptions/get",
    "subscriptions:get",
    "permissions/get",
    "permissions:get",
    "getRoomByTypeAndName",
    "getRoomById",
    "getRoomIdByNameOrId",
    "getRoomRoles",
    "getUserRoles",
    "loadHistory",
    "loadMissedMessages",
    "sendMessage",
    "joinRoom",
    "createDirectMessage",
    "createChannel",
    "createPrivateGroup",
    "readMessages",
    "setUserStatus",
    "stream-notify-room",
];

fn is_known(app: &App, method: &str) -> bool {
    // Removed with 8.0 (RC §3.1).
    let gone = method == "createToken" && app.manner().is_8();
    KNOWN.contains(&method)
        || method.starts_with("UserPresence:")
        || (token_methods::NAMES.contains(&method) && !gone)
}

fn called_by(app: &App, user_id: &str, method: &str, params: &[Value]) -> Returned {
    let text = |at: usize| params.get(at).and_then(Value::as_str).unwrap_or_default();
    let after = || params.first().and_then(moment::from_client);
    match method {
        "rooms/get" | "rooms:get" => Ok(Some(listed(rooms(app, user_id, after()), after()))),
        "subscriptions/get" | "subscriptions:get" => {
            let all = app
                .state()
                .chat
                .subscriptions_of(user_id, after().unwrap_or(0));
            Ok(Some(listed(all, after())))
        }
        "permissions/get" | "permissions:get" => Ok(Some(permissions(app))),
        "getRoomByTypeAndName" => room_by_kind(app, user_id, (text(0), text(1))).map(Some),
        "getRoomById" => readable(app, user_id, text(0)).map(Some),
        "getRoomIdByNameOrId" => {
            readable(app, user_id, text(0)).map(|room| Some(room["_id"].clone()))
        }
        "getRoomRoles" | "getUserRoles" => Ok(Some(json!([]))),
        "loadHistory" => load_history(app, user_id, params).map(Some),
        "loadMissedMessages" => {
            let room = readable(app, user_id, text(0))?;
            let start = params.get(1).and_then(moment::from_client).unwrap_or(0);
            let id = room["_id"].as_str().unwrap_or_default();
            Ok(Some(app.state().chat.since(id, start).into()))
        }
        "sendMessage" => send(app, user_id, params.first().unwrap_or(&Value::Null)).map(Some),
        "joinRoom" => talk::join(app, user_id, text(0)).map(|_| Some(true.into())),
        "createDirectMessage" => {
            let names: Vec<String> = params
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            let room = talk::direct(app, user_id, &names)?;
            Ok(Some(json!({"rid": room["_id"], "t": "d"})))
        }
        "createChannel" => create(app, user_id, RoomKind::Channel, params).map(Some),
        "createPrivateGroup" => create(app, user_id, RoomKind::Group, params).map(Some),
        "readMessages" => talk::read(app, user_id, text(0)).map(|()| None),
        "stream-notify-room" => notify_room(app, user_id, params).map(|()| None),
        "setUserStatus" | "UserPresence:setDefaultStatus" => {
            set_status(app, user_id, params).map(|()| None)
        }
        // What is left of presence concerns the connection, and through the tunnel there is none.
        _ => Ok(None),
    }
}

/// A list whole, or what changed of it since a moment.
fn listed(all: Vec<Value>, after: Option<Millis>) -> Value {
    match after {
        Some(_) => json!({"update": all, "remove": []}),
        None => all.into(),
    }
}

/// The user's rooms that changed after a moment.
pub(crate) fn rooms(app: &App, user_id: &str, after: Option<Millis>) -> Vec<Value> {
    let state = app.state();
    let changed = |room: &&chat::Room| after.is_none_or(|moment| room.updated > moment);
    state
        .chat
        .rooms_of(user_id)
        .filter(changed)
        .map(|room| chat::titled(room, user_id))
        .collect()
}

/// What everybody may know of the settings.
pub(crate) fn public_settings(app: &App) -> Value {
    app.state()
        .settings
        .public()
        .map(|(id, value)| json!({"_id": id, "value": value}))
        .collect()
}

/// Which roles hold which permission.
pub(crate) fn permissions(app: &App) -> Value {
    app.state()
        .permissions
        .all()
        .map(|(id, roles)| json!({"_id": id, "roles": roles, "_updatedAt": moment::ejson(0)}))
        .collect()
}

fn readable(app: &App, user_id: &str, key: &str) -> Result<Value, MeteorError> {
    let state = app.state();
    let room = state
        .chat
        .readable(key, Some(user_id))
        .ok_or_else(invalid_room)?;
    Ok(chat::titled(room, user_id))
}

/// `getRoomByTypeAndName`: direct rooms go by the other's username or by the room's id.
fn room_by_kind(app: &App, user_id: &str, asked: (&str, &str)) -> Result<Value, MeteorError> {
    let (letter, name) = asked;
    let kind = RoomKind::of_letter(letter).ok_or_else(invalid_room)?;
    if kind == RoomKind::Direct && app.state().chat.room(name).is_none() {
        return talk::direct(app, user_id, &[name.to_owned()]).map_err(|_| invalid_room());
    }
    let room = readable(app, user_id, name)?;
    if room["t"] == kind.letter() {
        Ok(room)
    } else {
        Err(invalid_room())
    }
}

fn invalid_room() -> MeteorError {
    MeteorError::new("error-invalid-room", "Invalid room")
}

fn load_history(app: &App, user_id: &str, params: &[Value]) -> Result<Value, MeteorError> {
    let room = readable(
        app,
        user_id,
        params.first().and_then(Value::as_str).unwrap_or_default(),
    )?;
    let count = params
        .get(2)
        .and_then(Value::as_u64)
        .unwrap_or(HISTORY)
        .min(LONGEST_HISTORY);
    let stretch = Stretch {
        oldest: None,
        latest: params.get(1).and_then(moment::from_client),
        inclusive: false,
        offset: 0,
        count: usize::try_from(count).unwrap_or(usize::MAX),
    };
    let id = room["_id"].as_str().unwrap_or_default();
    let messages = app.state().chat.history(id, stretch);
    Ok(json!({"messages": messages, "unreadNotLoaded": 0}))
}

/// Says what a client's message object says; shared by `sendMessage` and `chat.sendMessage`.
pub(crate) fn send(app: &App, user_id: &str, message: &Value) -> Result<Value, MeteorError> {
    let text = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(room) = text("rid") else {
        return Err(MeteorError::new(
            "error-invalid-room",
            "The 'rid' property on the message object is missing.",
        ));
    };
    let draft = Draft {
        text: text("msg").unwrap_or_default(),
        id: text("_id"),
        thread: text("tmid"),
        attachments: message.get("attachments").cloned(),
        ..Draft::default()
    };
    talk::post(app, user_id, &room, draft)
}

fn create(
    app: &App,
    user_id: &str,
    kind: RoomKind,
    params: &[Value],
) -> Result<Value, MeteorError> {
    let name = params.first().and_then(Value::as_str).unwrap_or_default();
    let members: Vec<String> = params
        .get(1)
        .and_then(Value::as_array)
        .map(|all| {
            all.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default();
    let room = talk::create(app, user_id, kind, name, &members)?;
    Ok(json!({"rid": room["_id"], "name": room["name"]}))
}

/// `setUserStatus(status, text)`; either may be missing.
fn set_status(app: &App, user_id: &str, params: &[Value]) -> Result<(), MeteorError> {
    let text = |at: usize| params.get(at).and_then(Value::as_str);
    let status = text(0).map(|name| {
        Status::of_name(name)
            .ok_or_else(|| MeteorError::new("error-invalid-status", "Invalid status"))
    });
    presence::wish(app, user_id, status.transpose()?, text(1));
    Ok(())
}

/// Tells a room what a member is doing, e.g. typing; only under the member's own name.
fn notify_room(app: &App, user_id: &str, params: &[Value]) -> Result<(), MeteorError> {
    let name = params.first().and_then(Value::as_str).unwrap_or_default();
    let room_id = name.split('/').next().unwrap_or_default();
    let state = app.state();
    let member = state
        .chat
        .room(room_id)
        .and_then(|room| room.membership(user_id));
    let own_name = |member: &chat::Membership| {
        params.get(1).and_then(Value::as_str) == Some(member.person.username.as_str())
    };
    if !member.is_some_and(own_name) {
        return Err(MeteorError::new("not-allowed", ""));
    }
    let args = params.get(1..).unwrap_or_default().to_vec();
    talk::tell(
        app,
        Event::Noticed {
            name: name.to_owned(),
            args,
        },
    );
    Ok(())
}

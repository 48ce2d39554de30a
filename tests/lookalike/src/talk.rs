//! What users do in the chat, as REST and DDP both do it: change the state and tell the sockets.
//!
//! Sockets are told while the state is locked, so that they hear of things in the order in which
//! they happened.

use std::sync::Arc;

use serde_json::Value;

use crate::answers::MeteorError;
use crate::chat::{self, Draft, Person, Room, RoomKind};
use crate::state::{App, Event, State};

/// A message was said.
#[derive(Debug)]
pub(crate) struct Said {
    /// The room it happened in.
    pub(crate) room: String,
    /// The message, with EJSON dates.
    pub(crate) message: Value,
}

fn said(room: &str, message: Value) -> Arc<Said> {
    Arc::new(Said {
        room: room.to_owned(),
        message,
    })
}

/// The user as rooms know it.
pub(crate) fn person(state: &State, user_id: &str) -> Option<Person> {
    state.users.get(user_id).map(|user| Person {
        id: user.id.clone(),
        username: user.username.clone(),
        name: user.name.clone(),
    })
}

/// The user as rooms know it, by name.
pub(crate) fn person_named(state: &State, username: &str) -> Result<Person, MeteorError> {
    let user = state.users.find_username(username);
    user.and_then(|user| person(state, &user.id))
        .ok_or_else(|| MeteorError::new("error-invalid-user", "Invalid user"))
}

/// The acting user, who exists because a lookup found them a moment ago.
pub(crate) fn actor(state: &State, user_id: &str) -> Result<Person, MeteorError> {
    person(state, user_id).ok_or_else(|| MeteorError::new("error-invalid-user", "Invalid user"))
}

/// Says something; the message with EJSON dates.
pub(crate) fn post(
    app: &App,
    user_id: &str,
    room_id: &str,
    draft: Draft,
) -> Result<Value, MeteorError> {
    let now = app.clock.now_ms();
    let mut state = app.state();
    let author = actor(&state, user_id)?;
    let room = state
        .chat
        .readable(room_id, Some(user_id))
        .ok_or_else(chat::no_room)?;
    let room_id = room.id.clone();
    let message = state.chat.post(&room_id, &author, draft, now)?.to_json();
    tell(app, Event::Said(said(&room_id, message.clone())));
    Ok(message)
}

/// Joins a channel; groups and direct rooms are joined by invitation only.
pub(crate) fn join(app: &App, user_id: &str, room_key: &str) -> Result<Value, MeteorError> {
    let now = app.clock.now_ms();
    let mut state = app.state();
    let joiner = actor(&state, user_id)?;
    let room = state
        .chat
        .readable(room_key, Some(user_id))
        .ok_or_else(chat::no_room)?;
    let room_id = room.id.clone();
    if let Some(message) = state.chat.join(&room_id, &joiner, now)? {
        tell(app, Event::Said(said(&room_id, message.to_json())));
    }
    state
        .chat
        .room(&room_id)
        .map(Room::to_json)
        .ok_or_else(chat::no_room)
}

/// Puts a new user into the default channels, as `joinDefaultChannels` does (RC §4.1).
pub(crate) fn join_defaults(app: &App, state: &mut State, user_id: &str) {
    let Some(joiner) = person(state, user_id) else {
        return;
    };
    for message in state.chat.join_defaults(&joiner, app.clock.now_ms()) {
        tell(app, Event::Said(said(&message.room, message.to_json())));
    }
}

/// Opens a channel or group with members given by name; unknown names are left out, as RC does.
pub(crate) fn create(
    app: &App,
    user_id: &str,
    kind: RoomKind,
    name: &str,
    members: &[String],
) -> Result<Value, MeteorError> {
    let now = app.clock.now_ms();
    let mut state = app.state();
    let mut people = vec![actor(&state, user_id)?];
    people.extend(
        members
            .iter()
            .filter_map(|name| person_named(&state, name).ok()),
    );
    let room = state.chat.create(kind, name, &people, now)?;
    let (room_id, value) = (room.id.clone(), room.to_json());
    tell(app, Event::RoomOpened { room: room_id });
    Ok(value)
}

/// The direct room with the named users, opened if there is none.
pub(crate) fn direct(app: &App, user_id: &str, names: &[String]) -> Result<Value, MeteorError> {
    let now = app.clock.now_ms();
    let mut state = app.state();
    let mut people = vec![actor(&state, user_id)?];
    for name in names {
        let other = person_named(&state, name)?;
        if !people.contains(&other) {
            people.push(other);
        }
    }
    let room = state.chat.direct(&people, now)?;
    let (room_id, value) = (room.id.clone(), chat::titled(room, user_id));
    tell(app, Event::RoomOpened { room: room_id });
    Ok(value)
}

/// Marks a room as read.
pub(crate) fn read(app: &App, user_id: &str, room_id: &str) -> Result<(), MeteorError> {
    let now = app.clock.now_ms();
    let mut state = app.state();
    if state.chat.read(room_id, user_id, now) {
        let (room, user_id) = (room_id.to_owned(), user_id.to_owned());
        tell(app, Event::Read { room, user_id });
        return Ok(());
    }
    Err(MeteorError::new(
        "error-invalid-subscription",
        "Invalid subscription",
    ))
}

/// Tells the sockets; that nobody listens is the usual case.
pub(crate) fn tell(app: &App, event: Event) {
    let _ = app.events.send(event);
}

//! Subscriptions of one connection: which streams there are, who may hear them, what they send.
//!
//! RC §6.3. A stream is a collection that never holds anything: its events come as `changed`. What
//! a connection hears depends on its subscriptions and on the user as of now, so nothing has to be
//! sent to every member of a room.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::frame;
use crate::answers::MeteorError;
use crate::chat::{self, Room, RoomKind};
use crate::state::{App, Event, State};
use crate::talk::Said;

/// Subscriptions of one connection; the web client keeps about forty.
const MOST_SUBSCRIPTIONS: usize = 1_000;
/// All rooms of the user in one subscription.
const MY_MESSAGES: &str = "__my_messages__";
const ROOM_MESSAGES: &str = "stream-room-messages";
const NOTIFY_USER: &str = "stream-notify-user";
const NOTIFY_ROOM: &str = "stream-notify-room";
/// Streams that every user may hear, and publications that are always empty here.
const OPEN: &[&str] = &[
    "stream-notify-all",
    "stream-notify-logged",
    "stream-notify-room-users",
    "stream-roles",
    "stream-user-presence",
    "stream-apps",
    "stream-importers",
    "meteor.loginServiceConfiguration",
    "meteor_autoupdate_clientVersions",
    "activeUsers",
    "userData",
];

/// The subscriptions of one connection, by the client's id.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    by_id: BTreeMap<String, Subscription>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Subscription {
    stream: String,
    event: String,
}

impl Subscriptions {
    /// Begins a subscription; the message that answers it. An id already in use is ignored.
    pub(crate) fn begin(
        &mut self,
        app: &App,
        user_id: Option<&str>,
        asked: (&str, &str, &[Value]),
    ) -> Option<Value> {
        let (id, stream, params) = asked;
        if self.by_id.contains_key(id) {
            return None;
        }
        let event = params.first().and_then(Value::as_str).unwrap_or_default();
        let subscription = Subscription {
            stream: stream.to_owned(),
            event: event.to_owned(),
        };
        let refused = if self.by_id.len() >= MOST_SUBSCRIPTIONS {
            Err(MeteorError::new("too-many-subscriptions", ""))
        } else {
            allowed(&app.state(), user_id, &subscription)
        };
        if let Err(error) = refused {
            return Some(frame::nosub(id, Some(&error)));
        }
        self.by_id.insert(id.to_owned(), subscription);
        Some(frame::ready(id))
    }

    /// Ends a subscription.
    pub(crate) fn end(&mut self, id: &str) -> Value {
        self.by_id.remove(id);
        frame::nosub(id, None)
    }

    /// Looks at every subscription again after the user changed; those no longer allowed end.
    pub(crate) fn look_again(&mut self, app: &App, user_id: Option<&str>) -> Vec<Value> {
        let state = app.state();
        let mut ended = Vec::new();
        self.by_id.retain(
            |id, subscription| match allowed(&state, user_id, subscription) {
                Ok(()) => true,
                Err(error) => {
                    ended.push(frame::nosub(id, Some(&error)));
                    false
                }
            },
        );
        ended
    }

    fn hears(&self, stream: &str, event: &str) -> bool {
        self.by_id
            .values()
            .any(|known| known.stream == stream && known.event == event)
    }

    /// The messages that an event makes for this connection.
    pub(crate) fn hear(&self, app: &App, user_id: Option<&str>, event: &Event) -> Vec<Value> {
        let Some(user_id) = user_id else {
            return Vec::new();
        };
        if self.by_id.is_empty() {
            return Vec::new();
        }
        match event {
            Event::TokensRemoved { .. } => Vec::new(),
            Event::Noticed { name, args } => {
                let heard = self.hears(NOTIFY_ROOM, name);
                heard
                    .then(|| frame::event(NOTIFY_ROOM, name, args))
                    .into_iter()
                    .collect()
            }
            Event::RoomOpened { room } => {
                let state = app.state();
                let room = state.chat.room(room).filter(|room| room.holds(user_id));
                room.map(|room| self.about_room(room, user_id, "inserted"))
                    .unwrap_or_default()
            }
            Event::Said(said) => self.said(app, user_id, said),
        }
    }

    fn said(&self, app: &App, user_id: &str, said: &Said) -> Vec<Value> {
        let mut heard = Vec::new();
        if self.hears(ROOM_MESSAGES, &said.room) {
            heard.push(frame::event(
                ROOM_MESSAGES,
                &said.room,
                std::slice::from_ref(&said.message),
            ));
        }
        let state = app.state();
        let Some(room) = state
            .chat
            .room(&said.room)
            .filter(|room| room.holds(user_id))
        else {
            return heard;
        };
        if self.hears(ROOM_MESSAGES, MY_MESSAGES) {
            let about = json!({"roomParticipant": true, "roomType": room.kind.letter(),
                               "roomName": room.name});
            let args = [said.message.clone(), about];
            heard.push(frame::event(ROOM_MESSAGES, MY_MESSAGES, &args));
        }
        heard.extend(self.about_room(room, user_id, "updated"));
        heard.extend(self.notification(room, user_id, said));
        heard
    }

    /// The events of the user's own about a room.
    fn about_room(&self, room: &Room, user_id: &str, action: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        let name = format!("{user_id}/rooms-changed");
        if self.hears(NOTIFY_USER, &name) {
            let args = [json!(action), chat::titled(room, user_id)];
            heard.push(frame::event(NOTIFY_USER, &name, &args));
        }
        let name = format!("{user_id}/subscriptions-changed");
        let member = room
            .membership(user_id)
            .filter(|_| self.hears(NOTIFY_USER, &name));
        if let Some(member) = member {
            let args = [json!(action), room.subscription(member)];
            heard.push(frame::event(NOTIFY_USER, &name, &args));
        }
        heard
    }

    /// Desktop notifications: for direct messages and mentions by others.
    fn notification(&self, room: &Room, user_id: &str, said: &Said) -> Option<Value> {
        let name = format!("{user_id}/notification");
        let message = &said.message;
        let mentioned = || {
            message["mentions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|mention| mention["_id"] == user_id))
        };
        let wanted = message["u"]["_id"] != user_id
            && message.get("t").is_none()
            && (room.kind == RoomKind::Direct || mentioned());
        if !wanted || !self.hears(NOTIFY_USER, &name) {
            return None;
        }
        let args = [json!({
            "title": room.title_for(user_id).1, "text": message["msg"],
            "payload": {"_id": message["_id"], "rid": room.id, "sender": message["u"],
                        "type": room.kind.letter(), "message": {"msg": message["msg"]}},
        })];
        Some(frame::event(NOTIFY_USER, &name, &args))
    }
}

fn allowed(state: &State, user_id: Option<&str>, asked: &Subscription) -> Result<(), MeteorError> {
    let event = asked.event.as_str();
    let may_read = |key: &str| {
        state
            .chat
            .room(key)
            .is_some_and(|room| chat::may_read(room, user_id))
    };
    let allowed = match asked.stream.as_str() {
        ROOM_MESSAGES if event == MY_MESSAGES => user_id.is_some(),
        ROOM_MESSAGES => may_read(event),
        NOTIFY_ROOM => may_read(event.split('/').next().unwrap_or_default()),
        NOTIFY_USER => user_id.is_some_and(|id| event.split('/').next() == Some(id)),
        open if OPEN.contains(&open) => return Ok(()),
        unknown => {
            return Err(MeteorError::new(
                404,
                format!("Subscription '{unknown}' not found"),
            ));
        }
    };
    if allowed {
        Ok(())
    } else {
        Err(MeteorError::new("not-allowed", ""))
    }
}

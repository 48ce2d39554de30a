//! Subscriptions of one connection: which streams there are, who may hear them, what they send.
//!
//! RC §6.3. A stream is a collection that never holds anything: its events come as `changed`. What
//! a connection hears depends on its subscriptions and on the user as of now, so nothing has to be
//! sent to every member of a room.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::frame;
use crate::answers::MeteorError;
use crate::chat::{self, Room, RoomKind};
use crate::presence::SeenAs;
use crate::state::{App, Ear, Event, State};
use crate::talk::Said;

/// Subscriptions of one connection; the web client keeps about forty.
const MOST_SUBSCRIPTIONS: usize = 1_000;
/// People watched by one connection, those whom a screen shows many times over.
const MOST_WATCHED: usize = 1_000;
/// All rooms of the user in one subscription.
const MY_MESSAGES: &str = "__my_messages__";
const ROOM_MESSAGES: &str = "stream-room-messages";
const NOTIFY_USER: &str = "stream-notify-user";
const NOTIFY_ROOM: &str = "stream-notify-room";
const NOTIFY_LOGGED: &str = "stream-notify-logged";
const USER_PRESENCE: &str = "stream-user-presence";
/// The event of [`NOTIFY_LOGGED`] about everybody's presence.
const USER_STATUS: &str = "user-status";
/// Streams that every user may hear, and publications that are always empty here.
const OPEN: &[&str] = &[
    "stream-notify-all",
    "stream-notify-room-users",
    "stream-roles",
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
    /// Whose presence is watched, by user id; each subscription to [`USER_PRESENCE`] adds and removes some.
    watched: BTreeSet<String>,
}

#[derive(Debug)]
struct Subscription {
    stream: String,
    event: String,
    /// Held while events about people are wanted.
    _ear: Option<Ear>,
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
        let of_people = matches!(stream, NOTIFY_LOGGED | USER_PRESENCE)
            || (stream == NOTIFY_USER && event.ends_with("/userData"));
        let subscription = Subscription {
            stream: stream.to_owned(),
            event: event.to_owned(),
            _ear: of_people.then(|| app.ears.one()),
        };
        let refused = if self.by_id.len() >= MOST_SUBSCRIPTIONS {
            Err(MeteorError::new("too-many-subscriptions", ""))
        } else {
            allowed(&app.state(), user_id, &subscription)
        };
        if let Err(error) = refused {
            return Some(frame::nosub(id, Some(&error)));
        }
        if stream == USER_PRESENCE {
            self.watch(params.get(1).unwrap_or(&Value::Null));
        }
        self.by_id.insert(id.to_owned(), subscription);
        Some(frame::ready(id))
    }

    fn watch(&mut self, change: &Value) {
        let people = |key: &str| change[key].as_array().into_iter().flatten();
        for id in people("removed").filter_map(Value::as_str) {
            self.watched.remove(id);
        }
        let added = people("added").filter_map(Value::as_str);
        let room = MOST_WATCHED.saturating_sub(self.watched.len());
        self.watched.extend(added.take(room).map(str::to_owned));
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
            Event::Read { room, user_id: who } if who == user_id => {
                let state = app.state();
                let room = state.chat.room(room);
                room.and_then(|room| self.about_subscription(room, user_id, "updated"))
                    .into_iter()
                    .collect()
            }
            Event::Read { .. } => Vec::new(),
            Event::Seen(seen) => self.seen(seen),
            Event::UserChanged { user_id: who, diff } => {
                let name = format!("{who}/userData");
                let heard = who == user_id && self.hears(NOTIFY_USER, &name);
                let args = [json!({"type": "updated", "id": who, "diff": diff, "unset": {}})];
                heard
                    .then(|| frame::event(NOTIFY_USER, &name, &args))
                    .into_iter()
                    .collect()
            }
        }
    }

    fn seen(&self, seen: &SeenAs) -> Vec<Value> {
        let mut heard = Vec::new();
        if self.hears(NOTIFY_LOGGED, USER_STATUS) {
            heard.push(frame::event(NOTIFY_LOGGED, USER_STATUS, &[seen.for_all()]));
        }
        if self.watched.contains(&seen.user_id) {
            let args = [seen.for_watchers()];
            heard.push(frame::event(USER_PRESENCE, &seen.user_id, &args));
        }
        heard
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
        heard.extend(self.about_subscription(room, user_id, action));
        heard
    }

    /// The event about the user's own subscription to a room, unread count included.
    fn about_subscription(&self, room: &Room, user_id: &str, action: &str) -> Option<Value> {
        let name = format!("{user_id}/subscriptions-changed");
        let member = room
            .membership(user_id)
            .filter(|_| self.hears(NOTIFY_USER, &name))?;
        let args = [json!(action), room.subscription(member)];
        Some(frame::event(NOTIFY_USER, &name, &args))
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
        NOTIFY_LOGGED | USER_PRESENCE => user_id.is_some(),
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

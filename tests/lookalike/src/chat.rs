//! The chat of the workspace: rooms, who is in them, what was said, what was uploaded.
//!
//! Pure state: nothing here knows of HTTP or sockets, and time comes in as an argument. Rules are
//! those of a default workspace: channels are open to every user, groups and direct rooms to
//! their members. Everything is bounded: rooms, messages per room, bytes of uploads.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answers::MeteorError;
use crate::moment::Millis;
use crate::random;

pub(crate) use message::{Draft, Message, Person};
pub(crate) use room::{Membership, Room, RoomKind};
pub(crate) use upload::{Upload, Uploads, encoded};

mod message;
mod room;
mod upload;

/// The id of the default channel; its name is `general`.
pub(crate) const GENERAL: &str = "GENERAL";
/// Characters of one message, RC's `Message_MaxAllowedSize`.
const LONGEST_MESSAGE: usize = 5_000;
/// Rooms of one lookalike, far above what tests make.
const MOST_ROOMS: usize = 20_000;

/// The room does not exist, or the asker may not know that it does.
pub(crate) fn no_room() -> MeteorError {
    MeteorError::new(
        "error-room-not-found",
        "The required \"roomId\" or \"roomName\" param provided does not match any channel",
    )
}

/// A stretch of a room's history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    /// Only messages after this moment.
    pub(crate) oldest: Option<Millis>,
    /// Only messages before this moment.
    pub(crate) latest: Option<Millis>,
    /// Whether the two moments themselves belong to it.
    pub(crate) inclusive: bool,
    /// Newest messages left out.
    pub(crate) offset: usize,
    /// At most so many messages, the newest.
    pub(crate) count: usize,
}

/// Rooms, messages and uploads.
#[derive(Debug)]
pub(crate) struct Chat {
    rooms: BTreeMap<String, Room>,
    /// What was uploaded, with the bytes.
    pub(crate) uploads: Uploads,
    /// Exports of users' data by id: whose, and the bytes.
    pub(crate) exports: BTreeMap<String, (String, Bytes)>,
}

impl Chat {
    /// A workspace with the channel `general`.
    pub(crate) fn new(now: Millis) -> Self {
        let mut chat = Self {
            rooms: BTreeMap::new(),
            uploads: Uploads::default(),
            exports: BTreeMap::new(),
        };
        let mut general = Room::new(RoomKind::Channel, "general", now);
        general.id = GENERAL.to_owned();
        general.default = true;
        chat.rooms.insert(GENERAL.to_owned(), general);
        chat
    }

    /// A room by id.
    pub(crate) fn room(&self, id: &str) -> Option<&Room> {
        self.rooms.get(id)
    }

    /// A channel or group by name.
    pub(crate) fn named(&self, name: &str) -> Option<&Room> {
        self.rooms
            .values()
            .find(|room| room.kind != RoomKind::Direct && room.name == name)
    }

    /// A room that the user may read, by id or by name (RC's room lookups take either).
    pub(crate) fn readable(&self, key: &str, user_id: Option<&str>) -> Option<&Room> {
        self.room(key)
            .or_else(|| self.named(key))
            .filter(|room| may_read(room, user_id))
    }

    /// A message by id, in a room that the user may read.
    pub(crate) fn message(&self, id: &str, user_id: &str) -> Option<&Message> {
        let rooms = self
            .rooms
            .values()
            .filter(|room| may_read(room, Some(user_id)));
        rooms.into_iter().find_map(|room| room.message(id))
    }

    /// All public channels.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &Room> {
        self.rooms
            .values()
            .filter(|room| room.kind == RoomKind::Channel)
    }

    /// The rooms that the user belongs to.
    pub(crate) fn rooms_of<'a>(&'a self, user_id: &'a str) -> impl Iterator<Item = &'a Room> {
        self.rooms.values().filter(move |room| room.holds(user_id))
    }

    /// The user's subscriptions that changed after a moment (0 for all), with EJSON dates.
    pub(crate) fn subscriptions_of(&self, user_id: &str, after: Millis) -> Vec<Value> {
        self.rooms_of(user_id)
            .filter_map(|room| room.membership(user_id).map(|member| (room, member)))
            .filter(|(_, member)| member.updated > after)
            .map(|(room, member)| room.subscription(member))
            .collect()
    }

    /// Opens a channel or group with its members, of whom the first made it and owns it.
    pub(crate) fn create(
        &mut self,
        kind: RoomKind,
        name: &str,
        people: &[Person],
        now: Millis,
    ) -> Result<&Room, MeteorError> {
        let allowed = |symbol: char| symbol.is_ascii_alphanumeric() || "-_.".contains(symbol);
        if name.is_empty() || !name.chars().all(allowed) {
            let reason = format!("'{name}' is not a valid room name.");
            return Err(MeteorError::new("error-invalid-room-name", reason));
        }
        if self.named(name).is_some() {
            let reason = format!("A channel with name '{name}' exists");
            return Err(MeteorError::new("error-duplicate-channel-name", reason));
        }
        let mut room = Room::new(kind, name, now);
        room.creator = people.first().cloned();
        for person in people {
            room.enter(person, now);
        }
        let owner = people
            .first()
            .and_then(|person| room.members.get_mut(&person.id));
        if let Some(owner) = owner {
            owner.owner = true;
        }
        self.open(room)
    }

    /// The direct room between these people, opened if there is none. One person alone gets the
    /// room for notes to oneself.
    pub(crate) fn direct(&mut self, people: &[Person], now: Millis) -> Result<&Room, MeteorError> {
        let mut ids: Vec<&str> = people.iter().map(|person| person.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        // Rooms of two have an id made of both users' ids, so that both find the same room.
        let id = ids.concat();
        if self.rooms.contains_key(&id) {
            return self.room(&id).ok_or_else(no_room);
        }
        let mut room = Room::new(RoomKind::Direct, "", now);
        room.id = id;
        for person in people {
            room.enter(person, now);
        }
        self.open(room)
    }

    fn open(&mut self, room: Room) -> Result<&Room, MeteorError> {
        if self.rooms.len() >= MOST_ROOMS {
            return Err(MeteorError::new(
                "error-too-many-rooms",
                "This lookalike is full",
            ));
        }
        let id = room.id.clone();
        Ok(self.rooms.entry(id).or_insert(room))
    }

    /// Makes a user a member; the message of the system that says so, unless it already was one.
    pub(crate) fn join(
        &mut self,
        room_id: &str,
        person: &Person,
        now: Millis,
    ) -> Result<Option<Message>, MeteorError> {
        let room = self.rooms.get_mut(room_id).ok_or_else(no_room)?;
        if !room.enter(person, now) {
            return Ok(None);
        }
        let draft = Draft {
            system: Some("uj"),
            ..Draft::text(person.username.clone())
        };
        self.post(room_id, person, draft, now).map(Some)
    }

    /// Makes a user a member of every default channel.
    pub(crate) fn join_defaults(&mut self, person: &Person, now: Millis) -> Vec<Message> {
        let defaults: Vec<String> = self
            .channels()
            .filter(|room| room.default)
            .map(|room| room.id.clone())
            .collect();
        defaults
            .iter()
            .filter_map(|id| self.join(id, person, now).ok().flatten())
            .collect()
    }

    /// From now on new users join this channel by themselves.
    pub(crate) fn make_default(&mut self, room_id: &str, topic: &str) {
        if let Some(room) = self.rooms.get_mut(room_id) {
            room.default = true;
            topic.clone_into(&mut room.topic);
        }
    }

    /// Ends a membership. Whether there was one.
    pub(crate) fn leave(&mut self, room_id: &str, user_id: &str) -> bool {
        self.rooms
            .get_mut(room_id)
            .is_some_and(|room| room.members.remove(user_id).is_some())
    }

    /// Says something in a room. The author must be a member.
    pub(crate) fn post(
        &mut self,
        room_id: &str,
        author: &Person,
        draft: Draft,
        now: Millis,
    ) -> Result<Message, MeteorError> {
        let room = self.rooms.get_mut(room_id).ok_or_else(no_room)?;
        if !room.holds(&author.id) {
            return Err(MeteorError::new(
                "error-not-allowed",
                "You can't send messages because you are not a member",
            ));
        }
        if draft.text.chars().count() > LONGEST_MESSAGE {
            let reason = "Message size exceeds Message_MaxAllowedSize";
            return Err(MeteorError::new("error-message-size-exceeded", reason));
        }
        if draft.text.trim().is_empty() && draft.file.is_none() && draft.attachments.is_none() {
            return Err(MeteorError::new(
                "error-message-empty",
                "The message is empty",
            ));
        }
        let id = draft.id.clone().unwrap_or_else(random::id);
        if room.message(&id).is_some() {
            return Err(MeteorError::new(
                "error-message-exists",
                "A message with this id exists",
            ));
        }
        let mentions = room.mentioned(&draft.text);
        let author = author.clone();
        let room_id = room_id.to_owned();
        let message = Message {
            id,
            room: room_id,
            author,
            draft,
            mentions,
            at: now,
            updated: now,
        };
        room.keep(message.clone());
        room.count_unread(&message);
        Ok(message)
    }

    /// Marks a room as read by a user. Whether the user belongs to it.
    pub(crate) fn read(&mut self, room_id: &str, user_id: &str, now: Millis) -> bool {
        let member = self
            .rooms
            .get_mut(room_id)
            .and_then(|room| room.members.get_mut(user_id));
        let Some(member) = member else { return false };
        member.unread = 0;
        member.mentions = 0;
        member.last_seen = now;
        member.updated = now;
        true
    }

    /// Messages of a room, newest first, with EJSON dates.
    pub(crate) fn history(&self, room_id: &str, stretch: Stretch) -> Vec<Value> {
        let Some(room) = self.room(room_id) else {
            return Vec::new();
        };
        let after = |message: &&Message| {
            stretch.oldest.is_none_or(|oldest| {
                message.at > oldest || (stretch.inclusive && message.at == oldest)
            })
        };
        let before = |message: &&Message| {
            stretch.latest.is_none_or(|latest| {
                message.at < latest || (stretch.inclusive && message.at == latest)
            })
        };
        room.newest_first()
            .filter(before)
            .take_while(after)
            .skip(stretch.offset)
            .take(stretch.count)
            .map(Message::to_json)
            .collect()
    }

    /// Messages of a room written after a moment, oldest first, with EJSON dates.
    pub(crate) fn since(&self, room_id: &str, after: Millis) -> Vec<Value> {
        let Some(room) = self.room(room_id) else {
            return Vec::new();
        };
        let mut newer: Vec<Value> = room
            .newest_first()
            .take_while(|message| message.updated > after)
            .map(Message::to_json)
            .collect();
        newer.reverse();
        newer
    }
}

/// Whether a user may read a room: channels are open to every user, the rest to members. Nobody
/// reads without being a user (`Accounts_AllowAnonymousRead` is off).
pub(crate) fn may_read(room: &Room, user_id: Option<&str>) -> bool {
    user_id.is_some_and(|id| room.kind == RoomKind::Channel || room.holds(id))
}

/// What a list of rooms answers for one room and one reader: the room, with the reader's name for it.
pub(crate) fn titled(room: &Room, user_id: &str) -> Value {
    let mut value = room.to_json();
    if room.kind == RoomKind::Direct {
        let (_, full_name) = room.title_for(user_id);
        value["fname"] = json!(full_name);
    }
    value
}

#[cfg(test)]
mod tests;

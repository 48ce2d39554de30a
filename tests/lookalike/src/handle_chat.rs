//! The part of the handle about chatting: rooms, messages and exports, put in and looked at.

use bytes::Bytes;

use crate::chat::{Draft, RoomKind};
use crate::handle::Lookalike;
use crate::random;
use crate::talk;

/// A message as tests see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMessage {
    /// The author's username.
    pub username: String,
    /// The text.
    pub text: String,
}

impl Lookalike {
    /// Opens a public channel with these members, the first of whom owns it; its id.
    ///
    /// # Panics
    /// If the name is taken or no room name, or the first member does not exist.
    pub fn add_channel(&self, name: &str, members: &[&str]) -> String {
        self.add_room(RoomKind::Channel, name, members)
    }

    /// Opens a public channel that new users join by themselves, as `general` is; its id.
    ///
    /// # Panics
    /// As [`Lookalike::add_channel`].
    pub fn add_default_channel(&self, name: &str, topic: &str, owner: &str) -> String {
        let id = self.add_channel(name, &[owner]);
        self.app().state().chat.make_default(&id, topic);
        id
    }

    /// Makes a user a member of a channel named by id or name.
    ///
    /// # Panics
    /// If one of them does not exist.
    pub fn join(&self, username: &str, room: &str) {
        let user_id = self.id_of(username).expect("the user exists");
        talk::join(self.app(), &user_id, room).expect("the channel exists");
    }

    /// Opens a private group; otherwise as [`Lookalike::add_channel`].
    ///
    /// # Panics
    /// As [`Lookalike::add_channel`].
    pub fn add_group(&self, name: &str, members: &[&str]) -> String {
        self.add_room(RoomKind::Group, name, members)
    }

    /// Opens the direct room of two users; its id.
    ///
    /// # Panics
    /// If one of them does not exist.
    pub fn add_direct(&self, one: &str, other: &str) -> String {
        let user_id = self.id_of(one).expect("the user exists");
        let room = talk::direct(self.app(), &user_id, &[other.to_owned()]);
        let room = room.expect("the other user exists");
        room["_id"].as_str().unwrap_or_default().to_owned()
    }

    fn add_room(&self, kind: RoomKind, name: &str, members: &[&str]) -> String {
        let owner = members.first().and_then(|owner| self.id_of(owner));
        let owner = owner.expect("the room's owner exists");
        let others: Vec<String> = members
            .iter()
            .skip(1)
            .map(|name| (*name).to_owned())
            .collect();
        let room = talk::create(self.app(), &owner, kind, name, &others);
        let room = room.expect("the room's name is free and allowed");
        room["_id"].as_str().unwrap_or_default().to_owned()
    }

    /// Says something as a user, in a room named by id or name.
    ///
    /// # Panics
    /// If the user does not exist or is no member.
    pub fn say(&self, username: &str, room: &str, text: &str) {
        let user_id = self.id_of(username).expect("the user exists");
        talk::post(self.app(), &user_id, room, Draft::text(text)).expect("the user may say it");
    }

    /// What was said by people in a room named by id or name, oldest first.
    #[must_use]
    pub fn messages(&self, room: &str) -> Vec<SeenMessage> {
        let state = self.app().state();
        let Some(room) = state.chat.room(room).or_else(|| state.chat.named(room)) else {
            return Vec::new();
        };
        let said = room
            .newest_first()
            .filter(|message| message.draft.system.is_none());
        let mut seen: Vec<SeenMessage> = said
            .map(|message| SeenMessage {
                username: message.author.username.clone(),
                text: message.draft.text.clone(),
            })
            .collect();
        seen.reverse();
        seen
    }

    /// Puts in an export of a user's data, served at `/data-export/<id>`; the id.
    ///
    /// # Panics
    /// If the user does not exist.
    pub fn add_data_export(&self, username: &str, content: impl Into<Bytes>) -> String {
        let owner = self.id_of(username).expect("the user exists");
        let id = random::id();
        self.app()
            .state()
            .chat
            .exports
            .insert(id.clone(), (owner, content.into()));
        id
    }
}

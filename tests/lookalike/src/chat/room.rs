//! One room: who is in it, what was said, and how it is told to clients.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::message::{Message, Person};
use crate::moment::{Millis, ejson};
use crate::random;

/// Messages kept per room; the oldest go first, so that a bench cannot fill the memory.
pub(super) const MESSAGES_KEPT: usize = 5_000;

/// The kinds of rooms, as `t` tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoomKind {
    /// `c`: every user may read and join.
    Channel,
    /// `p`: members only.
    Group,
    /// `d`: between two (or more) users.
    Direct,
}

impl RoomKind {
    /// The letter of `t`.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::Channel => "c",
            Self::Group => "p",
            Self::Direct => "d",
        }
    }

    /// The kind for a letter of `t`.
    pub(crate) fn of_letter(letter: &str) -> Option<Self> {
        match letter {
            "c" => Some(Self::Channel),
            "p" => Some(Self::Group),
            "d" => Some(Self::Direct),
            _ => None,
        }
    }
}

/// A user's subscription to a room.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) id: String,
    pub(crate) person: Person,
    pub(crate) owner: bool,
    pub(crate) unread: u32,
    pub(crate) mentions: u32,
    pub(crate) since: Millis,
    pub(crate) last_seen: Millis,
    pub(crate) updated: Millis,
}

/// A room.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) kind: RoomKind,
    /// Empty for direct rooms: each side sees the other's name.
    pub(crate) name: String,
    pub(crate) topic: String,
    pub(crate) creator: Option<Person>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    /// All messages ever said, those no longer kept included.
    pub(crate) count: u64,
    /// Whether new users join it by themselves.
    pub(crate) default: bool,
    pub(super) members: BTreeMap<String, Membership>,
    pub(super) messages: VecDeque<Message>,
}

impl Room {
    pub(super) fn new(kind: RoomKind, name: &str, now: Millis) -> Self {
        Self {
            id: random::id(),
            kind,
            name: name.to_owned(),
            topic: String::new(),
            creator: None,
            created: now,
            updated: now,
            count: 0,
            default: false,
            members: BTreeMap::new(),
            messages: VecDeque::new(),
        }
    }

    /// Makes a user a member. Whether it was none before.
    pub(super) fn enter(&mut self, person: &Person, now: Millis) -> bool {
        if self.holds(&person.id) {
            return false;
        }
        let membership = Membership {
            id: random::id(),
            person: person.clone(),
            owner: false,
            unread: 0,
            mentions: 0,
            since: now,
            last_seen: now,
            updated: now,
        };
        self.members.insert(person.id.clone(), membership);
        true
    }

    /// Members whom a text names with `@`.
    pub(super) fn mentioned(&self, text: &str) -> Vec<Person> {
        let names: Vec<&str> = text
            .split_whitespace()
            .filter_map(|word| word.strip_prefix('@'))
            .map(|name| name.trim_end_matches([',', '.', ':', ';', '!', '?']))
            .collect();
        self.members()
            .map(|member| &member.person)
            .filter(|person| names.contains(&person.username.as_str()))
            .cloned()
            .collect()
    }

    /// Counts a message as unread for everybody but its author; those of the system count for nobody.
    pub(super) fn count_unread(&mut self, message: &Message) {
        for member in self.members.values_mut() {
            member.updated = message.at;
            if member.person.id == message.author.id {
                member.last_seen = message.at;
            } else if message.draft.system.is_none() {
                member.unread += 1;
                let named = message
                    .mentions
                    .iter()
                    .any(|person| person.id == member.person.id);
                member.mentions += u32::from(named);
            }
        }
    }

    /// Whether the user belongs to the room.
    pub(crate) fn holds(&self, user_id: &str) -> bool {
        self.members.contains_key(user_id)
    }

    /// Those who belong to the room, by user id.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Membership> {
        self.members.values()
    }

    /// The subscription of one user.
    pub(crate) fn membership(&self, user_id: &str) -> Option<&Membership> {
        self.members.get(user_id)
    }

    /// A kept message.
    pub(crate) fn message(&self, id: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.id == id)
    }

    /// Kept messages, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().rev()
    }

    pub(super) fn keep(&mut self, message: Message) {
        if self.messages.len() == MESSAGES_KEPT {
            self.messages.pop_front();
        }
        self.count += 1;
        self.updated = message.at;
        self.messages.push_back(message);
    }

    /// The room with EJSON dates.
    pub(crate) fn to_json(&self) -> Value {
        let mut room = json!({
            "_id": self.id, "t": self.kind.letter(), "ts": ejson(self.created),
            "msgs": self.count, "usersCount": self.members.len(), "_updatedAt": ejson(self.updated),
            "ro": false, "sysMes": true,
        });
        if self.kind == RoomKind::Direct {
            let people = || self.members.values().map(|member| &member.person);
            room["uids"] = people().map(|person| person.id.clone()).collect();
            room["usernames"] = people().map(|person| person.username.clone()).collect();
        } else {
            room["name"] = self.name.clone().into();
            room["fname"] = self.name.clone().into();
            room["default"] = self.default.into();
        }
        if !self.topic.is_empty() {
            room["topic"] = self.topic.clone().into();
        }
        if let Some(creator) = &self.creator {
            room["u"] = creator.to_json();
        }
        if let Some(last) = self.messages.back() {
            room["lm"] = ejson(last.at);
            room["lastMessage"] = last.to_json();
        }
        room
    }

    /// One member's subscription with EJSON dates.
    pub(crate) fn subscription(&self, member: &Membership) -> Value {
        let (name, full_name) = self.title_for(&member.person.id);
        let mut subscription = json!({
            "_id": member.id, "rid": self.id, "t": self.kind.letter(), "name": name,
            "fname": full_name, "u": member.person.to_json(), "open": true,
            "alert": member.unread > 0, "unread": member.unread, "userMentions": member.mentions,
            "groupMentions": 0, "ts": ejson(member.since), "ls": ejson(member.last_seen),
            "_updatedAt": ejson(member.updated),
        });
        if member.owner {
            subscription["roles"] = json!(["owner"]);
        }
        subscription
    }

    /// Name and full name of the room as one member sees it.
    pub(crate) fn title_for(&self, user_id: &str) -> (String, String) {
        if self.kind != RoomKind::Direct {
            return (self.name.clone(), self.name.clone());
        }
        let mut others: Vec<&Person> = self
            .members
            .values()
            .map(|member| &member.person)
            .filter(|person| person.id != user_id)
            .collect();
        if others.is_empty() {
            others = self.members.values().map(|member| &member.person).collect();
        }
        let join = |part: fn(&Person) -> &str| {
            others
                .iter()
                .map(|person| part(person))
                .collect::<Vec<_>>()
                .join(", ")
        };
        (join(|person| &person.username), join(|person| &person.name))
    }
}

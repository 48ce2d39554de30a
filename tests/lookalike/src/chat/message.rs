//! One message of a room, and who wrote it.

use serde_json::{Value, json};

use crate::moment::{Millis, ejson};

/// A user as rooms and messages remember them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) name: String,
}

impl Person {
    /// The `u` of rooms, subscriptions and messages.
    pub(crate) fn to_json(&self) -> Value {
        json!({"_id": self.id, "username": self.username, "name": self.name})
    }
}

/// What somebody wants to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// The text; may be empty only with a file.
    pub(crate) text: String,
    /// The id that the client chose, if it did.
    pub(crate) id: Option<String>,
    /// The message this one answers in a thread.
    pub(crate) thread: Option<String>,
    /// `attachments`, passed through as they came.
    pub(crate) attachments: Option<Value>,
    /// The uploaded file's `{_id, name, type, size}`.
    pub(crate) file: Option<Value>,
    /// Set on messages of the system, e.g. `uj` for "has joined the channel".
    pub(crate) system: Option<&'static str>,
}

impl Draft {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// A message as it stands in its room.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) room: String,
    pub(crate) author: Person,
    pub(crate) draft: Draft,
    /// Those of the room who are named with `@` in the text.
    pub(crate) mentions: Vec<Person>,
    pub(crate) at: Millis,
    pub(crate) updated: Millis,
}

impl Message {
    /// The message with EJSON dates.
    pub(crate) fn to_json(&self) -> Value {
        let mentions: Vec<Value> = self
            .mentions
            .iter()
            .map(|person| {
                let mut mention = person.to_json();
                mention["type"] = "user".into();
                mention
            })
            .collect();
        let mut message = json!({
            "_id": self.id, "rid": self.room, "msg": self.draft.text, "ts": ejson(self.at),
            "u": self.author.to_json(), "_updatedAt": ejson(self.updated),
            "urls": [], "mentions": mentions, "channels": [],
        });
        if let Some(system) = self.draft.system {
            message["t"] = system.into();
            message["groupable"] = false.into();
            return message;
        }
        message["md"] = json!([{"type": "PARAGRAPH",
                                "value": [{"type": "PLAIN_TEXT", "value": self.draft.text}]}]);
        if let Some(thread) = &self.draft.thread {
            message["tmid"] = thread.clone().into();
        }
        if let Some(attachments) = &self.draft.attachments {
            message["attachments"] = attachments.clone();
        }
        if let Some(file) = &self.draft.file {
            message["file"] = file.clone();
            message["files"] = json!([file]);
        }
        message
    }
}

//! What a client says in one DDP message, read just far enough to judge it (RC §6.3).
//!
//! Rocket.Chat reads the same text with JavaScript and EJSON. Where that could see another message than we do (a key twice, a
//! name that is no string, a key that EJSON would turn into another), it is refused. Nothing is built from what is not needed: parts
//! that are ignored need only be JSON.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a message may nest; those of Rocket.Chat's clients stay below twenty.
const MAX_DEPTH: usize = 64;

/// A client's message, by what must be known of it.
#[derive(Debug)]
pub(in crate::ddp) enum Said<'a> {
    /// The first message, which opens the DDP session.
    Connect,
    /// A method call.
    Method(Call<'a>),
    /// A subscription.
    Sub(Call<'a>),
    /// Anything else: nothing that Rocket.Chat does in a user's name.
    Other,
}

/// A method or subscription.
#[derive(Debug)]
pub(in crate::ddp) struct Call<'a> {
    /// Its name, escapes undone.
    pub(in crate::ddp) name: Cow<'a, str>,
    /// Its id as it was written; a string, if it is a method's.
    pub(in crate::ddp) id: Option<&'a RawValue>,
    /// Its parameters as they were written; well-formed JSON.
    pub(in crate::ddp) params: Option<&'a RawValue>,
}

/// A message that is not understood without doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) enum Unread {
    Message,
    Method,
    Sub,
}

impl Unread {
    /// What Meteor says of such a message.
    pub(in crate::ddp) fn reason(self) -> &'static str {
        match self {
            Self::Message => "Parse error",
            Self::Method => "Malformed method invocation",
            Self::Sub => "Malformed subscription",
        }
    }
}

/// Reads a message.
pub(in crate::ddp) fn read(text: &str) -> Result<Said<'_>, Unread> {
    if !is_shallow(text.as_bytes()) {
        return Err(Unread::Message);
    }
    let keys: Keys<'_> = serde_json::from_str(text).map_err(|_| Unread::Message)?;
    let kind = match keys.kind {
        Some(kind) => Some(string(kind).ok_or(Unread::Message)?),
        None => None,
    };
    match kind.as_deref() {
        Some("method") => keys.method().map(Said::Method).ok_or(Unread::Method),
        Some("sub") => keys.sub().map(Said::Sub).ok_or(Unread::Sub),
        other => {
            keys.names().ok_or(Unread::Message)?;
            Ok(if other == Some("connect") {
                Said::Connect
            } else {
                Said::Other
            })
        }
    }
}

/// The text of a raw JSON string; `None` when it is another thing, or no text (a lone surrogate).
pub(in crate::ddp) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get();
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Does it nest no deeper than allowed? One pass over the bytes, so that a text made to nest costs no stack.
fn is_shallow(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut index = 0;
    while let Some(byte) = text.get(index) {
        index += 1;
        match byte {
            b'"' => index = behind_string(text, index),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

/// Where the string ends whose first character stands at `index`.
fn behind_string(text: &[u8], mut index: usize) -> usize {
    while let Some(found) = text
        .get(index..)
        .and_then(|rest| memchr2(b'"', b'\\', rest))
    {
        index += found + 1;
        if text[index - 1] == b'"' {
            return index;
        }
        index += 1;
    }
    text.len()
}

/// The top level, as far as it matters.
#[derive(Default)]
struct Keys<'a> {
    kind: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
}

impl<'a> Keys<'a> {
    /// `method` and `name`, strings where they are. JavaScript takes `["login"]` for `login` when it looks a name up.
    fn names(&self) -> Option<[Option<Cow<'a, str>>; 2]> {
        let text = |raw: Option<&'a RawValue>| match raw {
            Some(raw) => string(raw).map(Some),
            None => Some(None),
        };
        Some([text(self.method)?, text(self.name)?])
    }

    fn method(&self) -> Option<Call<'a>> {
        let [method, _] = self.names()?;
        let call = self.call(method)?;
        call.id?.get().starts_with('"').then_some(call)
    }

    fn sub(&self) -> Option<Call<'a>> {
        let [_, name] = self.names()?;
        self.call(name)
    }

    fn call(&self, name: Option<Cow<'a, str>>) -> Option<Call<'a>> {
        Some(Call {
            name: name.filter(|name| !name.is_empty())?,
            id: self.id,
            params: self.params,
        })
    }
}

enum Key {
    Kind,
    Method,
    Name,
    Id,
    Params,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key of a message")
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<Key, E> {
                match key {
                    "msg" => Ok(Key::Kind),
                    "method" => Ok(Key::Method),
                    "name" => Ok(Key::Name),
                    "id" => Ok(Key::Id),
                    "params" => Ok(Key::Params),
                    // The streamer reads the whole message as EJSON, which makes other keys of these, and copies key by key, so
                    // that a `__proto__` lends the copy a method's name that we never saw.
                    key if key.starts_with('$') || key == "__proto__" => {
                        Err(E::custom("a key that becomes another"))
                    }
                    _ => Ok(Key::Other),
                }
            }
        }
        deserializer.deserialize_identifier(Text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Keys<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Keys<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'de>, A::Error> {
                let mut keys = Keys::default();
                while let Some(key) = map.next_key()? {
                    let slot = match key {
                        Key::Kind => &mut keys.kind,
                        Key::Method => &mut keys.method,
                        Key::Name => &mut keys.name,
                        Key::Id => &mut keys.id,
                        Key::Params => &mut keys.params,
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if slot.replace(map.next_value()?).is_some() {
                        return Err(de::Error::custom("a key twice"));
                    }
                }
                Ok(keys)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests;

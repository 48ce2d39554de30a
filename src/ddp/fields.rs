//! A JSON object whose values stay as they were written, so that what is not changed keeps every byte.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::ddp::{message, sockjs};

/// Keys and raw values in their order. An object that has a key twice is not read.
#[derive(Debug)]
pub(in crate::ddp) struct Fields<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    pub(in crate::ddp) fn read(text: &'a str) -> Option<Self> {
        let read: Read<'a> = serde_json::from_str(text).ok()?;
        Some(read.0)
    }

    /// The raw value of a key.
    pub(in crate::ddp) fn raw(&self, key: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(name, _)| name == key)?;
        Some(value)
    }

    /// The value of a key that holds a string.
    pub(in crate::ddp) fn string(&self, key: &str) -> Option<Cow<'_, str>> {
        let raw: &RawValue = serde_json::from_str(self.raw(key)?).ok()?;
        message::string(raw)
    }

    /// Puts a raw value in the place of a key's, or at the end.
    pub(in crate::ddp) fn set(&mut self, key: &'static str, value: String) {
        let value = Cow::Owned(value);
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, place)) => *place = value,
            None => self.0.push((Cow::Borrowed(key), value)),
        }
    }

    /// The only key, if there is but one, and its value.
    pub(in crate::ddp) fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [(key, _)] => Some(key),
            _ => None,
        }
    }

    pub(in crate::ddp) fn write(&self) -> String {
        let mut text = String::from("{");
        for (index, (key, value)) in self.0.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&sockjs::quote(key));
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        text
    }
}

struct Read<'a>(Fields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Read<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Read<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read<'de>, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value: &'de RawValue = map.next_value()?;
                    if fields.iter().any(|(name, _)| *name == key) {
                        return Err(de::Error::custom("a key twice"));
                    }
                    fields.push((Cow::Owned(key), Cow::Borrowed(value.get())));
                }
                Ok(Read(Fields(fields)))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_keeps_its_form_and_order() {
        let mut fields = Fields::read(r#"{"b": 1.50e400 , "a":"\ud800", "c":[ ]}"#).unwrap();
        fields.set("a", "2".to_owned());
        fields.set("d", "3".to_owned());
        assert_eq!(fields.write(), r#"{"b":1.50e400,"a":2,"c":[ ],"d":3}"#);
    }

    #[test]
    fn a_key_twice_or_no_object_is_not_read() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, "[]", "1", ""] {
            assert!(Fields::read(text).is_none(), "{text}");
        }
    }
}

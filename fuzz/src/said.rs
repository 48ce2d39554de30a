//! What Rocket.Chat makes of a DDP message, read with every key it holds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The pairs of an object in their order, none dropped.
pub(crate) struct Pairs(Vec<(String, Box<RawValue>)>);

impl Pairs {
    /// Reads a text; nothing that is not one JSON object passes.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of a key, which must stand there once at most: of two, readers may take either.
    pub(crate) fn one(&self, key: &str) -> Option<&RawValue> {
        let mut found = self.0.iter().filter(|(name, _)| name == key);
        let first = found.next();
        assert!(found.next().is_none(), "{key} stands there twice");
        first.map(|(_, value)| &**value)
    }

    /// The value of a key that can only be a string: JavaScript takes `["login"]` for `login`.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let value = self.one(key)?.get();
        let text = serde_json::from_str(value);
        Some(text.unwrap_or_else(|_| panic!("{key} is no string: {value}")))
    }

    /// No key may become another: EJSON undoes `$escape`, and a copied `__proto__` lends what we never saw.
    pub(crate) fn assert_plain_keys(&self) {
        for (key, _) in &self.0 {
            assert!(!key.starts_with('$') && key != "__proto__", "the key {key}");
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

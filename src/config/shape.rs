//! What may stand where: the schema of the file, read once into a form that values can be held against.
//!
//! The schema comes from the file's own types, so it cannot say anything else than they do.

use serde_json::Value;

use super::key::Key;

/// What a key may hold.
pub(super) enum Shape {
    /// Named keys and no others.
    Keys(Vec<(String, Self)>),
    /// Names of the writer's choice.
    Map(Box<Self>),
    List(Box<Self>),
    /// Any scalar, read as written; so no message has cause to repeat one, be it a secret or not.
    Text,
    Switch,
    /// A whole number within bounds.
    Integer {
        least: u64,
        most: u64,
    },
    Number,
    /// One of these words.
    Word(Vec<String>),
    /// Anything: values of claims.
    Any,
}

impl Shape {
    /// Reads a schema that has its definitions inlined.
    pub(super) fn of(schema: &Value) -> Self {
        if let Some(words) = words(schema) {
            return Self::Word(words);
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            return Self::Keys(
                properties
                    .iter()
                    .map(|(name, schema)| (name.clone(), Self::of(schema)))
                    .collect(),
            );
        }
        // Optional parts are written as "this or null".
        if let Some(parts) = schema.get("anyOf").and_then(Value::as_array) {
            let part = parts
                .iter()
                .find(|part| part.get("type") != Some(&Value::from("null")));
            return part.map_or(Self::Any, Self::of);
        }
        match kind(schema) {
            Some("object") => Self::Map(Box::new(
                schema
                    .get("additionalProperties")
                    .map_or(Self::Any, Self::of),
            )),
            Some("array") => Self::List(Box::new(schema.get("items").map_or(Self::Any, Self::of))),
            Some("string") => Self::Text,
            Some("boolean") => Self::Switch,
            Some("integer") => Self::Integer {
                least: schema.get("minimum").and_then(Value::as_u64).unwrap_or(0),
                most: schema
                    .get("maximum")
                    .and_then(Value::as_u64)
                    .unwrap_or(u64::MAX),
            },
            Some("number") => Self::Number,
            _ => Self::Any,
        }
    }

    /// Collects every key below this one that lies below a section and outside of lists.
    pub(super) fn keys(&self, at: &Key, found: &mut Vec<Key>) {
        let Self::Keys(keys) = self else {
            return;
        };
        for (name, shape) in keys {
            let key = at.field(name);
            shape.keys(&key, found);
            if !at.as_str().is_empty() {
                found.push(key);
            }
        }
    }

    /// What stands below `name`, when this has named keys.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        let Self::Keys(keys) = self else {
            return None;
        };
        keys.iter()
            .find(|(key, _)| key == name)
            .map(|(_, shape)| shape)
    }

    /// For messages: what would be right.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Keys(_) => "a map of keys".to_owned(),
            Self::Map(_) => "a map such as {name: value}".to_owned(),
            Self::List(_) => "a list such as [a, b]".to_owned(),
            Self::Text => "a single text".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Integer {
                least,
                most: u64::MAX,
            } => format!("a whole number from {least}"),
            Self::Integer { least, most } => format!("a whole number from {least} to {most}"),
            Self::Number => "a number".to_owned(),
            Self::Word(words) => match words.as_slice() {
                [word] => word.clone(),
                [firsts @ .., last] => format!("{} or {last}", firsts.join(", ")),
                [] => "nothing".to_owned(),
            },
            Self::Any => "a value".to_owned(),
        }
    }
}

/// The schema's type, leaving out that it may be null.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        // Text takes any scalar as written, so it wins over what else is possible.
        Value::Array(kinds) => {
            let mut kinds = kinds
                .iter()
                .filter_map(Value::as_str)
                .filter(|kind| *kind != "null");
            let first = kinds.next();
            if kinds.any(|kind| kind == "string") {
                Some("string")
            } else {
                first
            }
        }
        _ => None,
    }
}

/// The words of an enumeration, numbers among them as they are written; each once.
fn words(schema: &Value) -> Option<Vec<String>> {
    let listed = schema
        .get("enum")
        .and_then(Value::as_array)
        .map(|words| words.iter().collect());
    let described = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .map(|choices| {
            choices
                .iter()
                .filter_map(|choice| choice.get("const"))
                .collect::<Vec<_>>()
        });
    let values: Vec<&Value> = listed.or(described)?;
    let mut words: Vec<String> = Vec::new();
    for value in values.into_iter().filter(|value| !value.is_null()) {
        let word = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Some(words)
}

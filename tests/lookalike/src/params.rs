//! Bodies as RC reads them, and the schemas it checks them by (RC §1.4).

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::answers::Refusal;
use crate::state::App;

/// The body's fields. Only `application/json` is read; any other body counts as empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(pub(crate) Map<String, Value>);

impl FromRequest<App> for Params {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        let is_json = content_type.is_some_and(|value| value.starts_with("application/json"));
        let body = Bytes::from_request(request, app).await;
        let body = body.map_err(|_| Refusal::failure("Invalid body"))?;
        if !is_json || body.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(Refusal::failure("Invalid JSON")),
        }
    }
}

impl Params {
    /// A field that is a text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// A field that is true or false.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.0.get(key).and_then(Value::as_bool)
    }
}

/// What a field must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A text of at least one character.
    Filled,
    Flag,
    Texts,
    Object,
}

/// A schema with `additionalProperties:false`: its fields, and which are required.
pub(crate) struct Schema {
    pub(crate) required: &'static [(&'static str, Kind)],
    pub(crate) optional: &'static [(&'static str, Kind)],
}

impl Schema {
    /// Checks the fields and coerces their types as RC's validator does.
    pub(crate) fn check(&self, params: Params) -> Result<Params, Refusal> {
        let mut fields = params.0;
        for (key, _) in self.required {
            if !fields.contains_key(*key) {
                let text = format!("must have required property '{key}'");
                return Err(Refusal::invalid_params(&text));
            }
        }
        for (key, value) in &mut fields {
            let known = self
                .required
                .iter()
                .chain(self.optional)
                .find(|(known, _)| known == key);
            let Some((_, kind)) = known else {
                return Err(Refusal::invalid_params(
                    "must NOT have additional properties",
                ));
            };
            let coerced = coerce(value.take(), *kind);
            *value = coerced.map_err(|must| Refusal::invalid_params(&format!("{key} {must}")))?;
        }
        Ok(Params(fields))
    }
}

fn coerce(value: Value, kind: Kind) -> Result<Value, &'static str> {
    match (kind, value) {
        (Kind::Filled, Value::String(text)) if text.is_empty() => {
            Err("must NOT have fewer than 1 characters")
        }
        (Kind::Text | Kind::Filled, Value::String(text)) => Ok(Value::String(text)),
        (Kind::Text, Value::Null) => Ok(Value::from("")),
        (Kind::Text | Kind::Filled, scalar @ (Value::Bool(_) | Value::Number(_))) => {
            Ok(Value::String(scalar.to_string()))
        }
        (Kind::Text | Kind::Filled, _) => Err("must be string"),
        (Kind::Flag, Value::Bool(flag)) => Ok(Value::Bool(flag)),
        (Kind::Flag, Value::Null) => Ok(Value::Bool(false)),
        (Kind::Flag, Value::String(text)) if text == "true" => Ok(Value::Bool(true)),
        (Kind::Flag, Value::String(text)) if text == "false" => Ok(Value::Bool(false)),
        (Kind::Flag, Value::Number(number)) if number.as_i64() == Some(1) => Ok(Value::Bool(true)),
        (Kind::Flag, Value::Number(number)) if number.as_i64() == Some(0) => Ok(Value::Bool(false)),
        (Kind::Flag, _) => Err("must be boolean"),
        (Kind::Texts, Value::Array(entries)) => {
            let texts = entries.into_iter().map(|entry| coerce(entry, Kind::Text));
            texts.collect::<Result<_, _>>().map(Value::Array)
        }
        (Kind::Texts, scalar @ Value::String(_)) => Ok(Value::Array(vec![scalar])),
        (Kind::Texts, _) => Err("must be array"),
        (Kind::Object, object @ Value::Object(_)) => Ok(object),
        (Kind::Object, _) => Err("must be object"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Kind, Params, Schema};

    const SCHEMA: Schema = Schema {
        required: &[("id", Kind::Filled)],
        optional: &[
            ("on", Kind::Flag),
            ("roles", Kind::Texts),
            ("more", Kind::Object),
        ],
    };

    #[test]
    fn rc_4_1_unknown_keys_are_refused_and_types_are_coerced() {
        let check = |body: Value, expected: Option<Value>| {
            let Value::Object(fields) = body.clone() else {
                panic!("{body} is no object")
            };
            let checked = SCHEMA
                .check(Params(fields))
                .ok()
                .map(|params| Value::Object(params.0));
            assert_eq!(checked, expected, "{body}");
        };
        check(json!({"id": "a"}), Some(json!({"id": "a"})));
        check(
            json!({"id": 7, "on": "true"}),
            Some(json!({"id": "7", "on": true})),
        );
        check(
            json!({"id": "a", "roles": "user"}),
            Some(json!({"id": "a", "roles": ["user"]})),
        );
        check(json!({}), None);
        check(json!({"id": ""}), None);
        check(json!({"id": "a", "extra": 1}), None);
        check(json!({"id": "a", "on": "yes"}), None);
        check(json!({"id": "a", "more": []}), None);
    }
}

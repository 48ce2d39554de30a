//! DDP messages: those of the client read strictly, those of the server built.
//!
//! RC §6.3. Reading never fails silently: a text that is not a message, or a message of the wrong
//! form, becomes the protocol error that Meteor answers, with the offending message in it.

use serde_json::{Map, Value, json};

use crate::answers::MeteorError;

/// The versions of DDP that the server knows, the best first.
pub(crate) const VERSIONS: [&str; 3] = ["1", "pre2", "pre1"];

/// A message of the client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// The first message of a connection.
    Connect {
        version: String,
        support: Vec<String>,
    },
    /// A method call.
    Method {
        id: String,
        method: String,
        params: Vec<Value>,
    },
    /// A subscription.
    Sub {
        id: String,
        name: String,
        params: Vec<Value>,
    },
    /// The end of a subscription.
    Unsub { id: String },
    /// A request for a sign of life, with the id to answer.
    Ping { id: Option<Value> },
    /// A sign of life.
    Pong,
}

/// A text that is no message, with what Meteor answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Malformed {
    reason: &'static str,
    offending: Option<Value>,
}

impl Malformed {
    pub(crate) fn new(reason: &'static str, offending: Option<Value>) -> Self {
        Self { reason, offending }
    }

    /// The `error` message for it.
    pub(crate) fn answer(&self) -> Value {
        let mut answer = json!({"msg": "error", "reason": self.reason});
        if let Some(offending) = &self.offending {
            answer["offendingMessage"] = offending.clone();
        }
        answer
    }
}

/// Reads one text as JSON with a `msg` in it.
pub(crate) fn parse(text: &str) -> Result<Value, Malformed> {
    let value: Value =
        serde_json::from_str(text).map_err(|_| Malformed::new("Parse error", None))?;
    match value.get("msg") {
        Some(Value::String(msg)) if !msg.is_empty() => Ok(value),
        _ => Err(Malformed::new("Bad request", Some(value))),
    }
}

/// Reads one parsed message.
pub(crate) fn read(value: &Value) -> Result<Incoming, Malformed> {
    let malformed = |reason| Malformed::new(reason, Some(value.clone()));
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let params = || match value.get("params") {
        None => Some(Vec::new()),
        Some(Value::Array(params)) => Some(params.clone()),
        Some(_) => None,
    };
    match value.get("msg").and_then(Value::as_str) {
        Some("connect") => Ok(Incoming::Connect {
            version: text("version").unwrap_or_default(),
            support: value
                .get("support")
                .and_then(Value::as_array)
                .map(|all| {
                    all.iter()
                        .filter_map(Value::as_str)
                        .map(ToOwned::to_owned)
                        .collect()
                })
                .unwrap_or_default(),
        }),
        Some("method") => match (text("id"), text("method"), params()) {
            (Some(id), Some(method), Some(params)) => Ok(Incoming::Method { id, method, params }),
            _ => Err(malformed("Malformed method invocation")),
        },
        Some("sub") => match (text("id"), text("name"), params()) {
            (Some(id), Some(name), Some(params)) => Ok(Incoming::Sub { id, name, params }),
            _ => Err(malformed("Malformed subscription")),
        },
        Some("unsub") => match text("id") {
            Some(id) => Ok(Incoming::Unsub { id }),
            None => Err(malformed("Malformed unsubscription")),
        },
        Some("ping") => Ok(Incoming::Ping {
            id: value.get("id").cloned(),
        }),
        Some("pong") => Ok(Incoming::Pong),
        _ => Err(malformed("Bad request")),
    }
}

/// The error object of RC §6.3 for what a method or a subscription is refused with.
pub(crate) fn error_object(error: &MeteorError) -> Value {
    let mut object = Map::new();
    object.insert("isClientSafe".to_owned(), true.into());
    object.insert("error".to_owned(), error.error.clone());
    if error.reason.is_empty() {
        object.insert("message".to_owned(), format!("[{}]", error.code()).into());
    } else {
        object.insert("reason".to_owned(), error.reason.clone().into());
        object.insert("message".to_owned(), error.message().into());
    }
    if let Some(details) = &error.details {
        object.insert("details".to_owned(), (**details).clone());
    }
    object.insert("errorType".to_owned(), "Meteor.Error".into());
    Value::Object(object)
}

/// The result of a method; a method that returns nothing has no `result` key.
pub(crate) fn result(id: &str, outcome: Result<Option<Value>, MeteorError>) -> Value {
    let mut message = json!({"msg": "result", "id": id});
    match outcome {
        Ok(Some(value)) => message["result"] = value,
        Ok(None) => {}
        Err(error) => message["error"] = error_object(&error),
    }
    message
}

/// The writes of a method are done.
pub(crate) fn updated(id: &str) -> Value {
    json!({"msg": "updated", "methods": [id]})
}

/// A subscription is ready.
pub(crate) fn ready(id: &str) -> Value {
    json!({"msg": "ready", "subs": [id]})
}

/// A subscription has ended, by the client's wish or with an error.
pub(crate) fn nosub(id: &str, error: Option<&MeteorError>) -> Value {
    let mut message = json!({"msg": "nosub", "id": id});
    if let Some(error) = error {
        message["error"] = error_object(error);
    }
    message
}

/// An event of a stream.
pub(crate) fn event(stream: &str, event_name: &str, args: &[Value]) -> Value {
    json!({"msg": "changed", "collection": stream, "id": "id",
           "fields": {"eventName": event_name, "args": args}})
}

/// A sign of life in answer to `ping`.
pub(crate) fn pong(id: Option<Value>) -> Value {
    let mut message = json!({"msg": "pong"});
    if let Some(id) = id {
        message["id"] = id;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Incoming, Malformed> {
        read(&parse(text)?)
    }

    #[test]
    fn messages_are_read_with_blanks_and_in_any_key_order() {
        let call = read_text(r#"{ "params" : [1], "id": "1", "method": "m" , "msg":"method"}"#);
        let expected = Incoming::Method {
            id: "1".to_owned(),
            method: "m".to_owned(),
            params: vec![1.into()],
        };
        assert_eq!(call.unwrap(), expected);
        assert_eq!(
            read_text(r#"{"msg":"ping"}"#).unwrap(),
            Incoming::Ping { id: None }
        );
    }

    #[test]
    fn malformed_messages_say_what_offended() {
        let cases = [
            ("{", "Parse error"),
            ("7", "Bad request"),
            (r#"{"a":1}"#, "Bad request"),
            (r#"{"msg":"dance"}"#, "Bad request"),
            (
                r#"{"msg":"method","id":1,"method":"m"}"#,
                "Malformed method invocation",
            ),
            (
                r#"{"msg":"method","id":"1"}"#,
                "Malformed method invocation",
            ),
            (
                r#"{"msg":"sub","id":"1","name":"n","params":{}}"#,
                "Malformed subscription",
            ),
        ];
        for (text, reason) in cases {
            let answer = read_text(text).unwrap_err().answer();
            assert_eq!(answer["reason"], reason, "{text}");
        }
    }

    #[test]
    fn an_error_has_its_code_in_the_message() {
        let error = error_object(&MeteorError::new(403, "No."));
        assert_eq!(error["message"], "No. [403]");
        assert_eq!(error["error"], 403);
        assert_eq!(
            error_object(&MeteorError::new("not-allowed", ""))["message"],
            "[not-allowed]"
        );
    }

    #[test]
    fn a_method_without_a_value_answers_without_the_key() {
        assert_eq!(result("9", Ok(None)), json!({"msg": "result", "id": "9"}));
        assert_eq!(result("9", Ok(Some(Value::Null)))["result"], Value::Null);
        assert!(result("9", Ok(Some(Value::Null))).get("result").is_some());
    }
}

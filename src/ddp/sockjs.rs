//! SockJS around DDP messages (RC §6.1): a client's frame is a JSON array of strings, Rocket.Chat's a letter with one behind it.
//!
//! The SockJS server takes an array only when the bracket is the first character; with a blank before it the whole array would
//! become one text. Such a frame is broken here.

use serde_json::value::RawValue;

use crate::ddp::Violation;
use crate::ddp::message;

/// Messages in one frame. Clients send one, or a handful that waited for the connection; each may cost an answer of ours that is
/// longer than itself.
const MOST: usize = 1024;

/// The raw messages in a client's frame, which is not empty.
pub(in crate::ddp) fn from_client(frame: &str) -> Result<Vec<&RawValue>, Violation> {
    let messages: Vec<&RawValue> = match frame.as_bytes().first() {
        Some(b'[') => serde_json::from_str(frame),
        Some(b'"') => serde_json::from_str(frame).map(|message| vec![message]),
        _ => return Err(Violation::SockJs),
    }
    .map_err(|_| Violation::SockJs)?;
    let sound = messages.len() <= MOST && messages.iter().all(|raw| raw.get().starts_with('"'));
    if sound {
        Ok(messages)
    } else {
        Err(Violation::SockJs)
    }
}

/// The messages in a frame of Rocket.Chat's, raw; `None` for a frame of another kind.
pub(in crate::ddp) fn from_server(frame: &str) -> Result<Option<Vec<&RawValue>>, Violation> {
    let Some(messages) = frame.strip_prefix('a') else {
        return Ok(None);
    };
    let messages: Vec<&RawValue> =
        serde_json::from_str(messages).map_err(|_| Violation::ServerUnreadable)?;
    if messages.iter().all(|raw| message::string(raw).is_some()) {
        Ok(Some(messages))
    } else {
        Err(Violation::ServerUnreadable)
    }
}

/// A frame for Rocket.Chat around raw messages.
pub(in crate::ddp) fn to_server<'a>(messages: impl IntoIterator<Item = &'a str>) -> String {
    let mut frame = String::from("[");
    join(&mut frame, messages);
    frame
}

/// A frame for the client around raw messages.
pub(in crate::ddp) fn to_client<'a>(messages: impl IntoIterator<Item = &'a str>) -> String {
    let mut frame = String::from("a[");
    join(&mut frame, messages);
    frame
}

/// A message as it stands in a frame.
pub(in crate::ddp) fn quote(message: &str) -> String {
    serde_json::Value::from(message).to_string()
}

fn join<'a>(frame: &mut String, messages: impl IntoIterator<Item = &'a str>) {
    for (index, message) in messages.into_iter().enumerate() {
        if index > 0 {
            frame.push(',');
        }
        frame.push_str(message);
    }
    frame.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(frame: &str) -> Option<Vec<&str>> {
        let messages = from_client(frame).ok()?;
        Some(messages.iter().map(|raw| raw.get()).collect())
    }

    #[test]
    fn a_clients_frame_is_an_array_of_strings_or_one_string() {
        assert_eq!(raw(r#"["a", "\"b"]"#), Some(vec!["\"a\"", r#""\"b""#]));
        assert_eq!(raw("\"a\""), Some(vec!["\"a\""]));
        assert_eq!(raw("[]"), Some(vec![]));
        for broken in [
            " [\"a\"]",
            "[[\"a\"]]",
            "[1]",
            "[null]",
            "{}",
            "a",
            "[\"a\"",
            "[\"a\"] x",
            " \"a\"",
            "[{\"msg\":\"ping\"}]",
        ] {
            assert_eq!(raw(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_frame_does_not_hold_thousands_of_messages() {
        let frame = |count: usize| to_server(vec!["\"\""; count]);
        assert!(from_client(&frame(MOST)).is_ok());
        assert_eq!(from_client(&frame(MOST + 1)).err(), Some(Violation::SockJs));
    }

    #[test]
    fn only_arrays_of_rocket_chats_hold_messages() {
        for other in ["o", "h", "c[3000,\"Go away!\"]", "", "m\"x\""] {
            assert!(from_server(other).unwrap().is_none(), "{other}");
        }
        assert_eq!(from_server(r#"a["x","y"]"#).unwrap().unwrap().len(), 2);
        for broken in ["a", "a[1]", "a[\"x\"", "a\"x\"", r#"a["\ud800"]"#] {
            assert!(from_server(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn our_messages_are_quoted_as_javascript_does() {
        let message = "{\"a\":\"\u{8}\u{1f}\\ü\u{2028}\"}";
        let frame = to_client([quote(message).as_str()]);
        assert_eq!(frame, "a[\"{\\\"a\\\":\\\"\\b\\u001f\\\\ü\u{2028}\\\"}\"]");
    }
}

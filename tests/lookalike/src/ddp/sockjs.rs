//! SockJS framing of WebSocket messages: what Meteor's web client wraps around DDP.
//!
//! RC §6.1: the server opens with `o`, wraps frames as `a["…"]`, beats with `h` and closes with
//! `c[3000,"Go away!"]`; the client sends a JSON array of strings (or, as the SockJS protocol
//! allows, one JSON string). An empty message is ignored; anything else is broken framing, on
//! which the socket is closed, as SockJS does.

use std::time::Duration;

/// The frame that opens a SockJS session.
pub(crate) const OPEN: &str = "o";
/// The frame that says the session is alive.
pub(crate) const HEARTBEAT: &str = "h";
/// The frame that ends a SockJS session.
pub(crate) const GO_AWAY: &str = r#"c[3000,"Go away!"]"#;
/// How long between heartbeats: Meteor's own setting, chosen below the 55 s of common balancers.
pub(crate) const HEARTBEAT_EVERY: Duration = Duration::from_secs(45);

/// How DDP texts are laid into WebSocket messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `/websocket`: one DDP text per message.
    Raw,
    /// `/sockjs/<nnn>/<id>/websocket`: arrays of DDP texts.
    SockJs,
}

/// A message that is not SockJS framing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BrokenFraming;

impl Framing {
    /// One DDP text as a WebSocket message.
    pub(crate) fn wrap(self, text: &str) -> String {
        match self {
            Self::Raw => text.to_owned(),
            Self::SockJs => format!("a[{}]", escape(text)),
        }
    }

    /// The DDP texts in a WebSocket message from the client.
    pub(crate) fn unwrap_message(self, message: &str) -> Result<Vec<String>, BrokenFraming> {
        if self == Self::Raw {
            return Ok(vec![message.to_owned()]);
        }
        if message.is_empty() {
            return Ok(Vec::new());
        }
        if message.starts_with('[') {
            return serde_json::from_str(message).map_err(|_| BrokenFraming);
        }
        serde_json::from_str(message)
            .map(|text| vec![text])
            .map_err(|_| BrokenFraming)
    }
}

/// A JSON string in which the code points that SockJS calls unsafe are escaped as well, since
/// browsers mangle some of them on the way.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push('"');
    for symbol in text.chars() {
        match symbol {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            unsafe_one if is_unsafe(unsafe_one) => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(unsafe_one)));
            }
            plain => escaped.push(plain),
        }
    }
    escaped.push('"');
    escaped
}

fn is_unsafe(symbol: char) -> bool {
    matches!(symbol,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{600}'..='\u{604}' | '\u{70f}'
        | '\u{17b4}' | '\u{17b5}' | '\u{200c}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
}

/// Whether `/sockjs/<server>/<session>/…` names a SockJS session: neither part may be empty or
/// hold a dot.
pub(crate) fn is_session_path(server: &str, session: &str) -> bool {
    let fits = |part: &str| !part.is_empty() && !part.contains('.');
    fits(server) && fits(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_messages_pass_as_they_are() {
        assert_eq!(
            Framing::Raw.wrap("{\"msg\":\"ping\"}"),
            "{\"msg\":\"ping\"}"
        );
        assert_eq!(Framing::Raw.unwrap_message("[").unwrap(), ["["]);
    }

    #[test]
    fn what_is_wrapped_is_read_back() {
        for text in ["", "plain", "\"\\\n\u{2028}\u{0}é", "🚀 and [\"a\"]"] {
            let wrapped = Framing::SockJs.wrap(text);
            let inner = wrapped.strip_prefix('a').unwrap();
            assert_eq!(Framing::SockJs.unwrap_message(inner).unwrap(), [text]);
            assert!(!wrapped.chars().any(is_unsafe), "{wrapped:?}");
        }
    }

    #[test]
    fn an_array_holds_several_texts_and_a_string_holds_one() {
        let framing = Framing::SockJs;
        assert_eq!(framing.unwrap_message(r#"["a","b"]"#).unwrap(), ["a", "b"]);
        assert_eq!(framing.unwrap_message(r#""a""#).unwrap(), ["a"]);
        assert!(framing.unwrap_message("").unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_broken_framing() {
        for message in ["{}", "[1]", "[\"a\"", "a[\"a\"]", "null", "7"] {
            assert_eq!(
                Framing::SockJs.unwrap_message(message),
                Err(BrokenFraming),
                "{message}"
            );
        }
    }

    #[test]
    fn parts_of_a_session_path_are_neither_empty_nor_dotted() {
        assert!(is_session_path("000", "abcdefgh"));
        assert!(!is_session_path("", "abcdefgh"));
        assert!(!is_session_path("000", "a.b"));
    }
}

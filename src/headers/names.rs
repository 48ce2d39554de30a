//! Names of cookies and query parameters that must not pass, and the one comparison with what a client wrote.
//!
//! Escapes are undone as often as they were put, quotes, blanks and brackets around a name are nothing, and what is bracketed
//! behind it (`access_token[$ne]`, CVE-2026-29198) is still that name. In doubt a name is taken.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// How many layers of percent escapes are undone. Rocket.Chat undoes one; whoever writes more than this means no good.
const LAYERS: usize = 4;

/// A set of names, kept in normal form.
#[derive(Clone, Debug)]
pub struct Names(Vec<Box<[u8]>>);

impl Names {
    /// Rocket.Chat's credential cookies (RC §7.1), and ours besides: the JWT's, if it may stand in one.
    #[must_use]
    pub fn cookies<'a>(ours: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(["rc_uid", "rc_token"].into_iter().chain(ours))
    }

    /// Rocket.Chat's credential parameters (RC §9, §13.1), and ours besides: the JWT's, if it may stand in one.
    #[must_use]
    pub fn parameters<'a>(ours: impl IntoIterator<Item = &'a str>) -> Self {
        let known = ["rc_uid", "rc_token", "access_token", "resumeToken"];
        Self::new(known.into_iter().chain(ours))
    }

    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(
            names
                .map(|name| name.bytes().map(super::normal_byte).collect::<Box<[u8]>>())
                .filter(|name| !name.is_empty())
                .collect(),
        )
    }

    /// Is this spelling one of the names?
    #[must_use]
    pub fn take(&self, spelled: &[u8]) -> bool {
        let mut text = Cow::Borrowed(spelled);
        for _ in 0..LAYERS {
            if self.take_plain(&text) {
                return true;
            }
            if !text.contains(&b'%') {
                return false;
            }
            let decoded: Vec<u8> = percent_decode(&text).collect();
            if decoded.len() == text.len() {
                return false;
            }
            text = Cow::Owned(decoded);
        }
        true
    }

    fn take_plain(&self, text: &[u8]) -> bool {
        let start = text.iter().position(u8::is_ascii_alphanumeric);
        let Some(text) = start.and_then(|start| text.get(start..)) else {
            return false;
        };
        self.0.iter().any(|name| {
            super::starts_with_name(text, name)
                && text.get(name.len()).is_none_or(|next| ends_name(*next))
        })
    }
}

/// Bytes that cannot continue a name: behind one of these the rest is an index, a blank, a quote, but no longer the name.
fn ends_name(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spelled: &str, expected: bool) {
        let names = Names::parameters(["host.jwt"]);
        assert_eq!(names.take(spelled.as_bytes()), expected, "{spelled:?}");
    }

    #[test]
    fn spellings_of_a_name_are_that_name() {
        for spelled in [
            "rc_token",
            "RC_TOKEN",
            "rc-token",
            "rc.token",
            " rc_token ",
            "\"rc_token\"",
            "[rc_token]",
            "rc_token[]",
            "rc_token[$ne]",
            "access_token[$gt][x]",
            "access_token.x",
            "resumetoken",
            "%72c_token",
            "rc%5Ftoken",
            "rc%5ftoken%5B%5D",
            "rc%255Ftoken",
            "rc_token%00",
            "rc_token%20",
            "%20rc_token",
            "rc+token",
            "host.jwt",
            "HOST_JWT",
            "?rc_uid",
        ] {
            check(spelled, true);
        }
    }

    #[test]
    fn other_names_are_not_taken() {
        for spelled in [
            "",
            "=",
            "rc",
            "rc_rid",
            "rc_room_type",
            "rc_tokens",
            "rc_token_hint",
            "xrc_token",
            "rc__token",
            "token",
            "host",
            "100%",
            "%zz",
            "%E4%BD%A0",
        ] {
            check(spelled, false);
        }
    }

    #[test]
    fn a_name_behind_too_many_layers_is_taken() {
        check("%25252525252572", true);
    }

    #[test]
    fn an_empty_configured_name_takes_nothing() {
        assert!(!Names::cookies([""]).take(b""));
        assert!(!Names::cookies([""]).take(b"theme"));
    }
}

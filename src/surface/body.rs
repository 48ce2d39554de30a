//! Bodies that are judged: how large they may be, and the proof that Rocket.Chat will read the same text as we do.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};

use super::Denial;

/// Bytes of a body that is judged. Rocket.Chat's clients send every DDP method this way, the largest being texts of some
/// kilobytes and images as data URLs; above this a client uses the upload routes, which are not judged.
pub const MAX_BODY: usize = 1024 * 1024;

/// How deep a judged body may nest; DDP calls of Rocket.Chat's clients stay below twenty.
const MAX_DEPTH: usize = 64;

/// Refuses a body that Rocket.Chat would not read as the JSON text that we see: compressed, in another charset, or declared to
/// be something else. A text can be JSON and a form at once, with another method in each.
pub(super) fn check_coding(headers: &HeaderMap, body: &[u8]) -> Result<(), Denial> {
    if body.len() > MAX_BODY {
        return Err(Denial::TooLarge);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let readable = !headers.contains_key(CONTENT_ENCODING)
        && types.next().is_some_and(is_json_in_utf8)
        && types.next().is_none();
    if readable {
        Ok(())
    } else {
        Err(Denial::Unreadable)
    }
}

fn is_json_in_utf8(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| {
        parameter.is_empty()
            || ["charset=utf-8", "charset=\"utf-8\"", "charset=utf8"]
                .iter()
                .any(|charset| parameter.eq_ignore_ascii_case(charset))
    })
}

/// Is the JSON text an object, and nested no deeper than allowed? Nothing is built for the answer, so a text made to blow up
/// a tree costs one pass over its bytes.
pub(super) fn is_shallow_object(text: &[u8]) -> bool {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                bytes.next();
            }
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(&'static str, &'static str)], expected: Result<(), Denial>) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        assert_eq!(check_coding(&headers, b"{}"), expected, "{fields:?}");
    }

    #[test]
    fn only_plain_json_in_utf8_is_read() {
        check(&[("content-type", "application/json")], Ok(()));
        check(
            &[("content-type", "Application/JSON; charset=UTF-8")],
            Ok(()),
        );
        let refused: &[&[(&str, &str)]] = &[
            &[],
            &[("content-type", "text/plain")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "multipart/form-data; boundary=x")],
            &[("content-type", "application/json; charset=utf-16")],
            &[(
                "content-type",
                "application/json; charset=utf-8; charset=utf-16",
            )],
            &[
                ("content-type", "application/json"),
                ("content-type", "text/plain"),
            ],
            &[
                ("content-type", "application/json"),
                ("content-encoding", "gzip"),
            ],
            &[
                ("content-type", "application/json"),
                ("content-encoding", "identity"),
            ],
        ];
        for fields in refused {
            check(fields, Err(Denial::Unreadable));
        }
    }

    #[test]
    fn a_large_body_is_refused_before_it_is_read() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        assert_eq!(check_coding(&headers, &vec![b' '; MAX_BODY]), Ok(()));
        assert_eq!(
            check_coding(&headers, &vec![b' '; MAX_BODY + 1]),
            Err(Denial::TooLarge)
        );
    }

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_shallow_object(nested(MAX_DEPTH - 1).as_bytes()));
        assert!(!is_shallow_object(nested(MAX_DEPTH).as_bytes()));
        assert!(!is_shallow_object(nested(1_000_000).as_bytes()));
        let text = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(1000));
        assert!(is_shallow_object(text.as_bytes()));
        assert!(is_shallow_object(b" \n{}"));
        assert!(!is_shallow_object(b"[]"));
        assert!(!is_shallow_object(b"\xef\xbb\xbf{}"));
        assert!(!is_shallow_object(b""));
    }
}

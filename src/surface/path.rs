//! The one normal form of a request's path: what every rule is matched against, and nothing else is.
//!
//! A path that two readers could understand differently is refused, not mended (CVE-2026-33494); what is accepted goes upstream
//! exactly as it came. Queries and fragments are no part of it (CVE-2025-54576, GHSA-pxq7-h93f-9jrg).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// How many further layers of percent escapes are undone before a denial is looked up. Rocket.Chat undoes one in all.
const LAYERS: usize = 4;

/// A path that has one meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalPath<'a> {
    decoded: Cow<'a, str>,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It does not begin with `/`, or it carries a query or a fragment.
    #[error("the path is not an absolute path alone")]
    NotAPath,
    /// A `%` without two hexadecimal digits.
    #[error("the path holds a broken percent escape")]
    BrokenEscape,
    /// Escapes that stand for no UTF-8 text.
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// A control character, escaped or not.
    #[error("the path holds a control character")]
    Control,
    /// A backslash, an escaped slash, or two slashes in a row.
    #[error("the path has an ambiguous separator")]
    Separator,
    /// A segment `.` or `..`, escaped or with parameters behind it too.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// An escape that stands for an escape of something refused.
    #[error("the path is escaped twice")]
    DoubleEscape,
}

impl<'a> NormalPath<'a> {
    /// Reads the path of a request target; borrows when nothing in it is escaped.
    ///
    /// # Errors
    /// When the path could mean different things to different readers.
    pub fn parse(raw: &'a str) -> Result<Self, Refused> {
        if is_innocent(raw) {
            return Ok(Self {
                decoded: Cow::Borrowed(raw),
            });
        }
        if !raw.starts_with('/') || memchr::memchr2(b'?', b'#', raw.as_bytes()).is_some() {
            return Err(Refused::NotAPath);
        }
        let decoded = if raw.contains('%') {
            check_escapes(raw)?;
            let text = percent_decode_str(raw).decode_utf8();
            text.map_err(|_| Refused::NotUtf8)?
        } else {
            Cow::Borrowed(raw)
        };
        if decoded.chars().any(char::is_control) {
            return Err(Refused::Control);
        }
        if decoded.contains('\\') || decoded.contains("//") {
            return Err(Refused::Separator);
        }
        if decoded.split('/').any(is_dot_segment) {
            return Err(Refused::DotSegment);
        }
        if escapes(&decoded).any(is_dangerous) {
            return Err(Refused::DoubleEscape);
        }
        Ok(Self { decoded })
    }

    /// The path with its escapes undone. What grants something is matched against this.
    #[must_use]
    pub fn decoded(&self) -> &str {
        &self.decoded
    }

    /// The path as a denial is looked up by: segments without `;` parameters, trailing dots and blanks; no trailing slash; every
    /// escape undone. So `/api/v1/users.createToken;x` and `…/users.createToken./` are denied with their plain form. Compare it
    /// without regard to case.
    #[must_use]
    pub fn plain(&self) -> Cow<'_, str> {
        let bytes = self.decoded.as_bytes();
        let odd = bytes.iter().any(|byte| matches!(byte, b';' | b' ' | b'%'))
            || !self.decoded.is_ascii()
            || memchr::memchr_iter(b'.', bytes).any(|at| bytes.get(at + 1) == Some(&b'/'))
            || matches!(bytes.last(), Some(b'.' | b'/'));
        if !odd {
            return Cow::Borrowed(&self.decoded);
        }
        let mut text = self.decoded.clone().into_owned();
        for _ in 0..LAYERS {
            let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
            if decoded == text {
                break;
            }
            text = decoded;
        }
        let mut plain = String::with_capacity(text.len());
        for segment in text.split('/') {
            let segment = segment.split(';').next().unwrap_or_default();
            let segment = segment.trim_end_matches(|end: char| end == '.' || end.is_whitespace());
            if !segment.is_empty() {
                plain.push('/');
                plain.push_str(segment);
            }
        }
        if plain.is_empty() {
            plain.push('/');
        }
        Cow::Owned(plain)
    }
}

/// Begins with a slash and holds nothing but letters, digits and the commonest marks, no empty segment and none that begins with a
/// dot: almost every path, in which there is nothing to refuse or to decode.
fn is_innocent(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    let mut after_slash = false;
    bytes.first() == Some(&b'/')
        && bytes.iter().all(|byte| {
            let kind = INNOCENT[usize::from(*byte)];
            let sound = kind == Innocent::Anywhere || kind != Innocent::Never && !after_slash;
            after_slash = *byte == b'/';
            sound
        })
}

/// Where a byte says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Innocent {
    Never,
    Anywhere,
    NotAfterSlash,
}

const INNOCENT: [Innocent; 256] = {
    let mut kinds = [Innocent::Never; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        let letter = byte as u8;
        if letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_') {
            kinds[byte] = Innocent::Anywhere;
        } else if matches!(letter, b'/' | b'.') {
            kinds[byte] = Innocent::NotAfterSlash;
        }
        byte += 1;
    }
    kinds
};

/// Every `%` must be followed by two hexadecimal digits, and none may stand for a separator.
fn check_escapes(raw: &str) -> Result<(), Refused> {
    let found = escapes(raw).count();
    if found != memchr::memchr_iter(b'%', raw.as_bytes()).count() {
        return Err(Refused::BrokenEscape);
    }
    if escapes(raw).any(|byte| matches!(byte, b'/' | b'\\')) {
        return Err(Refused::Separator);
    }
    Ok(())
}

/// The bytes that the well-formed escapes stand for.
fn escapes(text: &str) -> impl Iterator<Item = u8> {
    memchr::memchr_iter(b'%', text.as_bytes()).filter_map(|at| {
        let digits = text.as_bytes().get(at + 1..at + 3)?;
        let [high, low] =
            [digits.first()?, digits.get(1)?].map(|digit| char::from(*digit).to_digit(16));
        u8::try_from(high? * 16 + low?).ok()
    })
}

fn is_dangerous(byte: u8) -> bool {
    byte.is_ascii_control() || matches!(byte, b'.' | b'/' | b'\\' | b'%')
}

/// Some servers cut `;` parameters before they walk up, so `..;x` is `..` to them.
fn is_dot_segment(segment: &str) -> bool {
    matches!(segment.split(';').next(), Some("." | ".."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(raw: &str, expected: Result<&str, Refused>) {
        let path = NormalPath::parse(raw);
        assert_eq!(
            path.as_ref().map(NormalPath::decoded).map_err(|why| *why),
            expected,
            "{raw:?}"
        );
    }

    #[test]
    fn plain_paths_are_taken_and_decoded() {
        check("/", Ok("/"));
        check("/api/v1/me", Ok("/api/v1/me"));
        check("/channel/general/", Ok("/channel/general/"));
        check("/file-upload/x/a%20b.png", Ok("/file-upload/x/a b.png"));
        check("/avatar/%40room", Ok("/avatar/@room"));
        check("/file-upload/x/%E4%BD%A0.png", Ok("/file-upload/x/你.png"));
        check("/file-upload/x/100%25.png", Ok("/file-upload/x/100%.png"));
        check("/file-upload/x/..a...b..", Ok("/file-upload/x/..a...b.."));
        check("/file-upload/x/what%3F%23", Ok("/file-upload/x/what?#"));
        check("/a;b=c/d", Ok("/a;b=c/d"));
    }

    #[test]
    fn cve_2026_33494_ambiguous_paths_are_refused() {
        for raw in [
            "/api/../x",
            "/..",
            "/./x",
            "/x/%2e%2e/y",
            "/x/%2E",
            "/x/.%2e/y",
            "/..;/x",
            "/x/..;a=b",
        ] {
            check(raw, Err(Refused::DotSegment));
        }
        for raw in [
            "//", "/api//v1", "//evil", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/a/%2f",
        ] {
            check(raw, Err(Refused::Separator));
        }
        for raw in ["/a%00", "/a%0d%0a", "/a%7f", "/a\u{1}", "/a%C2%85"] {
            check(raw, Err(Refused::Control));
        }
        for raw in ["/a%", "/a%2", "/a%zz", "/a%%20", "/a%é"] {
            check(raw, Err(Refused::BrokenEscape));
        }
        for raw in ["/%ff", "/%c0%af", "/%ed%a0%80"] {
            check(raw, Err(Refused::NotUtf8));
        }
        for raw in [
            "/a%252e%252e/b",
            "/a%252fb",
            "/a%255cb",
            "/a%2500",
            "/a%25252e",
        ] {
            check(raw, Err(Refused::DoubleEscape));
        }
    }

    #[test]
    fn ghsa_pxq7_a_target_with_a_fragment_or_without_a_path_is_refused() {
        for raw in ["/a#b", "/a?b", "", "*", "a/b", "http://evil/"] {
            check(raw, Err(Refused::NotAPath));
        }
    }

    #[test]
    fn an_unescaped_path_is_borrowed_in_both_forms() {
        let path = NormalPath::parse("/api/v1/chat.postMessage").unwrap();
        assert!(matches!(path.decoded, Cow::Borrowed(_)));
        assert!(matches!(path.plain(), Cow::Borrowed(_)));
    }

    #[test]
    fn the_plain_form_has_no_decoration() {
        for raw in [
            "/api/v1/login",
            "/api/v1/login/",
            "/api/v1/login;x",
            "/api/v1/login;jsessionid=1/",
            "/api;a/v1;b/login",
            "/api/v1/;x/login",
            "/api/v1/login.",
            "/api/v1/login.%20.",
            "/api/v1/login%20",
            "/api/v1/%6cogin",
            "/api/v1/%256cogin",
            "/api/v1/login%E2%80%83",
        ] {
            assert_eq!(
                NormalPath::parse(raw).unwrap().plain(),
                "/api/v1/login",
                "{raw}"
            );
        }
        assert_eq!(NormalPath::parse("/").unwrap().plain(), "/");
        assert_eq!(NormalPath::parse("/;x/").unwrap().plain(), "/");
    }

    proptest! {
        #[test]
        fn what_is_taken_has_one_meaning(raw in "/([a-c./%;\\\\ ]|%2[eEfF5]|%5[cC]|%00|é){0,12}") {
            if let Ok(path) = NormalPath::parse(&raw) {
                let text = path.decoded();
                prop_assert!(text.starts_with('/') && !text.contains("//") && !text.contains('\\'));
                prop_assert!(!text.split('/').any(|segment| segment == "." || segment == ".."));
                prop_assert_eq!(text.matches('/').count(), raw.matches('/').count());
                prop_assert!(!text.chars().any(char::is_control));
                let plain = path.plain();
                prop_assert!(plain.starts_with('/'));
                prop_assert!(!plain.split('/').any(|segment| segment == "." || segment == ".."));
            }
        }

        #[test]
        fn nothing_panics(raw in "\\PC{0,40}") {
            if let Ok(path) = NormalPath::parse(&raw) {
                let _ = path.plain();
            }
        }
    }
}

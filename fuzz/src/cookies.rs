//! Cookie fields (RC §8): however a client spells a credential, only ours is left.

use std::borrow::Cow;

use gantry::headers::cookie;
use gantry::headers::names::Names;
use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};
use percent_encoding::percent_decode;

const OURS: &str = "rc_uid=u1; rc_token=real";

/// Cookies that say who somebody is, in the form of [`plain`].
const CREDENTIALS: [&[u8]; 4] = [b"rc-uid", b"rc-token", b"host-jwt", b"gantry-session"];

/// The lowest bit of the first byte tells whether ours are set; each line behind it is a field.
pub fn cookies(bytes: &[u8]) {
    let Some((flags, lines)) = bytes.split_first() else {
        return;
    };
    let ours = (flags & 1 != 0).then_some(HeaderValue::from_static(OURS));
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if let Ok(field) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, field);
        }
    }
    let names = Names::cookies(["host_jwt", "gantry_session"]);
    cookie::rewrite(&mut headers, &names, ours.as_ref());

    let mut fields = headers.get_all(COOKIE).iter();
    let field = fields.next().map_or(&b""[..], HeaderValue::as_bytes);
    assert!(fields.next().is_none(), "several fields are left");
    let wanted: &[(&[u8], &[u8])] = match ours {
        Some(_) => &[(b"rc_uid", b"u1"), (b"rc_token", b"real")],
        None => &[],
    };
    for reader in [semicolons, commas, quotes] {
        let found: Vec<_> = reader(field)
            .into_iter()
            .filter(|(name, _)| is_credential(name))
            .collect();
        assert_eq!(found, wanted, "in {}", field.escape_ascii());
    }
    let once = headers.clone();
    cookie::rewrite(&mut headers, &names, ours.as_ref());
    assert_eq!(once, headers, "a second time changes something");
}

type Pair<'a> = (&'a [u8], &'a [u8]);

/// RFC 6265 §5.2, and Rocket.Chat's own reader.
fn semicolons(field: &[u8]) -> Vec<Pair<'_>> {
    field.split(|byte| *byte == b';').filter_map(pair).collect()
}

/// RFC 2965, where a comma separates too.
fn commas(field: &[u8]) -> Vec<Pair<'_>> {
    field
        .split(|byte| matches!(byte, b';' | b','))
        .filter_map(pair)
        .collect()
}

/// A reader to whom nothing ends a pair inside quotes.
fn quotes(mut field: &[u8]) -> Vec<Pair<'_>> {
    let mut pairs = Vec::new();
    while !field.is_empty() {
        let equals = field.iter().position(|byte| matches!(byte, b'=' | b';'));
        let value = equals.map_or(field.len(), |at| at + 1);
        let blanks = field[value..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace());
        let opens = value + blanks.count();
        let quoted = equals.is_some_and(|at| field[at] == b'=') && field.get(opens) == Some(&b'"');
        let closes = field
            .get(opens + 1..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'"'));
        let from = match closes {
            Some(closes) if quoted => opens + 1 + closes + 1,
            _ if equals.is_some_and(|at| field[at] == b';') => value - 1,
            _ => value,
        };
        let end = field[from..].iter().position(|byte| *byte == b';');
        let (first, rest) = field.split_at(end.map_or(field.len(), |end| from + end));
        pairs.extend(pair(first));
        field = rest.get(1..).unwrap_or_default();
    }
    pairs
}

fn pair(text: &[u8]) -> Option<Pair<'_>> {
    let equals = text.iter().position(|byte| *byte == b'=')?;
    Some((text[..equals].trim_ascii(), text[equals + 1..].trim_ascii()))
}

/// Is the name a credential's to any reader: escapes undone, quotes taken off, case and punctuation aside?
fn is_credential(name: &[u8]) -> bool {
    let mut name = Cow::Borrowed(name);
    for _ in 0..8 {
        if CREDENTIALS.contains(&plain(&name).as_slice()) {
            return true;
        }
        name = Cow::Owned(percent_decode(&name).collect());
    }
    false
}

fn plain(name: &[u8]) -> Vec<u8> {
    let name = name.trim_ascii();
    let name = name.strip_prefix(b"\"").unwrap_or(name);
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    name.iter()
        .map(|byte| match byte {
            b'_' | b'-' | b'.' => b'-',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

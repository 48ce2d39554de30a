//! Cookies without the client's credentials and, where Rocket.Chat authenticates by cookie, with ours in their place (RC §8).
//!
//! Several `Cookie` fields (HTTP/2 crumbs, RFC 9113 §8.2.3) become one. Pairs that stay keep their bytes. Every `;` ends a pair,
//! inside quotes too: a parser that reads quotes and one that does not must find the same credentials, which are none. A pair
//! that is malformed (no `=`, no name, half a quote) goes.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};

use super::names::Names;

/// Removes the cookies that `names` takes and appends `ours`, which is a whole cookie string such as `rc_uid=…; rc_token=…`.
/// A single field in which all may stay is left alone when there is nothing to append.
pub fn rewrite(headers: &mut HeaderMap, names: &Names, ours: Option<&HeaderValue>) {
    let mut fields = headers.get_all(COOKIE).iter();
    let first = fields.next();
    let single = fields.next().is_none();
    match (first, ours) {
        (None, None) => return,
        (None, Some(ours)) => {
            headers.insert(COOKIE, sensitive(ours.clone()));
            return;
        }
        (Some(field), None) if single && pairs(field).all(|pair| may_stay(pair, names)) => return,
        (Some(_), _) => {}
    }

    let length: usize = headers
        .get_all(COOKIE)
        .iter()
        .map(|field| field.len() + 2)
        .sum();
    let mut joined = Vec::with_capacity(length + ours.map_or(0, HeaderValue::len));
    for pair in headers.get_all(COOKIE).iter().flat_map(pairs) {
        if may_stay(pair, names) {
            append(&mut joined, pair.trim_ascii_start());
        }
    }
    if let Some(ours) = ours {
        append(&mut joined, ours.as_bytes());
    }
    match HeaderValue::from_maybe_shared(bytes::Bytes::from(joined)) {
        Ok(value) if !value.is_empty() => headers.insert(COOKIE, sensitive(value)),
        // Parts of valid values make a valid value; were it not so, no cookie is the safe one.
        Ok(_) | Err(_) => headers.remove(COOKIE),
    };
}

/// The values of the cookie with exactly this name, in order; quotes around a value are not part of it.
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(pairs)
        .filter_map(split)
        .filter(move |(found, _)| *found == name.as_bytes())
        .map(|(_, value)| {
            let inner = value.strip_prefix(b"\"");
            inner
                .and_then(|inner| inner.strip_suffix(b"\""))
                .unwrap_or(value)
        })
}

/// Removes every `Set-Cookie` for a name that `names` takes.
pub(super) fn strip_set_cookie(headers: &mut HeaderMap, names: &Names) {
    let taken = |field: &HeaderValue| {
        let pair = pairs(field).next().unwrap_or_default();
        split(pair).is_none_or(|(name, _)| names.take(name))
    };
    if !headers.get_all(SET_COOKIE).iter().any(taken) {
        return;
    }
    let kept: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|field| !taken(field))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for field in kept {
        headers.append(SET_COOKIE, field);
    }
}

fn pairs(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    field.as_bytes().split(|byte| *byte == b';')
}

/// Name and value of a pair, blanks around both taken off.
fn split(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', pair)?;
    let (name, value) = pair.split_at(equals);
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

fn may_stay(pair: &[u8], names: &Names) -> bool {
    if pair.trim_ascii().is_empty() {
        // Nothing between two separators, as after the last pair of a sloppy client.
        return true;
    }
    let Some((name, value)) = split(pair) else {
        return false;
    };
    let half_quoted = value.starts_with(b"\"") != value.ends_with(b"\"") || value == b"\"";
    if name.is_empty() || half_quoted || names.take(name) {
        return false;
    }
    // Old parsers end a pair at a comma as well (RFC 2965), one before the `=` too.
    memchr::memchr(b',', pair).is_none()
        || !pair
            .split(|byte| *byte == b',')
            .filter_map(split)
            .any(|(name, _)| names.take(name))
}

fn append(joined: &mut Vec<u8>, pair: &[u8]) {
    if pair.is_empty() {
        return;
    }
    if !joined.is_empty() {
        joined.extend_from_slice(b"; ");
    }
    joined.extend_from_slice(pair);
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(COOKIE, HeaderValue::from_bytes(field.as_bytes()).unwrap());
        }
        headers
    }

    fn rewritten(fields: &[&str], ours: Option<&'static str>) -> Vec<Vec<u8>> {
        let mut headers = map(fields);
        let ours = ours.map(HeaderValue::from_static);
        rewrite(&mut headers, &Names::cookies(["host_jwt"]), ours.as_ref());
        headers
            .get_all(COOKIE)
            .iter()
            .map(|field| field.as_bytes().to_vec())
            .collect()
    }

    fn check(fields: &[&str], expected: &[&str]) {
        let expected: Vec<Vec<u8>> = expected
            .iter()
            .map(|field| field.as_bytes().to_vec())
            .collect();
        assert_eq!(rewritten(fields, None), expected, "{fields:?}");
    }

    #[test]
    fn credentials_go_and_the_rest_stays_as_it_was() {
        check(&[], &[]);
        check(&["theme=dark"], &["theme=dark"]);
        check(&["theme=dark;lang=en ;"], &["theme=dark;lang=en ;"]);
        check(&["rc_token=x"], &[]);
        check(
            &["rc_uid=x; theme=\"a b\"; rc_token=y; host_jwt=e30"],
            &["theme=\"a b\""],
        );
        check(&["a=1; rc_token=x;b={\"c\":1}"], &["a=1; b={\"c\":1}"]);
        check(&["a=%72c_token=1; b==; c="], &["a=%72c_token=1; b==; c="]);
        check(
            &["rc_rid=GENERAL; rc_room_type=c"],
            &["rc_rid=GENERAL; rc_room_type=c"],
        );
    }

    #[test]
    fn crumbs_become_one_field() {
        check(&["a=1", "rc_token=x", "b=2; c=3"], &["a=1; b=2; c=3"]);
        check(&["rc_uid=x", "rc_token=x"], &[]);
    }

    #[test]
    fn no_spelling_of_a_credential_survives() {
        for spelled in [
            "RC_TOKEN=x",
            " rc_token =x",
            "%72c_token=x",
            "rc%5ftoken=x",
            "\"rc_token\"=x",
            "rc-token=x",
            "theme=dark,rc_token=x",
            "theme=dark, RC%5Ftoken =x",
            "theme,rc_token=x",
            "a , b,\"RC_TOKEN\"=x",
            "q=\"v; rc_token=x\"",
            "q=\"v; rc_token=\"x\"; z=\"",
        ] {
            let kept = rewritten(&[spelled, "theme=dark"], None).concat();
            assert_eq!(String::from_utf8(kept).unwrap(), "theme=dark", "{spelled}");
        }
    }

    #[test]
    fn malformed_pairs_go() {
        check(&["a=1; nameless; =x; b=2", "c=\"x"], &["a=1; b=2"]);
    }

    #[test]
    fn bytes_beyond_ascii_pass() {
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_bytes(b"a=\xfc; rc_token=\xff; b=\xe2").unwrap(),
        );
        rewrite(&mut headers, &Names::cookies([]), None);
        assert_eq!(headers.get(COOKIE).unwrap().as_bytes(), b"a=\xfc; b=\xe2");
    }

    #[test]
    fn ours_replace_theirs_and_are_marked_sensitive() {
        let fields = ["rc_uid=evil; a=1", "rc_token=evil"];
        let ours = "rc_uid=u; rc_token=t";
        assert_eq!(
            rewritten(&fields, Some(ours)),
            [b"a=1; rc_uid=u; rc_token=t"]
        );
        assert_eq!(rewritten(&[], Some(ours)), [ours.as_bytes()]);

        let mut headers = map(&["a=1"]);
        rewrite(
            &mut headers,
            &Names::cookies([]),
            Some(&HeaderValue::from_static("rc_uid=u")),
        );
        assert!(headers.get(COOKIE).unwrap().is_sensitive());
    }

    #[test]
    fn a_cookie_is_read_by_its_exact_name() {
        let headers = map(&["a=1; host_jwt=\"x\"", "HOST_JWT=no; host_jwt = y"]);
        let found: Vec<&[u8]> = values(&headers, "host_jwt").collect();
        assert_eq!(found, [b"x", b"y"]);
    }

    #[test]
    fn rocketchat_cannot_set_its_credential_cookies() {
        let mut headers = HeaderMap::new();
        for field in [
            "a=1; Path=/",
            "rc_token=x; Path=/",
            "rc%5Fuid=x",
            "broken",
            "b=2",
        ] {
            headers.append(SET_COOKIE, HeaderValue::from_static(field));
        }
        strip_set_cookie(&mut headers, &Names::cookies([]));
        let kept: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(kept, ["a=1; Path=/", "b=2"]);
    }

    proptest! {
        #[test]
        fn innocent_cookies_keep_their_bytes(
            innocent in prop::collection::vec("[a-q][a-z0-9_.]{0,6}=[!#-+./0-9A-Z:<-\\[\\]-~]{0,8}", 1..6),
            credential in prop::sample::select(vec!["rc_uid", "rc_token", "Rc_ToKeN", "%72c_token"]),
            place in any::<prop::sample::Index>(),
            crumbs in any::<bool>(),
        ) {
            let mut all = innocent.clone();
            all.insert(place.index(innocent.len() + 1), format!("{credential}=secret"));
            let fields: Vec<&str> = all.iter().map(String::as_str).collect();
            let joined = all.join("; ");
            let kept = if crumbs { rewritten(&fields, None) } else { rewritten(&[&joined], None) };
            prop_assert_eq!(kept, [innocent.join("; ").into_bytes()]);
        }
    }
}

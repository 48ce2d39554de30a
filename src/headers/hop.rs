//! Hop-by-hop fields (RFC 9110 §7.6.1): what belongs to one connection only, and the WebSocket upgrade that is asked for anew.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// RFC 9110 §7.6.1, and the proxy's own fields of §11.7, which concern one hop only.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    // Not announced, trailers go no further: they would be fields that no strip has seen.
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that `Connection` cannot remove: without them the message would mean something else upstream.
const NOT_BY_CONNECTION: [HeaderName; 4] = [
    header::HOST,
    header::CONTENT_LENGTH,
    // A body that was judged by these must be read by these (RC §6.5).
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
];

/// Takes all hop-by-hop fields off, those named by `Connection` included.
pub fn strip(headers: &mut HeaderMap) {
    strip_named_by_connection(headers);
    super::remove_where(headers, is_hop_by_hop);
}

/// Does the request ask for a WebSocket (RFC 6455 §4.2.1)? Read it before stripping.
#[must_use]
pub fn asks_websocket(headers: &HeaderMap) -> bool {
    lists(headers, &header::CONNECTION, "upgrade") && lists(headers, &header::UPGRADE, "websocket")
}

/// Asks for a WebSocket again after stripping, or agrees to one in an answer.
pub fn set_websocket_upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Is the field hop-by-hop by its name alone?
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name.as_bytes().first(),
        Some(b'c' | b'k' | b'p' | b't' | b'u')
    ) && HOP_BY_HOP.iter().any(|hop| super::same_name(name, hop))
}

/// Removes what `Connection` names. It runs before anything is injected, so a client that names `X-Auth-Token` here removes its
/// own copy and never ours (CVE-2021-32813, CVE-2025-48865).
pub(super) fn strip_named_by_connection(headers: &mut HeaderMap) {
    if !names_fields_in_connection(headers) {
        return;
    }
    let values: Vec<HeaderValue> = headers
        .get_all(header::CONNECTION)
        .iter()
        .cloned()
        .collect();
    for token in values.iter().flat_map(tokens) {
        if !NOT_BY_CONNECTION
            .iter()
            .any(|kept| kept.as_str().eq_ignore_ascii_case(token))
        {
            headers.remove(token);
        }
    }
}

/// Does `Connection` name fields besides the usual ones?
pub(super) fn names_fields_in_connection(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .any(|value| tokens(value).any(|token| !says_nothing_new(token)))
}

/// The tokens that name no field of their own, so that the usual request takes the short way.
fn says_nothing_new(token: &str) -> bool {
    ["keep-alive", "close", "upgrade"]
        .iter()
        .any(|usual| token.eq_ignore_ascii_case(usual))
}

fn lists(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .any(|value| tokens(value).any(|token| token.eq_ignore_ascii_case(wanted)))
}

/// The tokens of a list, split as bytes, so that one odd byte does not hide the tokens beside it.
fn tokens(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .filter_map(|token| std::str::from_utf8(token).ok())
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn every_hop_by_hop_field_goes_in_every_spelling() {
        for name in HOP_BY_HOP {
            for spelled in [name.to_owned(), name.replace('-', "_")] {
                let mut headers = HeaderMap::new();
                let name = HeaderName::from_bytes(spelled.as_bytes()).unwrap();
                headers.append(name, HeaderValue::from_static("x"));
                strip(&mut headers);
                assert!(headers.is_empty(), "{spelled} stayed");
            }
        }
    }

    #[test]
    fn end_to_end_fields_stay() {
        let before = map(&[
            ("host", "chat.example.com"),
            ("sec-websocket-key", "x"),
            ("content-type", "application/json"),
            ("user-agent", "x"),
            ("x-2fa-code", "123456"),
        ]);
        let mut after = before.clone();
        strip(&mut after);
        assert_eq!(after, before);
    }

    #[test]
    fn what_connection_names_goes_from_all_its_fields() {
        let mut headers = map(&[
            ("connection", "X-One, keep-alive"),
            ("connection", " x-two ,, close"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-two", "3"),
            ("x-three", "4"),
        ]);
        strip(&mut headers);
        assert_eq!(headers, map(&[("x-three", "4")]));
    }

    #[test]
    fn connection_does_not_change_host_or_length() {
        let mut headers = map(&[
            ("connection", "host, Content-Length"),
            ("host", "chat.example.com"),
            ("content-length", "3"),
        ]);
        strip(&mut headers);
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn cve_2021_32813_connection_cannot_remove_what_is_injected_after() {
        let mut headers = map(&[("connection", "X-Auth-Token"), ("x-auth-token", "theirs")]);
        crate::headers::strip_request(&mut headers);
        headers.insert(
            crate::headers::X_AUTH_TOKEN,
            HeaderValue::from_static("ours"),
        );
        assert_eq!(headers, map(&[("x-auth-token", "ours")]));
    }

    #[test]
    fn odd_connection_values_remove_only_what_they_name() {
        let mut headers = map(&[("a", "1"), ("accept", "*/*"), ("x-one", "1")]);
        let odd = HeaderValue::from_bytes(b"a b, (x), \t, \xe9, x-one").unwrap();
        headers.append("connection", odd);
        strip(&mut headers);
        assert_eq!(headers, map(&[("a", "1"), ("accept", "*/*")]));
    }

    #[test]
    fn an_upgrade_is_seen_in_any_case_and_order_and_set_again_after_stripping() {
        let mut headers = map(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
        ]);
        assert!(asks_websocket(&headers));
        strip(&mut headers);
        assert!(!asks_websocket(&headers));
        set_websocket_upgrade(&mut headers);
        assert!(asks_websocket(&headers));
    }

    #[test]
    fn half_an_upgrade_is_none() {
        assert!(!asks_websocket(&map(&[("upgrade", "websocket")])));
        assert!(!asks_websocket(&map(&[("connection", "upgrade")])));
        assert!(!asks_websocket(&map(&[
            ("connection", "upgrade"),
            ("upgrade", "h2c")
        ])));
    }
}

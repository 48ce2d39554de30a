//! The client's address as RC believes it (RC §5.3).

use std::net::SocketAddr;

use axum::http::HeaderMap;

/// The socket's far end, kept with each request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The address REST limits and logins count by: the count-th entry of `X-Forwarded-For` from the right,
/// else `X-Real-IP` from whoever sends it, else the socket.
pub(crate) fn of_rest(headers: &HeaderMap, peer: Peer, forwarded_count: usize) -> String {
    forwarded(headers, forwarded_count)
        .or_else(|| real_ip(headers))
        .unwrap_or_else(|| peer.0.ip().to_string())
}

/// The address of a DDP connection: the socket where no proxy is believed, else the count-th entry of
/// `X-Forwarded-For` from the right, and where that is too short the handshake's `X-Real-IP`; `None` if
/// that is missing too.
pub(crate) fn of_ddp(headers: &HeaderMap, peer: Peer, forwarded_count: usize) -> Option<String> {
    if forwarded_count == 0 {
        return Some(peer.0.ip().to_string());
    }
    forwarded(headers, forwarded_count).or_else(|| real_ip(headers))
}

fn forwarded(headers: &HeaderMap, count: usize) -> Option<String> {
    if count == 0 {
        return None;
    }
    let lines = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|line| line.to_str().ok());
    let entries: Vec<_> = lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .collect();
    let at = entries.len().checked_sub(count)?;
    entries
        .get(at)
        .filter(|entry| !entry.is_empty())
        .map(|entry| (*entry).to_owned())
}

fn real_ip(headers: &HeaderMap) -> Option<String> {
    headers
        .get("x-real-ip")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Peer, of_ddp, of_rest};

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        map
    }

    #[test]
    fn rc_5_3_rest_counts_forwarded_entries_from_the_right() {
        let check = |lines: &[(&'static str, &'static str)], count, expected: &str| {
            let peer = Peer("192.0.2.1:5000".parse().unwrap());
            assert_eq!(
                of_rest(&headers(lines), peer, count),
                expected,
                "{lines:?} {count}"
            );
        };
        check(&[], 1, "192.0.2.1");
        check(&[("x-forwarded-for", "a, b")], 1, "b");
        check(&[("x-forwarded-for", "a, b")], 2, "a");
        check(
            &[("x-forwarded-for", "a"), ("x-forwarded-for", "b")],
            2,
            "a",
        );
        check(&[("x-forwarded-for", "a, b"), ("x-real-ip", "r")], 3, "r");
        check(&[("x-forwarded-for", "a"), ("x-real-ip", "r")], 0, "r");
        check(&[("x-forwarded-for", "a")], 0, "192.0.2.1");
    }

    #[test]
    fn rc_5_3_ddp_falls_back_to_the_handshake() {
        let peer = Peer("192.0.2.1:5000".parse().unwrap());
        let check = |lines: &[(&'static str, &'static str)], count, expected: Option<&str>| {
            assert_eq!(
                of_ddp(&headers(lines), peer, count).as_deref(),
                expected,
                "{lines:?}"
            );
        };
        check(&[("x-forwarded-for", "a")], 0, Some("192.0.2.1"));
        check(&[("x-forwarded-for", "a")], 1, Some("a"));
        check(&[], 1, None);
        check(&[("x-real-ip", "r")], 1, Some("r"));
    }
}

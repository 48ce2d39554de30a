//! Chains of `X-Forwarded-For` (RC §5.3): nobody but a trusted proxy says whose request it is.

use std::net::IpAddr;

use gantry::headers::client_address::resolve;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const CHAIN: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The lowest bits of the first byte choose the peer; each line behind it is a field.
pub fn forwarded(bytes: &[u8]) {
    let Some((flags, lines)) = bytes.split_first() else {
        return;
    };
    let trusted: [IpNet; 2] = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a net"));
    let peer = ["192.0.2.1", "10.0.0.1", "fd00::1", "::ffff:10.0.0.1"][usize::from(flags & 3)];
    let peer: IpAddr = peer.parse().expect("an address");
    let fields: Vec<HeaderValue> = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    let chain = |fields: &[HeaderValue]| -> HeaderMap {
        fields.iter().map(|field| (CHAIN, field.clone())).collect()
    };
    let resolved = resolve(peer, &chain(&fields), &trusted);

    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let hops: Vec<Option<IpAddr>> = fields
        .iter()
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .map(|hop| {
            Some(
                std::str::from_utf8(hop)
                    .ok()?
                    .trim()
                    .parse::<IpAddr>()
                    .ok()?
                    .to_canonical(),
            )
        })
        .collect();
    let peer = peer.to_canonical();
    let Ok(client) = resolved else {
        assert!(is_trusted(&peer), "a stranger's chain was read");
        assert!(hops.contains(&None) || !fields.iter().all(|field| field.to_str().is_ok()));
        return;
    };
    if !is_trusted(&peer) {
        assert_eq!(client, peer, "a stranger said whose request it is");
        return;
    }
    // From the right, nobody stands before the client but those who are trusted.
    let behind = hops
        .iter()
        .rev()
        .take_while(|hop| hop.is_some_and(|hop| is_trusted(&hop)));
    let stranger = hops.iter().rev().nth(behind.count());
    match stranger {
        Some(first) => assert_eq!(*first, Some(client), "another hop than the first stranger"),
        None => assert_eq!(Some(client), hops.first().copied().unwrap_or(Some(peer))),
    }
    if !is_trusted(&client) {
        // What the client itself puts in front changes nothing.
        let mut longer = vec![HeaderValue::from_static("10.0.0.9, nonsense")];
        longer.extend(fields);
        assert_eq!(resolve(peer, &chain(&longer), &trusted), Ok(client));
    }
}

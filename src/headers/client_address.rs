//! Whose request it is, by address: the peer, unless the peer is a proxy we trust and names somebody else.
//!
//! Rocket.Chat counts rate limits and failed logins by this address (RC §5.3), so it must be neither the client's own claim nor
//! Gantry's.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

use super::X_FORWARDED_FOR;

/// A trusted proxy sent a chain that cannot be read: doubt denies (CVE-2024-47070).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trusted proxy sent a malformed X-Forwarded-For")]
pub struct MalformedChain;

/// The address of the client behind `peer`. A peer that is not trusted is the client, whatever it sends. Behind trusted ones it is
/// the last address of the chain that is not a trusted proxy itself.
///
/// # Errors
/// [`MalformedChain`].
pub fn resolve(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Result<IpAddr, MalformedChain> {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    if trusted.is_empty() || !is_trusted(peer) {
        return Ok(peer);
    }
    let mut client = peer;
    for value in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        let text = value.to_str().map_err(|_| MalformedChain)?;
        for hop in text.rsplit(',') {
            client = hop
                .trim()
                .parse::<IpAddr>()
                .map_err(|_| MalformedChain)?
                .to_canonical();
            if !is_trusted(client) {
                return Ok(client);
            }
        }
    }
    Ok(client)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn check(peer: &str, chain: &[&str], expected: Result<&str, MalformedChain>) {
        let mut headers = HeaderMap::new();
        for value in chain {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let resolved = resolve(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(
            resolved,
            expected.map(|text| text.parse().unwrap()),
            "{peer} {chain:?}"
        );
    }

    #[test]
    fn the_chain_counts_behind_trusted_proxies_only() {
        check("192.0.2.1", &[], Ok("192.0.2.1"));
        check("192.0.2.1", &["198.51.100.7"], Ok("192.0.2.1"));
        check("10.0.0.1", &[], Ok("10.0.0.1"));
        check("10.0.0.1", &["198.51.100.7"], Ok("198.51.100.7"));
        check("::ffff:10.0.0.1", &["198.51.100.7"], Ok("198.51.100.7"));
        check(
            "10.0.0.1",
            &["1.1.1.1, 198.51.100.7, 10.9.9.9"],
            Ok("198.51.100.7"),
        );
        check(
            "10.0.0.1",
            &["1.1.1.1", "198.51.100.7", "10.9.9.9"],
            Ok("198.51.100.7"),
        );
        check("fd00::1", &["2001:db8::7"], Ok("2001:db8::7"));
        check("10.0.0.1", &["10.2.2.2"], Ok("10.2.2.2"));
    }

    #[test]
    fn cve_2024_47070_a_malformed_chain_of_a_trusted_proxy_denies() {
        for chain in [
            "",
            "unknown",
            "198.51.100.7,",
            "198.51.100.7:80",
            "[2001:db8::7]",
            "é",
        ] {
            check("10.0.0.1", &[chain], Err(MalformedChain));
        }
    }

    proptest! {
        #[test]
        fn ghsa_wr5q_no_chain_of_a_stranger_changes_who_it_is(chain in "\\PC{0,60}") {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&chain) {
                headers.append(X_FORWARDED_FOR, value);
            }
            let peer = "192.0.2.1".parse().unwrap();
            prop_assert_eq!(resolve(peer, &headers, &["10.0.0.0/8".parse().unwrap()]), Ok(peer));
        }
    }
}

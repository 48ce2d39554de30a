//! Where a fetch of keys may lead: the configured host as it is, other hosts (of a redirect, or of a discovery document's `jwks_uri`) only
//! by the same or a better scheme and, when the configured host is a public one, only at public addresses.
//!
//! Addresses are judged after name resolution, at every hop, before asking and again by the address that really answered. So neither a
//! redirect nor a DNS name can turn Gantry's position in the network against its neighbours; link-local addresses, where cloud metadata
//! lives, are never reached this way.

use std::net::{IpAddr, Ipv6Addr};

use url::{Host, Url};

use crate::jwt::jwks::source::FetchError;

/// The bounds that one configured URL sets.
pub(super) struct Reach<'u> {
    start: &'u Url,
}

/// One hop that may be made, and who may answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    /// To the configured host: the operator chose it, whatever its address.
    Home,
    /// To another host, from a configured one that is public.
    FromPublic,
    /// To another host, from a configured one within the operator's own network.
    FromPrivate,
}

impl<'u> Reach<'u> {
    pub(super) fn from(start: &'u Url) -> Self {
        Self { start }
    }

    /// Whether `url` may be asked.
    pub(super) async fn hop(&self, url: &Url) -> Result<Hop, FetchError> {
        match (self.start.scheme(), url.scheme()) {
            ("https", "https") | ("http", "http" | "https") => {}
            _ => {
                return Err(FetchError::Redirect(
                    "its scheme is another or a weaker one",
                ));
            }
        }
        if url.host() == self.start.host() {
            return Ok(Hop::Home);
        }
        let hop = if resolve(self.start).await?.into_iter().any(is_public) {
            Hop::FromPublic
        } else {
            Hop::FromPrivate
        };
        for address in resolve(url).await? {
            hop.allows(address)?;
        }
        Ok(hop)
    }
}

impl Hop {
    /// Whether this address may be asked and believed.
    pub(super) fn allows(self, address: IpAddr) -> Result<(), FetchError> {
        let allowed = match self {
            Self::Home => true,
            Self::FromPublic => is_public(address),
            Self::FromPrivate => !is_link_local(address),
        };
        if allowed {
            Ok(())
        } else {
            Err(FetchError::PrivateAddress)
        }
    }
}

async fn resolve(url: &Url) -> Result<Vec<IpAddr>, FetchError> {
    let port = url.port_or_known_default().unwrap_or_default();
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return Ok(vec![address.into()]),
        Some(Host::Ipv6(address)) => return Ok(vec![address.into()]),
        Some(Host::Domain(name)) => name,
        None => return Err(FetchError::Redirect("its target has no host")),
    };
    let addresses = tokio::net::lookup_host((name, port))
        .await
        .map_err(FetchError::Resolve)?;
    Ok(addresses.map(|address| address.ip()).collect())
}

/// Whether an address belongs to the public Internet (IANA special-purpose registries, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(shared
                || first == 0
                || first >= 240
                || address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
                || is_translated(address))
        }
    }
}

/// Addresses that carry an IPv4 address for a gateway to unpack (NAT64, 6to4): nobody knows where they lead from here.
fn is_translated(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0x64, 0xff9b, ..] | [0x2002, ..])
}

fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    async fn hop(start: &str, target: &str) -> Option<Hop> {
        let start = url(start);
        Reach::from(&start).hop(&url(target)).await.ok()
    }

    #[tokio::test]
    async fn istio_jwks_hardening_every_hop_is_judged_by_its_resolved_address() {
        let rows = [
            (
                "https://10.0.0.1/k",
                "https://10.0.0.1/other",
                Some(Hop::Home),
            ),
            ("https://10.0.0.1/k", "http://10.0.0.1/k", None),
            ("https://10.0.0.1/k", "ftp://10.0.0.1/k", None),
            ("http://10.0.0.1/k", "file:///etc/passwd", None),
            ("http://10.0.0.1/k", "https://10.0.0.1/k", Some(Hop::Home)),
            (
                "https://8.8.8.8/k",
                "https://1.1.1.1/k",
                Some(Hop::FromPublic),
            ),
            ("https://8.8.8.8/k", "https://10.0.0.1/k", None),
            ("https://8.8.8.8/k", "https://127.0.0.1/k", None),
            ("https://8.8.8.8/k", "https://localhost/k", None),
            ("https://8.8.8.8/k", "https://169.254.169.254/k", None),
            ("https://8.8.8.8/k", "https://[::1]/k", None),
            ("https://8.8.8.8/k", "https://[::ffff:127.0.0.1]/k", None),
            ("https://8.8.8.8/k", "https://[64:ff9b::7f00:1]/k", None),
            ("https://8.8.8.8/k", "https://[fd00::1]/k", None),
            ("https://8.8.8.8/k", "https://0.0.0.0/k", None),
            ("https://8.8.8.8/k", "https://100.64.0.1/k", None),
            (
                "https://10.0.0.1/k",
                "https://10.0.0.2/k",
                Some(Hop::FromPrivate),
            ),
            ("https://10.0.0.1/k", "https://169.254.169.254/k", None),
            ("https://10.0.0.1/k", "https://[fe80::1]/k", None),
        ];
        for (start, target, expected) in rows {
            assert_eq!(hop(start, target).await, expected, "{start} -> {target}");
        }
    }

    #[test]
    fn istio_jwks_hardening_a_name_that_moved_since_it_was_resolved_is_not_believed() {
        let moved: IpAddr = [127, 0, 0, 1].into();
        assert!(Hop::FromPublic.allows(moved).is_err());
        assert!(Hop::FromPublic.allows([1, 1, 1, 1].into()).is_ok());
        assert!(
            Hop::FromPrivate
                .allows([169, 254, 169, 254].into())
                .is_err()
        );
        assert!(Hop::Home.allows(moved).is_ok());
    }
}

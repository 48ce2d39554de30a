//! Section `listen`: the public listener and its limits.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::types::{DurationText, Origin, SizeText};
use super::validation::{Checked, Validation};
use crate::tls;

mod drain;
mod encrypted;

pub use drain::Drain;

use drain::DrainFile;
use encrypted::TlsFile;

/// The public listener.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Address and port; port 0 takes a free one. Default `0.0.0.0:8080`.
    pub address: SocketAddr,
    /// Peers whose `X-Forwarded-*` we believe; empty means nobody.
    pub trusted_proxies: Vec<IpNet>,
    /// What browsers see in front of us; required. Its host goes upstream, its origin is ours.
    pub public_url: Origin,
    /// TLS of the listener; `None` for plain HTTP.
    pub tls: Option<tls::Files>,
    /// Bounds on what one connection may cost.
    pub limits: Limits,
    /// How the service stops.
    pub drain: Drain,
}

/// Bounds on what connections and requests may cost.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request's head; default 64 KiB, at least 8 KiB.
    pub header_bytes: usize,
    /// Number of header fields; default 128.
    pub headers: usize,
    /// Bytes of a request's body; default 100 MiB.
    pub body: u64,
    /// Connections open at a time; default 20000.
    pub connections: usize,
    /// Connections that one client may have open; default 5000, `None` for as many as there are.
    pub connections_per_client: Option<usize>,
    /// Time for a request's head to arrive; default 10 s.
    pub header_timeout: Duration,
    /// Time a kept connection may stay without a request; default 90 s.
    pub idle_timeout: Duration,
    /// Time that a request's body may stand still when Gantry waits for it; default 60 s.
    pub body_timeout: Duration,
    /// Time in which a client must take something of an answer that waits for it; default 60 s.
    pub send_timeout: Duration,
    /// Streams that an HTTP/2 client may reset within a second, and in one go; default 200.
    pub resets_per_second: u32,
}

/// What an address should be.
pub(super) const ADDRESS: &str = "an IP address with a port, such as 0.0.0.0:8080 or [::]:8080";

/// Least `header_bytes`: browsers send that much with a few large cookies and a JWT.
const LEAST_HEADER_BYTES: u64 = 8 * 1024;

/// Most `header_bytes`: every connection may hold that much.
const MOST_HEADER_BYTES: u64 = 1024 * 1024;

/// Most of a body: a tebibyte is past any upload that Rocket.Chat takes.
const MOST_BODY: u64 = 1 << 40;

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListenFile {
    /// Address and port of the public listener; port 0 takes a free one.
    address: String,
    /// CIDRs of the proxies in front of Gantry whose `X-Forwarded-*` are believed; empty means nobody's.
    trusted_proxies: Vec<String>,
    /// The origin that browsers see, such as `https://chat.example.com`; its host goes to Rocket.Chat. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_url: Option<String>,
    /// TLS of the listener; without it, Gantry serves plain HTTP.
    tls: TlsFile,
    /// Bounds on what connections and requests may cost.
    limits: LimitsFile,
    /// How the service stops.
    drain: DrainFile,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LimitsFile {
    /// Most bytes of a request's head, 8 KiB to 1 MiB.
    header_bytes: SizeText,
    /// Most header fields of a request.
    #[schemars(range(min = 16, max = 4096))]
    headers: usize,
    /// Most bytes of a request's body.
    body: SizeText,
    /// Most connections open at a time.
    #[schemars(range(min = 1, max = 1_000_000))]
    connections: usize,
    /// Most connections of one client, by its IPv4 address or the /64 of its IPv6 address; 0 for no such limit. Those of
    /// `trusted_proxies` are not counted.
    #[schemars(range(min = 0, max = 1_000_000))]
    connections_per_client: usize,
    /// Longest wait for a request's head.
    header_timeout: DurationText,
    /// Longest time that a kept connection may stay without a request.
    idle_timeout: DurationText,
    /// Longest wait for the next byte of a request's body.
    body_timeout: DurationText,
    /// Longest time in which a client takes no byte of an answer that waits for it.
    send_timeout: DurationText,
    /// Most streams that an HTTP/2 client may reset within a second. Those of `trusted_proxies` are not counted.
    #[schemars(range(min = 1, max = 100_000))]
    resets_per_second: u32,
}

impl Default for ListenFile {
    fn default() -> Self {
        Self {
            address: "0.0.0.0:8080".to_owned(),
            trusted_proxies: Vec::new(),
            public_url: None,
            tls: TlsFile::default(),
            limits: LimitsFile::default(),
            drain: DrainFile::default(),
        }
    }
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self {
            header_bytes: "64KiB".into(),
            headers: 128,
            body: "100MiB".into(),
            connections: 20_000,
            connections_per_client: 5_000,
            header_timeout: "10s".into(),
            idle_timeout: "90s".into(),
            body_timeout: "60s".into(),
            send_timeout: "60s".into(),
            resets_per_second: 200,
        }
    }
}

impl ListenFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Listen> {
        let address = validation.parse(&key.field("address"), &self.address, ADDRESS, |text| {
            text.parse().ok()
        });
        let trusted_proxies = validation.each(
            &key.field("trusted_proxies"),
            &self.trusted_proxies,
            "a CIDR such as 10.0.0.0/8 or fd00::/8",
            network,
        );
        if trusted_proxies
            .as_ref()
            .is_ok_and(|nets| nets.iter().any(|net| net.prefix_len() == 0))
        {
            validation.warn(
                &key.field("trusted_proxies"),
                "everybody's X-Forwarded-* are believed",
            );
        }
        let public_url = self.public_url(validation, &key.field("public_url"));
        let tls = self.tls.validate(validation, &key.field("tls"));
        let limits = self.limits.validate(validation, &key.field("limits"));
        let drain = self.drain.validate(validation, &key.field("drain"));
        Ok(Listen {
            address: address?,
            trusted_proxies: trusted_proxies?,
            public_url: public_url?,
            tls: tls?,
            limits: limits?,
            drain: drain?,
        })
    }

    fn public_url(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Origin> {
        let wanted =
            "the origin that browsers see, such as https://chat.example.com, without a path";
        let Some(text) = &self.public_url else {
            return Err(validation.missing(key, &format!("give {wanted}")));
        };
        let origin = validation.parse(key, text, wanted, |text| {
            Origin::parse(text).filter(|_| !text.contains('*'))
        })?;
        if origin.scheme() == "http" && !is_loopback(text) {
            validation.warn(
                key,
                "browsers reach Gantry without TLS, so tokens and messages can be read on the way",
            );
        }
        Ok(origin)
    }
}

impl LimitsFile {
    fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Limits> {
        let header_bytes = validation.size(
            &key.field("header_bytes"),
            &self.header_bytes,
            LEAST_HEADER_BYTES,
            MOST_HEADER_BYTES,
        );
        let body = validation.size(&key.field("body"), &self.body, 1, MOST_BODY);
        let header_timeout =
            validation.duration(&key.field("header_timeout"), &self.header_timeout);
        let idle_timeout = validation.duration(&key.field("idle_timeout"), &self.idle_timeout);
        let body_timeout = validation.duration(&key.field("body_timeout"), &self.body_timeout);
        let send_timeout = validation.duration(&key.field("send_timeout"), &self.send_timeout);
        if self.connections_per_client >= self.connections {
            validation.warn(
                &key.field("connections_per_client"),
                "one client can take all of `connections`; a quarter of it leaves room for others",
            );
        }
        Ok(Limits {
            header_bytes: usize::try_from(header_bytes?).unwrap_or(usize::MAX),
            headers: self.headers,
            body: body?,
            connections: self.connections,
            connections_per_client: at_most(self.connections_per_client),
            header_timeout: header_timeout?,
            idle_timeout: idle_timeout?,
            body_timeout: body_timeout?,
            send_timeout: send_timeout?,
            resets_per_second: self.resets_per_second,
        })
    }
}

/// A number of which 0 means that there is no such limit.
pub(super) fn at_most(number: usize) -> Option<usize> {
    (number > 0).then_some(number)
}

/// A network, or a single address as one.
fn network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Does the URL lead to this machine only, so that nobody can listen on the way?
pub(super) fn is_loopback(url: &str) -> bool {
    let url = url::Url::parse(url).ok();
    match url.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Refuses one address for two listeners: the second could not be bound.
pub(super) fn differ(
    own: SocketAddr,
    (name, other): (&str, SocketAddr),
    key: &Key,
    validation: &mut Validation<'_>,
) {
    let overlap =
        other.ip() == own.ip() || other.ip().is_unspecified() || own.ip().is_unspecified();
    if other.port() != 0 && other.port() == own.port() && overlap {
        let problem = format!("has the port of `{name}`; take another");
        validation.mistake(key, problem);
    }
}

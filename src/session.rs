//! Sessions: the binding of a host session to Rocket.Chat credentials, from the first request to the logout.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config;
use crate::jwt::Verified;
use crate::rocketchat::RocketChat;
use crate::telemetry::metrics::Metrics;

pub mod cause;
pub mod error;
pub mod handle;
pub mod record;
pub mod sockets;

pub use cause::EndCause;
pub use error::ExchangeError;
pub use handle::StandIn;
pub use record::{Admitted, Session};
pub use sockets::SocketGuard;

/// All sessions of the program; cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {}

impl Sessions {
    /// Starts empty, with its sweeper and its revoker running in the background.
    #[must_use]
    pub fn new(
        _config: &config::session::Sessions,
        _users: &config::users::Users,
        _rocketchat: RocketChat,
        _clock: Clock,
        _metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Inner {}))
    }

    /// The session of this token if it is there and fresh or stale: no await, no I/O, no lock held on return. Marks its use and
    /// takes over a later `exp`.
    #[must_use]
    pub fn known(&self, _verified: &Verified) -> Option<Admitted> {
        None
    }

    /// The session of this token: known, or joined, or exchanged now. However many ask, one exchange runs per host session.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn admit(&self, _verified: &Arc<Verified>) -> Result<Admitted, ExchangeError> {
        Err(ExchangeError::Overloaded)
    }

    /// Rocket.Chat answered 401 to these credentials: one refresh shared by all who say so about the same credentials; the new
    /// ones come back.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn reject(&self, _admitted: &Admitted) -> Result<Admitted, ExchangeError> {
        Err(ExchangeError::Overloaded)
    }

    /// Gives out a new stand-in for a live session; only its hash is kept.
    #[must_use]
    pub fn issue_stand_in(&self, _admitted: &Admitted) -> StandIn {
        StandIn::random()
    }

    /// Ends the session of this token, if there is one: sockets are told at once, the logout is owed. The same JWT may start a
    /// new one.
    pub fn release(&self, _verified: &Verified, _cause: EndCause) {}

    /// Ends the host session for good: as release, and this JWT and older ones of the host session are refused from now on.
    pub fn logout(&self, _verified: &Verified) {}

    /// Binds a WebSocket to the session; the guard tells when the session ends, and unbinds when dropped.
    #[must_use]
    pub fn bind_socket(&self, admitted: &Admitted) -> SocketGuard {
        SocketGuard::new(admitted)
    }

    /// Ends what must end at shutdown (`logout_on_shutdown`) and waits, at most as long as `deadline` allows, for owed logouts.
    pub async fn drain(&self, _deadline: std::time::Duration) {}
}

//! Sessions: the binding of a host session to Rocket.Chat credentials, from the first request to the logout.
//!
//! ```text
//!                        first request of a host session
//!                                      |
//!                                      v
//!   logout, release  +-------------- flight --------------+  failed: all who wait are told why
//!   (its token is    |  line up, find or create the user, |----------------------------------> nothing
//!   owed a logout)   |  check it, mint                    |
//!         +----------+------------------------------------+
//!         |                            | committed
//!         |                            v
//!         |   stale, or 401  +------ live ------+   used, newer JWT, open socket: deadlines move on
//!         |   +------------->|                  |<----------------------------------------+
//!         |   |              |   credentials    |                                         |
//!         |   +-- refresh ---+------------------+-----------------------------------------+
//!         |       (old token               | logout, backchannel-logout, revoked, release, expired, idle,
//!         |       owed a logout)           | max-lifetime, displaced, deactivated, last-socket, shutdown
//!         v                                v
//!      ended: marked, logout owed, forgotten, sockets told, in this order
//!         |
//!         v
//!      owed logout --- Rocket.Chat answered 200 or 401, or the token expired ---> struck out
//! ```
//!
//! What always holds:
//! - At most one exchange runs per host session, and at most one refresh per session; each in a task of its own, so that no
//!   client can cancel them.
//! - Every auth token that was minted belongs to a live session or is owed a logout.
//! - After a logout, the JWTs up to then of what was logged out (a host session, a principal, a session claim) are refused: on the warm
//!   path, on the cold path, and when an exchange ends.
//! - The warm path ([`Sessions::known`]) takes one look at one map, waits for nothing and allocates nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use arc_swap::{ArcSwap, Guard};
use tokio_util::sync::DropGuard;

use crate::clock::Clock;
use crate::jwt::{PrincipalKey, Verified};
use crate::rocketchat::RocketChat;
use crate::telemetry::metrics::{Lookup, Metrics};
use crate::telemetry::spans;

mod carrying;
pub mod cause;
pub mod directory;
mod ending;
pub mod error;
mod exchange;
mod facts;
#[cfg(feature = "filling")]
pub mod filling;
mod flight;
mod grave;
pub mod handle;
mod life;
mod local;
mod moment;
mod named;
mod outbox;
pub mod profile;
pub mod record;
mod refresh;
mod revoke;
mod rules;
mod seen;
mod shared;
pub mod sockets;
pub mod start;
pub mod store;
mod sweeper;
pub mod ticket;
mod together;
mod tombstone;
mod turns;

pub use cause::EndCause;
pub use error::{ExchangeError, Reason};
pub use handle::{Naming, StandIn};
pub use outbox::Written;
pub use record::{Admitted, Session};
pub use rules::Rules;
pub use sockets::SocketGuard;
pub use start::Backing;
pub use ticket::{Ticket, Tickets};

use exchange::Outcome;
use exchange::intake::{Entrance, Intake, Urgency};
use exchange::users::Users;
use life::{Span, Step};
use local::{Local, Seat};
use moment::Moment;
use outbox::Order;
use refresh::Why;
use revoke::Revoker;
use sweeper::Deadlines;
use together::Together;
use turns::Turns;

/// Rounds of [`Sessions::admit`]. A round is only lost when the session ended between its exchange and the answer, which takes
/// somebody else's logout each time.
const ROUNDS: usize = 4;

/// All sessions of the program; cheap to clone.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    rules: ArcSwap<Rules>,
    /// Those of the rules that live sessions look at.
    span: Arc<Span>,
    rocketchat: RocketChat,
    clock: Clock,
    metrics: Metrics,
    local: Local,
    shared: Option<Together>,
    users: Users,
    intake: Arc<Intake>,
    principals: Turns<PrincipalKey>,
    names: Turns<String>,
    deadlines: Arc<Deadlines>,
    revoker: Revoker,
    /// Ends the tasks in the background when the last handle is gone.
    _closed: DropGuard,
}

impl Sessions {
    /// The session of this token if it is there and its credentials are fresh or stale: no await, no I/O, no lock held on return.
    /// Marks its use and takes over a later `exp`.
    #[must_use]
    pub fn known(&self, verified: &Verified) -> Option<Admitted> {
        self.known_at(verified, self.0.clock.now())
    }

    /// As [`Sessions::known`], by the caller's reading of the clock.
    #[must_use]
    pub fn known_at(&self, verified: &Verified, now: SystemTime) -> Option<Admitted> {
        let now = Moment::of(now);
        // A session has its place until it has ended, so the one that was found before is the one that would be found.
        let noted = verified.memo.recall::<Session>();
        let admitted = match noted.filter(|session| !session.ended()) {
            Some(session) => self.0.let_in(session, verified, now),
            None => self
                .0
                .local
                .with_live(&verified.principal.host_session, |session| {
                    verified.memo.note(session);
                    self.0.let_in(Arc::clone(session), verified, now)
                }),
        };
        if admitted.is_some() {
            self.0.metrics.session_looked_up(Lookup::Hit);
        }
        admitted
    }

    /// The session of this token: known, or joined, or exchanged now. However many ask, one exchange runs per host session.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn admit(&self, verified: &Arc<Verified>) -> Result<Admitted, ExchangeError> {
        for _ in 0..ROUNDS {
            if let Some(admitted) = self.known(verified) {
                return Ok(admitted);
            }
            self.0.may_begin(verified)?;
            if let Some(admitted) = self.0.look_elsewhere(verified).await? {
                return Ok(admitted);
            }
            match self.0.seat(verified) {
                Seat::Live(session) => {
                    self.0.mend(&session).await?;
                    let now = Moment::of(self.0.clock.now());
                    if let Some(admitted) = self.0.let_in(session, verified, now) {
                        return Ok(admitted);
                    }
                }
                Seat::Joined(flight) => {
                    if let Some(admitted) = self.0.landed(flight.outcome().await, verified)? {
                        return Ok(admitted);
                    }
                }
                Seat::Begun(pilot, entrance) => {
                    let flight = Arc::clone(pilot.flight());
                    let inner = Arc::clone(&self.0);
                    let flying = inner.fly(pilot, Arc::clone(verified), entrance);
                    tokio::spawn(spans::carried(flying));
                    if let Some(admitted) = self.0.landed(flight.outcome().await, verified)? {
                        return Ok(admitted);
                    }
                }
                Seat::Full => return Err(ExchangeError::Overloaded),
            }
        }
        Err(ExchangeError::Overloaded)
    }

    /// Rocket.Chat answered 401 to these credentials: one refresh shared by all who say so about the same credentials; the new
    /// ones come back.
    ///
    /// # Errors
    /// [`ExchangeError`]; [`ExchangeError::Overloaded`] also when this session's credentials were refused again and again.
    pub async fn reject(&self, admitted: &Admitted) -> Result<Admitted, ExchangeError> {
        let why = Why::Refused(Arc::clone(&admitted.credentials));
        self.0.refreshed(&admitted.session, why).await
    }

    /// Ends the session of this token, if there is one: sockets are told at once, the logout is owed. The same JWT may start a
    /// new one. What comes back tells when the store has it, and need not be waited for.
    pub fn release(&self, verified: &Verified, cause: EndCause) -> Written {
        self.0.release(verified, cause)
    }

    /// Ends the host session for good: as [`Sessions::release`], and this JWT and older ones of the host session are refused from now
    /// on.
    pub fn logout(&self, verified: &Verified) -> Written {
        self.0.logout(verified)
    }

    /// As [`Sessions::logout`], for a session that is known without a JWT.
    pub fn logout_session(&self, session: &Arc<Session>) -> Written {
        self.0.end_for_good(session, EndCause::Logout)
    }

    /// Ends one session, as [`Sessions::release`]; only the first cause counts.
    pub fn end(&self, session: &Arc<Session>, cause: EndCause) -> Written {
        self.0.end(session, cause)
    }

    /// Binds a WebSocket to the session; the guard tells when the session ends, and unbinds when dropped.
    #[must_use]
    pub fn bind_socket(&self, admitted: &Admitted) -> SocketGuard {
        SocketGuard::new(admitted, Arc::clone(&self.0.deadlines))
    }

    /// Do all sessions end when the service stops?
    #[must_use]
    pub fn end_at_shutdown(&self) -> bool {
        self.0.rules().sessions.logout_on_shutdown
    }

    /// Begins nothing new, ends what must end at shutdown (`logout_on_shutdown`), and waits, at most as long as `deadline` allows,
    /// for exchanges that run and for owed logouts. How many of these are left?
    pub async fn drain(&self, deadline: Duration) -> usize {
        tokio::select! {
            () = self.0.wind_up() => {}
            () = self.0.clock.sleep(deadline) => {}
        }
        self.0.revoker.owed()
    }

    /// Do owed logouts outlive the process?
    #[must_use]
    pub fn are_kept(&self) -> bool {
        self.0.shared.is_some()
    }
}

impl Inner {
    /// The rules of this moment.
    fn rules(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }

    /// A token that is dead, or too old for a session to live on, begins nothing.
    fn may_begin(&self, verified: &Verified) -> Result<(), ExchangeError> {
        if self.is_dead(verified) {
            return Err(ExchangeError::LoggedOut);
        }
        let last = Moment::of(verified.expires_at).after(self.rules().sessions.grace);
        if last <= Moment::of(self.clock.now()) {
            return Err(ExchangeError::Expired);
        }
        Ok(())
    }

    fn seat(&self, verified: &Verified) -> Seat<Entrance> {
        let seat = self.local.seat(&verified.principal.host_session, || {
            self.intake.enter(Urgency::Awaited)
        });
        match &seat {
            Seat::Joined(_) => self.metrics.session_looked_up(Lookup::Joined),
            Seat::Begun(..) => self.metrics.session_looked_up(Lookup::Miss),
            Seat::Live(_) | Seat::Full => {}
        }
        seat
    }

    /// A session that is live and was not admitted: overdue for its end, or in need of credentials.
    async fn mend(self: &Arc<Self>, session: &Arc<Session>) -> Result<(), ExchangeError> {
        if let Step::End(cause) = session.step(Moment::of(self.clock.now())) {
            self.end_in_time(session, cause).settled().await;
            return Ok(());
        }
        self.refreshed(session, Why::Expired).await.map(|_| ())
    }

    /// Admits a token to its session; what it adds to the session's life is noted for others at once.
    fn let_in(&self, session: Arc<Session>, verified: &Verified, now: Moment) -> Option<Admitted> {
        let (admitted, later) = session.admit(verified, now)?;
        if later && let Some(together) = &self.shared {
            let session = Arc::clone(&admitted.session);
            together.outbox.send(Order::Note(session));
        }
        Some(admitted)
    }

    fn landed(
        &self,
        outcome: Outcome,
        verified: &Verified,
    ) -> Result<Option<Admitted>, ExchangeError> {
        match outcome {
            Outcome::Session(session) => {
                let now = Moment::of(self.clock.now());
                Ok(self.let_in(session, verified, now))
            }
            Outcome::Failed(error) => Err(error),
            Outcome::Abandoned => Ok(None),
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sessions")
    }
}

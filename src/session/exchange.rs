//! The exchange: a principal in, a session with credentials out, in one flight per host session.
//!
//! A flight runs in a task of its own, so a client that goes away neither stops it nor loses the auth token it may have minted.
//! What comes of a flight that lost its place (its host session was logged out meanwhile) is revoked like any ended session.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::jwt::Verified;
use crate::rocketchat::{Credentials, User};
use crate::session::flight::{Flight, Pilot};
use crate::session::life::Bounds;
use crate::session::moment::Moment;
use crate::session::record::{Begin, Session};
use crate::session::tombstone::{Token, Tombstone};
use crate::session::{EndCause, ExchangeError, Inner};

pub(in crate::session) mod intake;
pub(in crate::session) mod users;

use intake::Entrance;

/// What came of an exchange, for all who waited for it.
#[derive(Clone, Debug)]
pub(in crate::session) enum Outcome {
    /// The session is live, or was a moment ago.
    Session(Arc<Session>),
    /// No session.
    Failed(ExchangeError),
    /// The host session was ended while the exchange ran; who still wants one asks again.
    Abandoned,
}

/// An exchange that runs.
pub(in crate::session) type ExchangeFlight = Flight<Outcome>;

impl Outcome {
    /// A flight whose waiters are told to come again if it is lost in a bug.
    pub(in crate::session) fn begin() -> (Arc<ExchangeFlight>, Pilot<Self>) {
        Flight::begin(Self::Failed(ExchangeError::Overloaded))
    }
}

impl Inner {
    /// Flies one exchange to its end.
    pub(in crate::session) async fn fly(
        self: Arc<Self>,
        pilot: Pilot<Outcome>,
        verified: Arc<Verified>,
        entrance: Entrance,
    ) {
        let flight = Arc::clone(pilot.flight());
        let began = Instant::now();
        let (user, credentials, permit) = match self.exchange(&verified, &entrance).await {
            Ok(exchanged) => exchanged,
            Err(error) => {
                self.local
                    .abandon(&verified.principal.host_session, &flight);
                pilot.land(Outcome::Failed(error));
                return;
            }
        };
        pilot.land(self.begin(&flight, &verified, &user, credentials));
        self.metrics.exchanged(began.elapsed());
        // After landing: nobody waits for a change of name.
        self.users.follow(&verified.principal, &user).await;
        drop(permit);
    }

    async fn exchange(
        &self,
        verified: &Verified,
        entrance: &Entrance,
    ) -> Result<(User, Credentials, OwnedSemaphorePermit), ExchangeError> {
        let principal = &verified.principal;
        let line_up = async {
            // Host sessions of one principal settle its user one after the other, and so do principals that mean one name: else
            // they would create it twice, or both take it over.
            let turn = self.principals.take(principal.key).await;
            let target = self.users.target(principal)?;
            let name = target.username().to_ascii_lowercase();
            Ok((turn, self.names.take(name).await, target))
        };
        let ((turn, name, target), permit) = entrance.place(line_up).await?;
        let user = self.users.settle(principal, &target).await?;
        drop((name, turn));
        let credentials = self.mint(&user).await?;
        Ok((user, credentials, permit))
    }

    /// Mints for a user that was found fit just before.
    pub(in crate::session) async fn mint(&self, user: &User) -> Result<Credentials, ExchangeError> {
        let minted = self.rocketchat.mint(user).await;
        self.metrics
            .credentials_minted(minted.as_ref().map_or_else(|error| error.kind(), |_| "ok"));
        Ok(minted?)
    }

    /// Makes a session of what was minted. From here on the credentials belong to a session, and ending it owes their logout.
    fn begin(
        &self,
        flight: &Arc<ExchangeFlight>,
        verified: &Verified,
        user: &User,
        credentials: Credentials,
    ) -> Outcome {
        let now = Moment::of(self.clock.now());
        let host_session = &verified.principal.host_session;
        let session = Arc::new(Session::begin(Begin {
            verified,
            username: user.username.clone(),
            refresh_due: self.refresh_due(&credentials),
            credentials,
            bounds: Bounds {
                hard_end: now.after(self.rules.max_lifetime),
                grace: self.rules.grace,
                idle_timeout: self.rules.idle_timeout,
                end_on_last_socket: self.rules.end_on_last_socket,
            },
            now,
        }));
        self.metrics.session_began();
        tracing::info!(
            session.id = session.id(),
            issuer = session.issuer(),
            "a session began"
        );
        let displaced = self.local.enlist(&session, self.rules.max_per_principal);
        // After enlisting: a logout of many host sessions that put no tombstone down by now finds this one enlisted.
        let tombstones = self.local.tombstones(&verified.principal);
        let dead = tombstones.refusing(&Token::of(verified)).is_some();
        session.heed(tombstones);
        if dead || !self.local.commit(flight, &session) {
            self.local.abandon(host_session, flight);
            // Not dead by a tombstone means that it was let go.
            let tombstones = self.local.tombstones(&verified.principal);
            let cause = tombstones
                .refusing(&Token::of(verified))
                .map_or(EndCause::Release, Tombstone::cause);
            self.end(&session, cause);
            return Outcome::Abandoned;
        }
        for session in displaced {
            self.end(&session, EndCause::Displaced);
        }
        self.deadlines.watch(&session);
        Outcome::Session(session)
    }

    /// When these credentials are stale: a share of their life after their minting, so that a refresh that fails can be tried
    /// again while they last.
    pub(in crate::session) fn refresh_due(&self, credentials: &Credentials) -> Moment {
        let life = credentials
            .expires_at()
            .duration_since(credentials.minted_at())
            .unwrap_or_default();
        Moment::of(credentials.minted_at())
            .after(life.mul_f64(self.rules.refresh_at.clamp(0.0, 1.0)))
    }
}

//! The exchange: a principal in, a session with credentials out, in one flight per host session.
//!
//! A flight runs in a task of its own, so a client that goes away neither stops it nor loses the auth token it may have minted.
//! What comes of a flight that lost its place (its host session was logged out meanwhile) is revoked like any ended session.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::config::session::Scope;
use crate::failpoint;
use crate::jwt::Verified;
use crate::rocketchat::{Credentials, User};
use crate::session::facts::{Facts, Uses};
use crate::session::flight::{Flight, Pilot};
use crate::session::grave::Tombstones;
use crate::session::moment::Moment;
use crate::session::record::{Begin, Session};
use crate::session::shared::claim::{Claim, Mandate};
use crate::session::shared::commit::Intent;
use crate::session::shared::find::Found;
use crate::session::tombstone::{Token, Tombstone};
use crate::session::{EndCause, ExchangeError, Inner};
use crate::telemetry::audit;

mod found;
pub(in crate::session) mod intake;
mod settling;
pub(in crate::session) mod users;

use intake::Entrance;
use settling::UserTurns;

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

/// What an exchange found or made.
enum Exchanged<'a> {
    /// It was live at another replica, or before this process began.
    Found(Box<Found>),
    /// It was made now.
    Made(Box<Made<'a>>),
}

/// Credentials for a session that is to begin.
struct Made<'a> {
    user: User,
    credentials: Arc<Credentials>,
    mandate: Option<Mandate>,
    intent: Option<Intent>,
    /// The session whose credentials these are too.
    sharing: Option<Arc<str>>,
    /// Held until the session has begun: the next of the principal's shares its credentials.
    turns: Option<UserTurns<'a>>,
    _permit: OwnedSemaphorePermit,
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
        let made = match self.exchange(&verified, &entrance).await {
            Ok(Exchanged::Made(made)) => made,
            Ok(Exchanged::Found(found)) => {
                let landed = self.take_in(&flight, *found).await;
                return pilot.land(landed.unwrap_or_else(Outcome::Failed));
            }
            Err(error) => {
                self.local
                    .abandon(&verified.principal.host_session, &flight);
                return pilot.land(Outcome::Failed(error));
            }
        };
        let user = made.user.clone();
        let begun = self.begin(&flight, &verified, *made).await;
        self.metrics.exchanged(began.elapsed());
        if !matches!(begun, Outcome::Session(_)) {
            self.local
                .abandon(&verified.principal.host_session, &flight);
        }
        pilot.land(begun);
        // After landing: nobody waits for a change of name.
        self.users.follow(&verified.principal, &user).await;
    }

    async fn exchange(
        self: &Arc<Self>,
        verified: &Verified,
        entrance: &Entrance,
    ) -> Result<Exchanged<'_>, ExchangeError> {
        let principal = &verified.principal;
        let line_up = async {
            let mandate = match self.claim(verified).await? {
                Some(Claim::Live(found)) => return Ok(Err(found)),
                Some(Claim::Dead) => return Err(ExchangeError::LoggedOut),
                Some(Claim::Mine(mandate)) => Some(mandate),
                None => None,
            };
            Ok(Ok((self.line_up(principal).await?, mandate)))
        };
        let (lined_up, permit) = entrance.place(line_up).await?;
        failpoint::reach("claimed");
        let ((turns, target), mandate) = match lined_up {
            Ok(ours) => ours,
            Err(found) => return Ok(Exchanged::Found(found)),
        };
        if let Some((user, credentials, other)) = self.shareable(principal).await? {
            return Ok(Exchanged::Made(Box::new(Made {
                user,
                credentials,
                mandate,
                intent: None,
                sharing: Some(other),
                turns: Some(turns),
                _permit: permit,
            })));
        }
        let user = self.users.settle(principal, &target).await?;
        let turns = match self.rules().sessions.scope {
            Scope::Session => None,
            Scope::Principal => Some(turns),
        };
        let lease = mandate.as_ref().map(|mandate| &mandate.lease);
        let intent = self.intend(lease, &user.id).await?;
        let credentials = self.mint(&user, intent.as_ref()).await?;
        Ok(Exchanged::Made(Box::new(Made {
            user,
            credentials: Arc::new(credentials),
            mandate,
            intent,
            sharing: None,
            turns,
            _permit: permit,
        })))
    }

    async fn claim(self: &Arc<Self>, verified: &Verified) -> Result<Option<Claim>, ExchangeError> {
        let Some(together) = &self.shared else {
            return Ok(None);
        };
        let token = Token::of(verified);
        Ok(Some(
            together.store.claim(&verified.principal, &token).await?,
        ))
    }

    /// Mints for a user that was found fit just before. What Rocket.Chat certainly did not make is owed no more.
    pub(in crate::session) async fn mint(
        &self,
        user: &User,
        intent: Option<&Intent>,
    ) -> Result<Credentials, ExchangeError> {
        let minted = self.rocketchat.mint(user).await;
        failpoint::reach("minted");
        self.metrics
            .credentials_minted(minted.as_ref().map_or_else(|error| error.kind(), |_| "ok"));
        if let (Err(error), Some(intent), Some(together)) = (&minted, intent, &self.shared)
            && !error.may_have_happened()
        {
            // Should this fail, it is found later that there is nothing to do away with.
            let _struck = together.store.strike(&intent.id).await;
        }
        Ok(minted?)
    }

    /// Makes a session of what was minted. From here on the credentials belong to a session, and ending it owes their logout.
    async fn begin(
        self: &Arc<Self>,
        flight: &Arc<ExchangeFlight>,
        verified: &Verified,
        mut made: Made<'_>,
    ) -> Outcome {
        // Until it is enlisted.
        let _turns = made.turns.take();
        let now = Moment::of(self.clock.now());
        let hard_end = now.after(self.rules().sessions.max_lifetime);
        let username = made.user.username.clone();
        let facts = Facts::new(verified, username, now, hard_end);
        let session = Arc::new(Session::begin(Begin {
            span: Arc::clone(&self.span),
            uses: Uses::new(verified, now),
            refresh_due: self.refresh_due(&made.credentials),
            credentials: Arc::clone(&made.credentials),
            facts,
        }));
        let gaps = self.shared.as_ref().map(|together| together.store.gaps());
        let mut heeded = Tombstones::default();
        if let Some(mandate) = &made.mandate {
            heeded = mandate.tombstones();
        }
        match self.commit(&session, made).await {
            Ok(true) => {}
            Ok(false) => return Outcome::Abandoned,
            Err(error) => return Outcome::Failed(error),
        }
        failpoint::reach("committed");
        self.metrics.session_began();
        audit::session_began(session.about(&session.current().credentials));
        let most = self.rules().sessions.max_per_principal;
        let displaced = self.local.enlist(&session, most);
        // After enlisting: a logout of many host sessions that put no tombstone down by now finds this one enlisted.
        let tombstones = self.local.tombstones(&verified.principal).and(heeded);
        let dead = tombstones.refusing(&Token::of(verified)).is_some();
        session.heed(tombstones);
        if dead || !self.local.commit(flight, &session) {
            // Not dead by a tombstone means that it was let go.
            let tombstones = self.local.tombstones(&verified.principal);
            let cause = tombstones
                .refusing(&Token::of(verified))
                .map_or(EndCause::Release, Tombstone::cause);
            self.end(&session, cause);
            return Outcome::Abandoned;
        }
        if let Some(gaps) = gaps
            && !self.is_live_still(&session, gaps).await
        {
            return Outcome::Abandoned;
        }
        failpoint::reach("begun");
        self.make_room(&session, displaced).await;
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
            .after(life.mul_f64(self.rules().sessions.refresh_at.clamp(0.0, 1.0)))
    }
}

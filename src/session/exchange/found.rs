//! Sessions that are live in the store and not known in this process yet: they are taken in, and served as if they had begun here.

use std::sync::Arc;

use crate::jwt::Verified;
use crate::session::exchange::{ExchangeFlight, Outcome};
use crate::session::handle::StandIn;
use crate::session::local::Seat;
use crate::session::moment::Moment;
use crate::session::outbox::{Ending, Whom, Written};
use crate::session::record::{Admitted, Begin, Session};
use crate::session::shared::find::Found;
use crate::session::tombstone::Token;
use crate::session::{EndCause, ExchangeError, Inner};

impl Inner {
    /// The session here that was found in the store.
    pub(in crate::session) async fn adopt(
        &self,
        found: Found,
    ) -> Result<Option<Arc<Session>>, ExchangeError> {
        let host_session = found.kept.facts.host_session;
        match self.local.seat(&host_session, || Some(())) {
            Seat::Live(session) if session.id() == &*found.kept.facts.id => Ok(Some(session)),
            // What is believed here has ended elsewhere, or what was found has: who asks again is told.
            Seat::Live(session) => {
                self.look_again(&session).await;
                Ok(None)
            }
            Seat::Joined(flight) => match flight.outcome().await {
                Outcome::Session(session) => Ok(Some(session)),
                Outcome::Failed(error) => Err(error),
                Outcome::Abandoned => Ok(None),
            },
            Seat::Begun(pilot, ()) => {
                let landed = self.take_in(pilot.flight(), found).await;
                let outcome = landed.unwrap_or_else(Outcome::Failed);
                pilot.land(outcome.clone());
                match outcome {
                    Outcome::Session(session) => Ok(Some(session)),
                    Outcome::Failed(error) => Err(error),
                    Outcome::Abandoned => Ok(None),
                }
            }
            Seat::Full => Ok(None),
        }
    }

    /// The session of this token that is live in the store and not known here. Asked before an exchange, so that no known session takes
    /// a place in the queue for minting.
    pub(in crate::session) async fn look_elsewhere(
        &self,
        verified: &Verified,
    ) -> Result<Option<Admitted>, ExchangeError> {
        let host_session = &verified.principal.host_session;
        let Some(together) = &self.shared else {
            return Ok(None);
        };
        if self.local.find(host_session).is_some() {
            return Ok(None);
        }
        let Some(id) = together.store.id_of(host_session).await? else {
            return Ok(None);
        };
        let Some(found) = together.store.find(&id).await? else {
            return Ok(None);
        };
        if found.tombstones.refusing(&Token::of(verified)).is_some() {
            return Err(ExchangeError::LoggedOut);
        }
        let now = Moment::of(self.clock.now());
        let session = self.adopt(found).await?;
        Ok(session.and_then(|session| self.let_in(session, verified, now)))
    }

    /// The live session with this id, wherever it is known.
    pub(in crate::session) async fn by_id(
        &self,
        id: &str,
    ) -> Result<Option<Arc<Session>>, ExchangeError> {
        if let Some(session) = self.local.of_id(id) {
            return Ok(Some(session).filter(|session| !session.ended()));
        }
        let Some(together) = &self.shared else {
            return Ok(None);
        };
        match together.store.find(id).await? {
            Some(found) => self.adopt(found).await,
            None => Ok(None),
        }
    }

    /// Puts a found session in the place of a flight.
    pub(super) async fn take_in(
        &self,
        flight: &Arc<ExchangeFlight>,
        found: Found,
    ) -> Result<Outcome, ExchangeError> {
        let facts = found.kept.facts;
        let host_session = facts.host_session;
        let session = Arc::new(Session::begin(Begin {
            span: Arc::clone(&self.span),
            uses: found.uses,
            refresh_due: self.refresh_due(&found.kept.credentials),
            credentials: found.kept.credentials,
            facts,
        }));
        session.heed(found.tombstones);
        if let Some(together) = &self.shared {
            let stand_in = together
                .store
                .stand_in_of(session.id(), &found.kept.stand_in);
            self.name(&session, &stand_in);
        }
        self.metrics.session_began();
        tracing::debug!(
            session.id = session.id(),
            "a session was found in the store"
        );
        let most = self.rules().sessions.max_per_principal;
        self.local.enlist(&session, most);
        if !self.local.commit(flight, &session) {
            // Let go or logged out while it was looked for, which the outbox carries on; here it never began.
            self.local.abandon(&host_session, flight);
            self.end_here(&session, EndCause::Release);
            return Ok(Outcome::Abandoned);
        }
        if !self.is_live_still(&session, found.gaps).await {
            return Ok(Outcome::Abandoned);
        }
        self.deadlines.watch(&session);
        Ok(Outcome::Session(session))
    }

    /// Has a session that has just taken its place ended elsewhere meanwhile? Who hears of an end remembers it before looking for the
    /// session here; so one of the two sees the other, unless something was missed.
    pub(super) async fn is_live_still(&self, session: &Arc<Session>, gaps: u64) -> bool {
        let Some(together) = &self.shared else {
            return true;
        };
        if let Some(cause) = together.store.ended(session.id()) {
            self.end_here(session, cause);
        } else if together.store.gaps() != gaps {
            self.look_again(session).await;
        }
        !session.ended()
    }

    /// A session's stand-in where every process makes the same.
    pub(super) fn name(&self, session: &Arc<Session>, stand_in: &StandIn) {
        self.local.add_stand_in(stand_in.hash(), session);
        session.keep_stand_in(stand_in);
    }

    /// Ends a session wherever it is known.
    pub(in crate::session) fn end_by_id(&self, id: &str, cause: EndCause) -> Written {
        match self.local.of_id(id) {
            Some(session) => self.end(&session, cause),
            None => self.carry(Ending::new(Whom::Session(id.into()), cause)),
        }
    }
}

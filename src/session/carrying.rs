//! Carrying ends and notes of use into the shared store.

use std::sync::Arc;

use crate::config::session::Scope;
use crate::failpoint;
use crate::session::facts::Facts;
use crate::session::life::Bounds;
use crate::session::moment::Moment;
use crate::session::outbox::{Ending, Order, Whom};
use crate::session::record::Session;
use crate::session::revoke::Owe;
use crate::session::shared::Shared;
use crate::session::shared::ends::End;
use crate::session::shared::uses::{Note, Noted};
use crate::session::store::StoreError;
use crate::session::tombstone::Tombstone;
use crate::session::{EndCause, Inner};
use crate::telemetry::audit::{self, About};

impl Inner {
    /// Carries one order out, wholly or not; trying it again does no harm.
    pub(in crate::session) async fn carry_out(&self, order: &Order) -> Result<(), StoreError> {
        let Some(together) = &self.shared else {
            return Ok(());
        };
        let shared = &together.store;
        match order {
            Order::End(ending) => self.end_there(shared, ending).await,
            Order::Overdue(id, session) => self.overdue(shared, id, session.as_ref()).await,
            Order::Note(session) => self.note(shared, std::slice::from_ref(session)).await,
        }
    }

    /// Says so, once, and does what cannot wait for the store.
    pub(in crate::session) fn not_carried_out(&self, order: &Order, error: &StoreError) {
        tracing::warn!(
            error.kind = error.kind(),
            error = crate::telemetry::logging::chain(error),
            "what happened to a session cannot be written into the session store yet; it will be tried until it is"
        );
        // A token of one session may be logged out at once. One that is shared may be in use at another replica.
        if let Order::End(ending) = order
            && self.rules().sessions.scope == Scope::Session
        {
            for credentials in ending.take_held() {
                self.revoker.owe(Owe::new(credentials, ending.cause.name()));
            }
        }
    }

    async fn end_there(&self, shared: &Arc<Shared>, ending: &Ending) -> Result<(), StoreError> {
        let token = *ending.token();
        if let (Whom::HostSession(host_session), Some(token)) = (&ending.whom, token) {
            if shared.refuses(&host_session.into(), &token).await? {
                return Ok(());
            }
            *ending.token() = None;
        }
        if let Some((grave, tombstone)) = &ending.buried {
            shared.bury(grave, tombstone, Some(ending)).await?;
            failpoint::reach("buried");
        }
        let ids = match &ending.whom {
            Whom::Session(id) => vec![id.to_string()],
            Whom::HostSession(host_session) => {
                // First the right to begin one, then the one that began: none slips through between. An end that is owed from before
                // leaves alone who begins now: whoever began before it was buried.
                if ending.begun_by == Moment::NEVER {
                    shared.forestall(host_session).await?;
                }
                shared.id_of(host_session).await?.into_iter().collect()
            }
            Whom::Principal(principal) => shared.of_principal(principal).await?,
            Whom::Claim(claim) => shared.of_claim(claim).await?,
        };
        for id in ids {
            if let Some((grave, _)) = &ending.buried {
                self.bury_seen(shared, grave, &id, ending.cause).await?;
            }
            let (cause, begun_by) = (ending.cause, ending.begun_by);
            let end = shared.end_begun_by(&id, cause, begun_by).await?;
            failpoint::reach("ended");
            self.settle_end(&id, ending.cause, end);
        }
        match &ending.buried {
            Some(_) => shared.strike(&ending.id).await,
            None => Ok(()),
        }
    }

    /// What a session has seen at other replicas is refused as well, where all its JWTs are.
    async fn bury_seen(
        &self,
        shared: &Shared,
        grave: &crate::session::grave::Grave,
        id: &str,
        cause: EndCause,
    ) -> Result<(), StoreError> {
        if !matches!(cause, EndCause::Backchannel | EndCause::Revoked) {
            return Ok(());
        }
        let Some(found) = shared.find(id).await? else {
            return Ok(());
        };
        let now = Moment::of(self.clock.now());
        let moment = found.uses.issued.max(now);
        let tombstone = Tombstone::up_to(None, moment, &self.token_life());
        let bare = found.uses.bare.iter();
        let tombstone = bare.fold(tombstone, |tombstone, token| {
            Tombstone::over(Some(&tombstone), token, moment, &self.token_life())
        });
        shared.bury(grave, &tombstone, None).await
    }

    /// The logout that an end in the store owes is this process's to call.
    fn settle_end(&self, id: &str, cause: EndCause, end: End) {
        if let End::Ended(_, due) = end {
            if self.local.of_id(id).is_none() {
                let user_id = due.as_ref().map(|due| due.credentials.user_id());
                let about = About {
                    session_id: id,
                    user_id,
                    issuer: None,
                };
                audit::session_ended(about, cause.name(), cause.ended_by());
            }
            if let Some(due) = due {
                self.revoker
                    .owe(Owe::new(due.credentials, cause.name()).under(due.id));
            }
        }
    }

    /// Ends a session whose time is over by what this process knows, if the others know no better.
    async fn overdue(
        &self,
        shared: &Arc<Shared>,
        id: &str,
        session: Option<&Arc<Session>>,
    ) -> Result<(), StoreError> {
        if let Some(session) = session {
            self.note(shared, std::slice::from_ref(session)).await?;
            if session.ended() {
                return Ok(());
            }
        }
        let now = Moment::of(self.clock.now());
        let end = shared
            .end_overdue(id, |facts| self.bounds(facts), now)
            .await?;
        match (end, session) {
            (End::NotYet(uses), Some(session)) => {
                session.learn(&uses);
                self.deadlines.watch(session);
            }
            (End::Before, Some(session)) => {
                let cause = shared.ended(id).unwrap_or(EndCause::Release);
                self.end_here(session, cause);
            }
            (End::Ended(why, due), session) => {
                if let Some(session) = session {
                    self.end_here(session, why);
                }
                self.settle_end(id, why, End::Ended(why, due));
            }
            (End::NotYet(_) | End::Before, None) => {}
        }
        Ok(())
    }

    /// Notes the use of sessions, and ends those here that have ended elsewhere.
    pub(in crate::session) async fn note(
        &self,
        shared: &Arc<Shared>,
        sessions: &[Arc<Session>],
    ) -> Result<(), StoreError> {
        let now = Moment::of(self.clock.now());
        let notes: Vec<Note> = sessions
            .iter()
            .map(|session| Note {
                facts: session.facts().clone(),
                uses: session.uses(now),
                bounds: session.bounds(),
            })
            .collect();
        for (session, noted) in sessions.iter().zip(shared.note(&notes).await?) {
            match noted {
                Noted::Uses(uses) => session.learn(&uses),
                Noted::Ended => {
                    let cause = shared.ended(session.id()).unwrap_or(EndCause::Release);
                    self.end_here(session, cause);
                }
            }
        }
        Ok(())
    }

    /// What bounds a session's life by the rules of this process.
    pub(in crate::session) fn bounds(&self, facts: &Facts) -> Bounds {
        self.span.bounds(facts.hard_end)
    }
}

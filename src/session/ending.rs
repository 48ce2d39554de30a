//! How sessions end: one way for every cause.
//!
//! An end takes effect in this process at once. Where a store is shared, what it means for others is carried there by the outbox.

use std::sync::Arc;

use crate::config::session::Scope;
use crate::failpoint;
use crate::jwt::{HostSession, Verified};
use crate::rocketchat::Credentials;
use crate::session::grave::Grave;
use crate::session::local::Found;
use crate::session::moment::Moment;
use crate::session::outbox::{Ending, Order, Whom, Written};
use crate::session::record::Session;
use crate::session::revoke::Owe;
use crate::session::tombstone::{Token, Tombstone};
use crate::session::{EndCause, Inner};
use crate::telemetry::audit;

impl Inner {
    /// Ends a session, once. In this order: marked, so that nobody is admitted; its logout owed, so that its auth token is never
    /// without a keeper; forgotten; its sockets told.
    pub(in crate::session) fn end(&self, session: &Arc<Session>, cause: EndCause) -> Written {
        let ending = Ending::new(Whom::Session(session.shared_id()), cause);
        match self.end_here(session, cause) {
            Some(credentials) => self.carry(ending.holding(credentials)),
            None => Written::default(),
        }
    }

    /// Ends a session whose time is over. Where a store is shared it may have been used elsewhere, which is asked for first.
    pub(in crate::session) fn end_in_time(
        &self,
        session: &Arc<Session>,
        cause: EndCause,
    ) -> Written {
        match &self.shared {
            Some(together) => together.outbox.send(Order::Overdue(
                session.shared_id(),
                Some(Arc::clone(session)),
            )),
            None => self.end(session, cause),
        }
    }

    /// Ends a session in this process; the caller sees to the rest. What it held comes back, `None` when it had ended before.
    pub(in crate::session) fn end_here(
        &self,
        session: &Arc<Session>,
        cause: EndCause,
    ) -> Option<Arc<Credentials>> {
        let (credentials, stand_in) = session.finish(cause)?;
        if self.shared.is_none() && !self.is_shared_here(session, &credentials) {
            self.revoker
                .owe(Owe::new(Arc::clone(&credentials), cause.name()));
        }
        self.local.remove(session, stand_in);
        session.tell_sockets();
        self.metrics.session_ended(cause.name());
        let about = session.about(&credentials);
        audit::session_ended(about, cause.name(), cause.ended_by());
        Some(credentials)
    }

    /// Does another live session go on with the same auth token? Of two that end at once, the one that looks last finds none.
    fn is_shared_here(&self, session: &Arc<Session>, credentials: &Credentials) -> bool {
        self.rules().sessions.scope == Scope::Principal
            && self
                .local
                .of_principal(session.principal())
                .iter()
                .any(|other| !other.ended() && other.current().credentials.is_same(credentials))
    }

    /// Hands an ending that took effect here to the store, if there is one.
    pub(in crate::session) fn carry(&self, ending: Ending) -> Written {
        match &self.shared {
            Some(together) => {
                failpoint::reach("ended-here");
                together.outbox.send(Order::End(ending))
            }
            None => Written::default(),
        }
    }

    /// Ends the session of a token, or takes its place from the exchange that would make one. A token that is dead ends nothing:
    /// else a stolen one could end newer sessions.
    pub(in crate::session) fn release(&self, verified: &Verified, cause: EndCause) -> Written {
        if self.is_dead(verified) {
            return Written::default();
        }
        let ending = Ending::new(Whom::HostSession(verified.principal.host_session), cause);
        self.vacate(
            &verified.principal.host_session,
            ending.by(Token::of(verified)),
        )
    }

    /// As [`Inner::release`], with a tombstone. It is put down first: whatever begins after the place is empty sees it.
    pub(in crate::session) fn logout(&self, verified: &Verified) -> Written {
        if self.is_dead(verified) {
            return Written::default();
        }
        let now = Moment::of(self.clock.now());
        let host_session = &verified.principal.host_session;
        let buried = self.bury(host_session.into(), |older| {
            Tombstone::over(older, &Token::of(verified), now, &self.token_life())
        });
        let ending = Ending::new(Whom::HostSession(*host_session), EndCause::Logout);
        self.vacate(host_session, ending.by(Token::of(verified)).burying(buried))
    }

    /// As [`Inner::logout`], by the session itself and for any cause: every JWT that it has seen is refused from now on, and those with
    /// an earlier `iat`.
    pub(in crate::session) fn end_for_good(
        &self,
        session: &Arc<Session>,
        cause: EndCause,
    ) -> Written {
        let now = Moment::of(self.clock.now());
        let (issued, bare) = (session.tokens().issued(), session.tokens().bare());
        let buried = self.bury(session.host_session().into(), |older| {
            let seen = Tombstone::up_to(older, issued.max(now), &self.token_life());
            bare.iter().fold(seen, |tombstone, token| {
                Tombstone::over(Some(&tombstone), token, now, &self.token_life())
            })
        });
        let ending = Ending::new(Whom::Session(session.shared_id()), cause).burying(buried);
        match self.end_here(session, cause) {
            Some(credentials) => self.carry(ending.holding(credentials)),
            None => self.carry(ending),
        }
    }

    pub(in crate::session) fn bury(
        &self,
        grave: Grave,
        make: impl FnOnce(Option<&Tombstone>) -> Tombstone,
    ) -> (Grave, Arc<Tombstone>) {
        let tombstone = self.local.bury(grave, make);
        self.deadlines
            .forget_tombstone(grave, tombstone.kept_until());
        (grave, tombstone)
    }

    /// Empties the place of a host session.
    pub(in crate::session) fn vacate(&self, host_session: &HostSession, ending: Ending) -> Written {
        while let Some(found) = self.local.find(host_session) {
            match found {
                Found::Live(session) => {
                    if let Some(credentials) = self.end_here(&session, ending.cause) {
                        return self.carry(ending.holding(credentials));
                    }
                    break;
                }
                // If it landed between the two looks, the next one finds what came of it.
                Found::Flight(flight) => {
                    if self.local.abandon(host_session, &flight) {
                        break;
                    }
                }
            }
        }
        self.carry(ending)
    }

    pub(in crate::session) fn is_dead(&self, verified: &Verified) -> bool {
        let token = Token::of(verified);
        let refused_here = self
            .local
            .tombstones(&verified.principal)
            .refusing(&token)
            .is_some();
        let refused = |session: &Arc<Session>| session.refuses(&token).then_some(());
        refused_here
            || self
                .local
                .with_live(&verified.principal.host_session, refused)
                .is_some()
    }

    /// Everything a shutdown waits for.
    pub(in crate::session) async fn wind_up(&self) {
        self.intake.close();
        self.revoker.hurry();
        self.intake.empty().await;
        if self.rules().sessions.logout_on_shutdown {
            for session in self.local.all() {
                self.end(&session, EndCause::Shutdown);
            }
        }
        if let Some(together) = &self.shared {
            self.note_all().await;
            together.outbox.empty().await;
        }
        self.revoker.hurry();
        self.revoker.settled().await;
    }
}

//! How sessions end: one way for every cause.

use std::sync::Arc;

use crate::jwt::{HostSession, Verified};
use crate::session::local::Found;
use crate::session::moment::Moment;
use crate::session::record::Session;
use crate::session::tombstone::{Token, Tombstone};
use crate::session::{EndCause, Inner};

impl Inner {
    /// Ends a session, once. In this order: marked, so that nobody is admitted; its logout owed, so that its auth token is never
    /// without a keeper; forgotten; its sockets told.
    pub(in crate::session) fn end(&self, session: &Arc<Session>, cause: EndCause) {
        let Some((credentials, stand_in)) = session.finish(cause) else {
            return;
        };
        self.revoker.owe(credentials, cause.name(), None);
        self.local.remove(session, stand_in);
        session.tell_sockets();
        self.metrics.sessions_changed(-1);
        tracing::info!(
            session.id = session.id(),
            issuer = session.issuer(),
            cause = cause.name(),
            "a session ended"
        );
    }

    /// Ends the session of a token, or takes its place from the exchange that would make one. A token that is dead ends nothing:
    /// else a stolen one could end newer sessions.
    pub(in crate::session) fn release(&self, verified: &Verified, cause: EndCause) {
        if self.is_dead(verified) {
            return;
        }
        self.vacate(&verified.principal.host_session, cause);
    }

    /// As [`Inner::release`], with a tombstone. It is put down first: whatever begins after the place is empty sees it.
    pub(in crate::session) fn logout(&self, verified: &Verified) {
        if self.is_dead(verified) {
            return;
        }
        let now = Moment::of(self.clock.now());
        let host_session = &verified.principal.host_session;
        self.bury(host_session, |older| {
            Tombstone::over(older, &Token::of(verified), now, &self.token_life)
        });
        self.vacate(host_session, EndCause::Logout);
    }

    /// As [`Inner::logout`], by the session itself: every JWT that it has seen is refused from now on, and those with an earlier `iat`.
    pub(in crate::session) fn logout_session(&self, session: &Arc<Session>) {
        let now = Moment::of(self.clock.now());
        let (issued, bare) = (session.tokens().issued(), session.tokens().bare());
        self.bury(session.host_session(), |older| {
            let seen = Tombstone::up_to(older, issued.max(now), &self.token_life);
            bare.iter().fold(seen, |tombstone, token| {
                Tombstone::over(Some(&tombstone), token, now, &self.token_life)
            })
        });
        self.end(session, EndCause::Logout);
    }

    fn bury(&self, host_session: &HostSession, make: impl FnOnce(Option<&Tombstone>) -> Tombstone) {
        let tombstone = self.local.bury(host_session, make);
        self.deadlines
            .forget_tombstone(*host_session, tombstone.kept_until());
    }

    /// Empties the place of a host session.
    fn vacate(&self, host_session: &HostSession, cause: EndCause) {
        while let Some(found) = self.local.find(host_session) {
            match found {
                Found::Live(session) => return self.end(&session, cause),
                // If it landed between the two looks, the next one finds what came of it.
                Found::Flight(flight) => {
                    if self.local.abandon(host_session, &flight) {
                        return;
                    }
                }
            }
        }
    }

    fn is_dead(&self, verified: &Verified) -> bool {
        self.local
            .tombstone(&verified.principal.host_session)
            .is_some_and(|tombstone| tombstone.refuses(&Token::of(verified)))
    }

    /// Everything a shutdown waits for.
    pub(in crate::session) async fn wind_up(&self) {
        self.intake.close();
        self.revoker.hurry();
        self.intake.empty().await;
        if self.rules.logout_on_shutdown {
            for session in self.local.all() {
                self.end(&session, EndCause::Shutdown);
            }
        }
        self.revoker.hurry();
        self.revoker.settled().await;
    }
}

//! Logouts that come from the issuer and name whose sessions are over, whether or not any is known here.
//!
//! The tombstone is put down first, so it also refuses JWTs that nobody has shown yet, and ends exchanges that run when they land.

use std::sync::Arc;

use crate::jwt::{Ended, LoggedOut};
use crate::session::grave::Grave;
use crate::session::moment::Moment;
use crate::session::record::Session;
use crate::session::store::Memory;
use crate::session::tombstone::Tombstone;
use crate::session::{EndCause, Inner, Sessions};

impl Sessions {
    /// Ends all that the issuer says is over, for good: its JWTs up to now are refused, also where no session is known.
    pub fn log_out_named(&self, logged_out: &LoggedOut) {
        let inner = &self.0;
        let now = Moment::of(inner.clock.now());
        // An issuer whose clock is ahead of ours means its own present.
        let moment = Moment::of(logged_out.issued_at).max(now);
        tracing::info!(
            issuer = &*logged_out.issuer,
            "an issuer ended sessions of its own over the back channel"
        );
        match &logged_out.ended {
            Ended::Principal(principal) => {
                inner.log_out_all(principal.into(), moment, |store| {
                    store.of_principal(principal)
                });
            }
            Ended::Claim(claim) => {
                inner.log_out_all(claim.into(), moment, |store| store.of_claim(claim));
            }
            Ended::HostSession { named, unnamed } => {
                for host_session in [named, unnamed] {
                    let live = inner
                        .store
                        .with_live(host_session, |session| Some(Arc::clone(session)));
                    inner.bury_named(host_session.into(), live.as_slice(), moment);
                    inner.vacate(host_session, EndCause::Backchannel);
                }
            }
        }
    }
}

impl Inner {
    /// Buries first and looks for sessions after that, so that none can begin in between unseen: see [`Memory`].
    fn log_out_all(
        &self,
        grave: Grave,
        moment: Moment,
        find: impl Fn(&Memory) -> Vec<Arc<Session>>,
    ) {
        self.bury_named(grave, &find(&self.store), moment);
        for session in find(&self.store) {
            self.end(&session, EndCause::Backchannel);
        }
    }

    /// Buries what was signed up to `moment`, and whatever these sessions have seen.
    fn bury_named(&self, grave: Grave, live: &[Arc<Session>], moment: Moment) {
        let seen = live.iter().map(|session| session.tokens().issued());
        let moment = seen.fold(moment, Moment::max);
        self.bury(grave, |older| {
            let tombstone = Tombstone::up_to(older, moment, &self.token_life);
            // Each without `iat` by itself: a tombstone lasts as long as the longest of those it names.
            let bare = live.iter().flat_map(|session| session.tokens().bare());
            bare.fold(tombstone, |tombstone, token| {
                Tombstone::over(Some(&tombstone), &token, moment, &self.token_life)
            })
            .by_issuer()
        });
    }
}

//! Logouts that come from the issuer and name whose sessions are over, whether or not any is known here.
//!
//! The tombstone is put down first, so it also refuses JWTs that nobody has shown yet, and ends exchanges that run when they land.

use std::sync::Arc;

use crate::jwt::{Ended, LoggedOut};
use crate::session::grave::Grave;
use crate::session::moment::Moment;
use crate::session::outbox::{Ending, Whom, Written};
use crate::session::record::Session;
use crate::session::tombstone::Tombstone;
use crate::session::{EndCause, Inner, Sessions};

impl Sessions {
    /// Ends all that the issuer says is over, for good: its JWTs up to now are refused, also where no session is known. Returns when the
    /// store has it, or after a short while; `false` when another process took the same logout token before.
    pub async fn log_out_named(&self, logged_out: &LoggedOut) -> bool {
        let inner = &self.0;
        let now = Moment::of(inner.clock.now());
        let name = format!("{}\n{}", logged_out.issuer, logged_out.id);
        if let Some(together) = &inner.shared
            // A store that is away does not say no: to end too much is the safe side.
            && let Ok(true) = together.store.seen(name.as_bytes()).await
        {
            return false;
        }
        // An issuer whose clock is ahead of ours means its own present.
        let moment = Moment::of(logged_out.issued_at).max(now);
        tracing::info!(
            issuer = &*logged_out.issuer,
            "an issuer ended sessions of its own over the back channel"
        );
        let all = match &logged_out.ended {
            Ended::Principal(principal) => vec![Whom::Principal(*principal)],
            Ended::Claim(claim) => vec![Whom::Claim(*claim)],
            Ended::HostSession { named, unnamed } => {
                vec![Whom::HostSession(*named), Whom::HostSession(*unnamed)]
            }
        };
        let written: Vec<Written> = all
            .into_iter()
            .map(|whom| {
                inner.end_all_for_good(&whom, EndCause::Backchannel, moment, Tombstone::by_issuer)
            })
            .collect();
        for written in written {
            written.settled().await;
        }
        let Some(together) = &inner.shared else {
            return true;
        };
        // Only now: an issuer whom nobody answered, because this process ended, says it again and is heard. Of two processes that do
        // it at once both end the same, and one says so.
        let life = Moment::of(logged_out.until).since(now);
        let first = together.store.first_seen(name.as_bytes(), life).await;
        !matches!(first, Ok(false))
    }
}

impl Inner {
    /// Ends all these sessions for good: buries what was signed up to `moment` and whatever they have seen, with `strictly` making the
    /// tombstone as strict as its cause wants it. Buries first and looks for sessions after that, so that none can begin in between
    /// unseen: see [`Local`](crate::session::local::Local).
    pub(in crate::session) fn end_all_for_good(
        &self,
        whom: &Whom,
        cause: EndCause,
        moment: Moment,
        strictly: fn(Tombstone) -> Tombstone,
    ) -> Written {
        let grave = match whom {
            Whom::HostSession(host_session) => Grave::from(host_session),
            Whom::Principal(principal) => Grave::from(principal),
            Whom::Claim(claim) => Grave::from(claim),
            Whom::Session(_) => return Written::default(),
        };
        let live = self.of(whom);
        let seen = live.iter().map(|session| session.tokens().issued());
        let moment = seen.fold(moment, Moment::max);
        let buried = self.bury(grave, |older| {
            let tombstone = Tombstone::up_to(older, moment, &self.token_life());
            // Each without `iat` by itself: a tombstone lasts as long as the longest of those it names.
            let bare = live.iter().flat_map(|session| session.tokens().bare());
            strictly(bare.fold(tombstone, |tombstone, token| {
                Tombstone::over(Some(&tombstone), &token, moment, &self.token_life())
            }))
        });
        let mut ending = Ending::new(whom.clone(), cause).burying(buried);
        if let Whom::HostSession(host_session) = whom {
            return self.vacate(host_session, ending);
        }
        for session in self.of(whom) {
            if let Some(credentials) = self.end_here(&session, cause) {
                ending = ending.holding(credentials);
            }
        }
        self.carry(ending)
    }

    /// Those of them that are known here.
    fn of(&self, whom: &Whom) -> Vec<Arc<Session>> {
        match whom {
            Whom::Session(id) => self.local.of_id(id).into_iter().collect(),
            Whom::HostSession(host_session) => self
                .local
                .with_live(host_session, |session| Some(vec![Arc::clone(session)]))
                .unwrap_or_default(),
            Whom::Principal(principal) => self.local.of_principal(principal),
            Whom::Claim(claim) => self.local.of_claim(claim),
        }
    }
}

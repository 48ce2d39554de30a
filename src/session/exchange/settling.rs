//! The steps of an exchange around the minting: lining up, sharing, and what the store hears.

use std::sync::Arc;

use crate::config::session::Scope;
use crate::failpoint;
use crate::jwt::{Principal, PrincipalKey};
use crate::rocketchat::{Credentials, User};
use crate::session::exchange::Made;
use crate::session::exchange::users::Target;
use crate::session::moment::Moment;
use crate::session::record::Session;
use crate::session::revoke::Owe;
use crate::session::shared::codec::Kept;
use crate::session::shared::commit::{Committed, Committing, Intent};
use crate::session::shared::keys;
use crate::session::shared::lease::Lease;
use crate::session::turns::Turn;
use crate::session::{EndCause, ExchangeError, Inner};

/// The right to settle a principal's user, alone among all processes.
pub(in crate::session) struct UserTurns<'a> {
    _name: Turn<'a, String>,
    _principal: Turn<'a, PrincipalKey>,
    _leases: Vec<Lease>,
}

/// Credentials that a principal's live session has.
type Shareable = (User, Arc<Credentials>, Arc<str>);

impl Inner {
    /// Waits for the turns. Host sessions of one principal settle its user one after the other, and so do principals that mean one
    /// name: else they would create it twice, or both take it over.
    pub(super) async fn line_up(
        &self,
        principal: &Principal,
    ) -> Result<(UserTurns<'_>, Target), ExchangeError> {
        let turn = self.principals.take(principal.key).await;
        let mut target = self.users.target(principal).await?;
        let among = self.shared.as_ref().filter(|together| !together.alone);
        // A user that is remembered is neither created nor taken over.
        let unknown = matches!(target, Target::Named(_));
        let mut leases = Vec::new();
        if let Some(together) = among
            && (unknown || self.rules().sessions.scope == Scope::Principal)
        {
            let key = keys::lease("principal", principal.key.as_bytes());
            leases.push(together.store.lease(key).await?);
            // Another process may have settled it just before.
            target = self.users.target(principal).await?;
        }
        let name = target.username().to_ascii_lowercase();
        let named = self.names.take(name.clone()).await;
        if let Some(together) = among
            && unknown
        {
            let key = keys::lease("username", name.as_bytes());
            leases.push(together.store.lease(key).await?);
        }
        let turns = UserTurns {
            _name: named,
            _principal: turn,
            _leases: leases,
        };
        Ok((turns, target))
    }

    /// With one auth token per principal: that of a session the principal has, its user looked at again.
    pub(super) async fn shareable(
        &self,
        principal: &Principal,
    ) -> Result<Option<Shareable>, ExchangeError> {
        if self.rules().sessions.scope == Scope::Session {
            return Ok(None);
        }
        let now = Moment::of(self.clock.now());
        let fresh = |credentials: &Credentials| {
            self.refresh_due(credentials) > now && Moment::of(credentials.expires_at()) > now
        };
        let (credentials, of) = match &self.shared {
            Some(together) => {
                let ids = together.store.of_principal(&principal.key).await?;
                let kept = together.store.credentials_of(&ids).await?;
                let fresh = kept.into_iter().find(|(_, credentials)| fresh(credentials));
                let Some((id, credentials)) = fresh else {
                    return Ok(None);
                };
                (credentials, id)
            }
            None => {
                let sessions = self.local.of_principal(&principal.key);
                let mut sessions = sessions.iter().filter(|session| !session.ended());
                let fresh = |session: &&Arc<Session>| fresh(&session.current().credentials);
                let Some(session) = sessions.find(fresh) else {
                    return Ok(None);
                };
                (session.current().credentials, session.shared_id())
            }
        };
        let user = self.users.look_again(credentials.user_id()).await?;
        Ok(Some((user, credentials, of)))
    }

    /// Writes that a token will be minted, where a store is shared.
    pub(in crate::session) async fn intend(
        &self,
        lease: Option<&Lease>,
        user_id: &str,
    ) -> Result<Option<Intent>, ExchangeError> {
        let (Some(together), Some(lease)) = (&self.shared, lease) else {
            return Ok(None);
        };
        failpoint::reach("before-intent");
        match together.store.intend(lease, user_id).await? {
            Some(intent) => {
                failpoint::reach("intended");
                Ok(Some(intent))
            }
            // Logged out or let go meanwhile, or so slow that another process has begun: who still wants a session asks again.
            None => Err(ExchangeError::Overloaded),
        }
    }

    /// Makes a session live in the store. `false`: it may not begin any more; its logout is owed.
    pub(super) async fn commit(
        &self,
        session: &Arc<Session>,
        made: Made<'_>,
    ) -> Result<bool, ExchangeError> {
        let (Some(together), Some(mandate)) = (&self.shared, made.mandate) else {
            return Ok(true);
        };
        let shared = &together.store;
        let stand_in = shared.stand_in(session.id());
        let kept = Kept {
            facts: session.facts().clone(),
            credentials: made.credentials,
            stand_in: stand_in.hash(),
        };
        let committing = Committing {
            kept: &kept,
            uses: &session.uses(session.facts().began),
            bounds: &session.bounds(),
            intent: made.intent.as_ref(),
            sharing: made.sharing.as_deref(),
        };
        let committed = shared.commit(mandate, &committing).await;
        let owe = |intent: Intent| {
            let owe = Owe::new(Arc::clone(&kept.credentials), EndCause::Release.name());
            self.revoker.owe(owe.under(intent.id));
        };
        match committed {
            Ok(Committed::Live) => {
                self.name(session, &stand_in);
                Ok(true)
            }
            Ok(Committed::Lost) => {
                made.intent.into_iter().for_each(owe);
                Ok(false)
            }
            Err(error) => {
                // Nobody knows whether it is live: if it is, it ends as soon as the store is back.
                self.end(session, EndCause::Release);
                made.intent.into_iter().for_each(owe);
                Err(error.into())
            }
        }
    }

    /// Ends those sessions of the principal that are too many, the least recently used first.
    pub(super) async fn make_room(&self, session: &Arc<Session>, displaced: Vec<Arc<Session>>) {
        let Some(together) = &self.shared else {
            for session in displaced {
                self.end(&session, EndCause::Displaced);
            }
            return;
        };
        let Ok(ids) = together.store.of_principal(session.principal()).await else {
            // The next session of the principal makes room for two.
            return;
        };
        let over = ids
            .len()
            .saturating_sub(self.rules().sessions.max_per_principal);
        for id in ids.into_iter().filter(|id| id != session.id()).take(over) {
            self.end_by_id(&id, EndCause::Displaced);
        }
    }
}

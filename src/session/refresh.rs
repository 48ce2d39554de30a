//! Refreshing: new credentials for a session that goes on, ahead of their expiry or because Rocket.Chat refused them.
//!
//! One refresh runs per session, in a task of its own, however many requests saw the 401. The user is looked at again before:
//! minting does not do so (RC §3.3). The old auth token is owed a logout after the swap; one that still works stays until no
//! request and no socket holds it, so that a refresh ahead of time is not felt. Credentials that were refused in their first
//! moments are asked about once more, since Rocket.Chat may not have stored them yet (RC §3.4).

use std::sync::Arc;
use std::time::Duration;

use crate::config::session::Scope;
use crate::failpoint;
use crate::random;
use crate::rocketchat::Credentials;
use crate::session::exchange::intake::{Entrance, Urgency};
use crate::session::flight::{Flight, Pilot};
use crate::session::moment::Moment;
use crate::session::record::{Admitted, Session, Swapped};
use crate::session::revoke::Owe;
use crate::session::shared::commit::{Intent, REFRESH, Replaced};
use crate::session::shared::keys;
use crate::session::shared::lease::Lease;
use crate::session::store::StoreError;
use crate::session::{EndCause, ExchangeError, Inner};
use crate::telemetry::spans;

/// Until the next try when a refresh ahead of expiry failed: a fifth of a token's life is days, so there is no hurry.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Credentials refused at this age may have been refused because Rocket.Chat had not stored them yet.
const YOUNG: Duration = Duration::from_secs(2);

/// What such credentials get before they are asked about: ten times what a busy database needs.
const SETTLE: Duration = Duration::from_millis(250);

/// How long Rocket.Chat may take to say whether it knows them by now; after that they are replaced.
const ASKED: Duration = Duration::from_secs(1);

/// Refreshes after a rejection that one session gets within [`REJECTIONS_WITHIN`]: a user may log out its other clients now and
/// then, but a Rocket.Chat that refuses everything must not be fed with minted tokens.
const REJECTIONS: usize = 5;

/// See [`REJECTIONS`].
const REJECTIONS_WITHIN: Duration = Duration::from_secs(60);

/// A refresh that runs; the new credentials are in the session when it landed well.
pub(in crate::session) type RefreshFlight = Flight<Result<(), ExchangeError>>;

/// Why a refresh is wanted.
#[derive(Clone, Debug)]
pub(in crate::session) enum Why {
    /// The credentials are stale and still good.
    Ahead,
    /// They are expired, by our count.
    Expired,
    /// Rocket.Chat answered 401 to these.
    Refused(Arc<Credentials>),
}

/// What a refresh did.
#[derive(Clone, Copy, Debug)]
enum Renewed {
    Minted,
    /// Rocket.Chat takes the old ones after all.
    Kept,
}

impl Inner {
    /// New credentials for the session, by joining the refresh that runs or by one of its own.
    pub(in crate::session) async fn refreshed(
        self: &Arc<Self>,
        session: &Arc<Session>,
        why: Why,
    ) -> Result<Admitted, ExchangeError> {
        if let Some(flight) = self.refresh(session, why)? {
            flight.outcome().await?;
        }
        if session.ended() {
            return Err(session.end_error());
        }
        Ok(session.current())
    }

    /// Joins or begins a refresh; `None` when the credentials were replaced since the caller looked.
    pub(in crate::session) fn refresh(
        self: &Arc<Self>,
        session: &Arc<Session>,
        why: Why,
    ) -> Result<Option<Arc<RefreshFlight>>, ExchangeError> {
        if session.ended() {
            return Err(session.end_error());
        }
        let now = Moment::of(self.clock.now());
        let mut inside = session.inside();
        let current = session.current().credentials;
        if let Why::Refused(refused) = &why
            && !Arc::ptr_eq(refused, &current)
        {
            return Ok(None);
        }
        if let Some(flight) = &inside.refresh
            && !flight.landed()
        {
            return Ok(Some(Arc::clone(flight)));
        }
        if matches!(why, Why::Expired) && Moment::of(current.expires_at()) > now {
            return Ok(None);
        }
        if matches!(why, Why::Refused(_)) {
            inside
                .rejections
                .retain(|earlier| earlier.after(REJECTIONS_WITHIN) > now);
            if inside.rejections.len() >= REJECTIONS {
                return Err(ExchangeError::Overloaded);
            }
            inside.rejections.push_back(now);
        }
        let urgency = match why {
            Why::Ahead => Urgency::Background,
            Why::Expired | Why::Refused(_) => Urgency::Awaited,
        };
        let entrance = self
            .intake
            .enter(urgency)
            .ok_or(ExchangeError::Overloaded)?;
        let (flight, pilot) = Flight::begin(Err(ExchangeError::Overloaded));
        inside.refresh = Some(Arc::clone(&flight));
        drop(inside);
        session.set_refresh_due(Moment::NEVER);
        let flying = Arc::clone(self).fly_refresh(pilot, Arc::clone(session), why, entrance);
        tokio::spawn(spans::carried(flying));
        Ok(Some(flight))
    }

    async fn fly_refresh(
        self: Arc<Self>,
        pilot: Pilot<Result<(), ExchangeError>>,
        session: Arc<Session>,
        why: Why,
        entrance: Entrance,
    ) {
        let renewed = self.renew(&session, &why, &entrance).await;
        self.metrics.credentials_refreshed(match &renewed {
            Ok(Renewed::Minted) => "ok",
            Ok(Renewed::Kept) => "kept",
            Err(error) => error.kind(),
        });
        session.inside().refresh = None;
        match &renewed {
            Ok(Renewed::Minted | Renewed::Kept) => {}
            Err(ExchangeError::NotPermitted(reason)) => {
                tracing::info!(
                    session.id = session.id(),
                    error.kind = reason.name(),
                    "a session's user may no longer be acted as: {reason}"
                );
                self.end(&session, EndCause::Deactivated);
            }
            Err(error) => {
                if matches!(why, Why::Ahead) {
                    tracing::warn!(
                        session.id = session.id(),
                        error.kind = error.kind(),
                        "credentials could not be refreshed ahead of their expiry; it will be tried again"
                    );
                }
                let again = random::spread(AGAIN_AFTER);
                session.set_refresh_due(Moment::of(self.clock.now()).after(again));
            }
        }
        self.deadlines.watch(&session);
        pilot.land(renewed.map(drop));
    }

    async fn renew(
        self: &Arc<Self>,
        session: &Arc<Session>,
        why: &Why,
        entrance: &Entrance,
    ) -> Result<Renewed, ExchangeError> {
        let old = session.current().credentials;
        if matches!(why, Why::Refused(_)) && self.settled(&old).await {
            session.set_refresh_due(self.refresh_due(&old));
            return Ok(Renewed::Kept);
        }
        let (lease, _permit) = entrance.place(self.refresh_lease(session, &old)).await?;
        if !Arc::ptr_eq(&old, &session.current().credentials) || session.ended() {
            // Another process was faster.
            return Ok(Renewed::Kept);
        }
        let user = self.users.look_again(old.user_id()).await?;
        let intent = self.intend(lease.as_ref(), &user.id).await?;
        let credentials = Arc::new(self.mint(&user, intent.as_ref()).await?);
        let due = self.refresh_due(&credentials);
        if let (Some(together), Some(intent)) = (&self.shared, intent) {
            let replaced = together
                .store
                .replace(session.id(), &old, &credentials, &intent)
                .await;
            failpoint::reach("replaced");
            return self.replaced(session, (old, credentials), intent, replaced);
        }
        // Nothing may be awaited between the minting and here: from now on the token has a keeper.
        let mut swapped = vec![(
            Arc::clone(session),
            session.swap_credentials(Arc::clone(&credentials)),
        )];
        for sharer in self.sharers_here(session, &old) {
            let outcome = sharer.swap_credentials(Arc::clone(&credentials));
            swapped.push((sharer, outcome));
        }
        // A share of ours would count as somebody who still uses them.
        drop(old);
        self.owe_swapped(swapped, due, why)
    }

    /// The right to refresh a session, alone among all processes; `None` where no store is shared. Takes over what another has done.
    async fn refresh_lease(
        self: &Arc<Self>,
        session: &Arc<Session>,
        old: &Credentials,
    ) -> Result<Option<Lease>, ExchangeError> {
        let Some(together) = &self.shared else {
            return Ok(None);
        };
        let key = match self.rules().sessions.scope {
            Scope::Session => keys::lease("refresh", session.id().as_bytes()),
            Scope::Principal => keys::lease("refresh", session.principal().as_bytes()),
        };
        let lease = together.store.lease(key).await?;
        let ids = [session.id().to_owned()];
        match together
            .store
            .credentials_of(&ids)
            .await?
            .remove(session.id())
        {
            Some(kept) if kept.is_same(old) => {}
            Some(_) | None => self.look_again(session).await,
        }
        Ok(Some(lease))
    }

    fn replaced(
        &self,
        session: &Arc<Session>,
        // The old ones not from the session: it may have heard of the new ones from the store by now.
        (old, new): (Arc<Credentials>, Arc<Credentials>),
        intent: Intent,
        replaced: Result<Replaced, StoreError>,
    ) -> Result<Renewed, ExchangeError> {
        let owe = |credentials| {
            self.revoker
                .owe(Owe::new(credentials, REFRESH).under(intent.id.clone()));
        };
        match replaced {
            Ok(Replaced::Done) => {
                for sharer in self.sharers_here(session, &old) {
                    sharer.take_credentials(Arc::clone(&new), |new| self.refresh_due(new));
                }
                session.take_credentials(new, |new| self.refresh_due(new));
                let held = Owe::new(old, REFRESH).unless_held(Arc::clone(session));
                self.revoker.owe(held.under(intent.id));
                Ok(Renewed::Minted)
            }
            Ok(Replaced::Before(other)) => {
                owe(new);
                session.take_credentials(other, |other| self.refresh_due(other));
                Ok(Renewed::Kept)
            }
            Ok(Replaced::Ended) => {
                owe(new);
                Err(session.end_error())
            }
            Err(error) => {
                owe(new);
                Err(error.into())
            }
        }
    }

    /// The principal's other sessions here that have the same credentials.
    fn sharers_here(&self, session: &Arc<Session>, old: &Credentials) -> Vec<Arc<Session>> {
        if self.rules().sessions.scope == Scope::Session {
            return Vec::new();
        }
        let mut sharers = self.local.of_principal(session.principal());
        sharers.retain(|other| {
            !Arc::ptr_eq(other, session) && other.current().credentials.is_same(old)
        });
        sharers
    }

    /// Each of these credentials was taken out of its place; those that are in no other any more are owed a logout, once.
    fn owe_swapped(
        &self,
        swapped: Vec<(Arc<Session>, Swapped)>,
        due: Moment,
        why: &Why,
    ) -> Result<Renewed, ExchangeError> {
        let mut ended = Vec::new();
        let mut replaced = None;
        for (session, outcome) in swapped {
            match outcome {
                Swapped::Ended(new) => ended.push((session, new)),
                Swapped::Old(old) => {
                    session.set_refresh_due(due);
                    replaced.get_or_insert((session, old));
                }
            }
        }
        match replaced {
            Some((session, old)) => {
                let owe = Owe::new(old, REFRESH);
                self.revoker.owe(match why {
                    Why::Ahead => owe.unless_held(session),
                    Why::Expired | Why::Refused(_) => owe,
                });
                Ok(Renewed::Minted)
            }
            None => {
                let Some((session, new)) = ended.pop() else {
                    return Ok(Renewed::Kept);
                };
                self.revoker.owe(Owe::new(new, REFRESH));
                Err(session.end_error())
            }
        }
    }

    /// Were these refused only because they were too young, and are taken now?
    async fn settled(&self, refused: &Credentials) -> bool {
        let young = Moment::of(refused.minted_at()).after(YOUNG);
        if young <= Moment::of(self.clock.now()) {
            return false;
        }
        tokio::time::sleep(SETTLE).await;
        let asked = tokio::time::timeout(ASKED, self.rocketchat.accepts(refused)).await;
        matches!(asked, Ok(Ok(true)))
    }
}

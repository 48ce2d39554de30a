//! Refreshing: new credentials for a session that goes on, ahead of their expiry or because Rocket.Chat refused them.
//!
//! One refresh runs per session, in a task of its own, however many requests saw the 401. The user is looked at again before:
//! minting does not do so (RC §3.3). The old auth token is owed a logout after the swap; one that still works stays until no
//! request and no socket holds it, so that a refresh ahead of time is not felt.

use std::sync::Arc;
use std::time::Duration;

use crate::rocketchat::Credentials;
use crate::session::exchange::intake::Entrance;
use crate::session::flight::{Flight, Pilot};
use crate::session::moment::Moment;
use crate::session::record::{Admitted, Session, Swapped};
use crate::session::{EndCause, ExchangeError, Inner};

/// Until the next try when a refresh ahead of expiry failed: a fifth of a token's life is days, so there is no hurry.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Credentials refused at this age may have been refused because Rocket.Chat had not stored them yet (RC §3.4).
const YOUNG: Duration = Duration::from_secs(2);

/// What the new auth token gets before its first use, when the old one was refused so young.
const SETTLE: Duration = Duration::from_millis(250);

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
        let entrance = self.intake.enter().ok_or(ExchangeError::Overloaded)?;
        let (flight, pilot) = Flight::begin(Err(ExchangeError::Overloaded));
        inside.refresh = Some(Arc::clone(&flight));
        drop(inside);
        session.set_refresh_due(Moment::NEVER);
        tokio::spawn(Arc::clone(self).fly_refresh(pilot, Arc::clone(session), why, entrance));
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
        self.metrics.credentials_refreshed(
            renewed
                .as_ref()
                .map_or_else(|error| error.kind(), |()| "ok"),
        );
        session.inside().refresh = None;
        match &renewed {
            Ok(()) => {}
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
                session.set_refresh_due(Moment::of(self.clock.now()).after(AGAIN_AFTER));
            }
        }
        self.deadlines.watch(&session);
        pilot.land(renewed);
    }

    async fn renew(
        &self,
        session: &Arc<Session>,
        why: &Why,
        entrance: &Entrance,
    ) -> Result<(), ExchangeError> {
        let (_, _permit) = entrance.place(std::future::ready(Ok(()))).await?;
        let old = session.current().credentials;
        let refused_young = matches!(why, Why::Refused(_))
            && Moment::of(old.minted_at()).after(YOUNG) > Moment::of(self.clock.now());
        let user = self.users.look_again(old.user_id()).await?;
        // A share of ours would count as somebody who still uses them.
        drop(old);
        let credentials = self.mint(&user).await?;
        let due = self.refresh_due(&credentials);
        // Only now is the new token in nobody's hands but ours: from here on nothing may be awaited before it is owned.
        match session.swap_credentials(credentials) {
            Swapped::Ended(new) => {
                self.revoker.owe(new, "refresh", None);
                return Err(session.end_error());
            }
            Swapped::Old(old) => {
                session.set_refresh_due(due);
                let held_by = match why {
                    Why::Ahead => Some(Arc::clone(session)),
                    Why::Expired | Why::Refused(_) => None,
                };
                self.revoker.owe(old, "refresh", held_by);
            }
        }
        if refused_young {
            tokio::time::sleep(SETTLE).await;
        }
        Ok(())
    }
}

//! Watches over Rocket.Chat in the background: is it there, which version, does it take the service account, how long tokens live.
//!
//! At start it tries until all is well, which closes the readiness latch; then it looks every ten minutes, and at once when a call
//! found Rocket.Chat away or the service account refused. Once ready, Rocket.Chat being away does not make Gantry unready: known
//! sessions are answered with a clear problem, and readiness would only turn that into refused connections. A refused service
//! account does, as it mends only by hand.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::rocketchat::ApiError;
use crate::rocketchat::client::Inner;
use crate::rocketchat::expiration;
use crate::rocketchat::mint::NO_SECRET;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::transport::Request;
use crate::rocketchat::wire;
use crate::telemetry::readiness::Latch;
use crate::tls::complaint;

/// Between looks while all is well: how late a changed `Accounts_LoginExpiration` may be noticed.
const WELL: Duration = Duration::from_secs(600);
/// First pause after a failed look.
const FIRST: Duration = Duration::from_millis(250);
/// Longest pause: with the doubling before it, `/api/info` is asked nine times in the first minute, and Rocket.Chat allows ten.
const LONGEST: Duration = Duration::from_secs(15);
/// How long calls that failed together are waited for, so that they cause one look.
const TOGETHER: Duration = Duration::from_millis(200);

/// Starts the watch; it ends when the client is dropped.
pub(in crate::rocketchat) fn start(inner: &Arc<Inner>, latch: Latch) {
    let watch = Watch {
        clock: inner.caller.transport.clock().clone(),
        unwell: Arc::clone(&inner.caller.unwell),
        inner: Arc::downgrade(inner),
        latch,
        told: None,
        was_ready: false,
    };
    tokio::spawn(watch.run());
}

struct Watch {
    inner: Weak<Inner>,
    clock: Clock,
    unwell: Arc<Notify>,
    latch: Latch,
    /// The reason told last, once there was a look.
    told: Option<Option<String>>,
    was_ready: bool,
}

/// What a look found wrong.
enum Trouble {
    /// Nothing can be done at Rocket.Chat.
    Blocking(ApiError),
    /// Every minting would be refused.
    NoSecret,
    /// The token life could not be read; the last one known is used.
    Expiration(ApiError),
}

impl Watch {
    async fn run(mut self) {
        let mut pause = FIRST;
        loop {
            let Some(inner) = self.inner.upgrade() else {
                return;
            };
            let looked = look(&inner).await;
            let is_well = looked.is_ok();
            self.tell(&inner, looked);
            // Held while waiting, it would keep the client alive for ever.
            drop(inner);
            if is_well {
                pause = FIRST;
                tokio::select! {
                    () = self.clock.sleep(WELL) => {}
                    () = self.unwell.notified() => tokio::time::sleep(TOGETHER).await,
                }
            } else {
                self.clock.sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }

    fn tell(&mut self, inner: &Inner, looked: Result<Vec<String>, Trouble>) {
        let reason = match &looked {
            Ok(_) => None,
            Err(Trouble::NoSecret) => Some(NO_SECRET.to_owned()),
            Err(Trouble::Expiration(error)) => {
                Some(format!("its settings cannot be read ({})", error.kind()))
            }
            Err(Trouble::Blocking(error)) => Some(describe(inner, error)),
        };
        let ready = match &looked {
            Ok(_) | Err(Trouble::Expiration(_)) => true,
            Err(Trouble::NoSecret) => false,
            Err(Trouble::Blocking(error)) => {
                self.was_ready
                    && !matches!(
                        error,
                        ApiError::ServiceAccountRefused | ApiError::NotPermitted(_)
                    )
            }
        };
        if ready {
            self.latch.ready();
        } else {
            self.latch.missing(reason.as_deref().unwrap_or_default());
        }
        self.was_ready = ready;
        if self.told.as_ref() == Some(&reason) {
            return;
        }
        match (&reason, looked) {
            (Some(reason), _) => tracing::warn!("Rocket.Chat: {reason}"),
            // What its roles permit is not told by Rocket.Chat; it shows when the first user is made.
            (None, roles) => tracing::info!(
                "Rocket.Chat is there and takes the service account, whose roles are {:?}",
                roles.unwrap_or_default()
            ),
        }
        self.told = Some(reason);
    }
}

/// The roles of the service account, when all is well.
async fn look(inner: &Inner) -> Result<Vec<String>, Trouble> {
    let caller = &inner.caller;
    let regime = inner
        .minter
        .regimes
        .read(&caller.transport)
        .await
        .map_err(Trouble::Blocking)?;
    let answer = caller
        .call(Request::new(Operation::Me))
        .await
        .map_err(Trouble::Blocking)?;
    if !answer.is_good() {
        return Err(Trouble::Blocking(answer.failure(Operation::Me)));
    }
    let me: wire::Me = answer.good().map_err(Trouble::Blocking)?;
    if me.id.is_empty() {
        return Err(Trouble::Blocking(ApiError::Invalid));
    }
    if inner.minter.lacks_secret(regime) {
        return Err(Trouble::NoSecret);
    }
    let life = expiration::read(caller)
        .await
        .map_err(Trouble::Expiration)?;
    inner.set_login_expiration(life);
    Ok(me.roles)
}

/// What `/readyz` and the log say.
fn describe(inner: &Inner, error: &ApiError) -> String {
    match error {
        ApiError::Unreachable(error) => match complaint(error) {
            Some(complaint) => format!("unreachable: {complaint}; check rocketchat.tls"),
            None => "unreachable".to_owned(),
        },
        ApiError::Timeout => "unreachable: no answer in time".to_owned(),
        ApiError::Failed(status) => format!("unreachable: it fails with status {status}"),
        ApiError::Invalid => {
            "unreachable: what answers is no Rocket.Chat, check rocketchat.url".to_owned()
        }
        ApiError::RateLimited(_) => {
            "it asks to slow down: give the service account's role the permission api-bypass-rate-limit"
                .to_owned()
        }
        ApiError::ServiceAccountRefused => match inner.caller.account().complaint() {
            Some(complaint) => {
                format!("service account refused: check rocketchat.service_account ({complaint})")
            }
            None => "service account refused: check rocketchat.service_account".to_owned(),
        },
        ApiError::NotPermitted(_)
        | ApiError::Refused(_)
        | ApiError::PasswordRefused
        | ApiError::SecondFactorRequired => {
            "service account refused: it may not read its own profile, check rocketchat.service_account"
                .to_owned()
        }
    }
}

//! What a process does for as long as it shares a store: it hears what others did, notes how its sessions are used, ends what nobody
//! ends, and takes over what is owed and nobody sees to.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::failpoint;
use crate::rocketchat::Credentials;
use crate::session::moment::Moment;
use crate::session::outbox::{Ending, Order, Outbox};
use crate::session::record::Session;
use crate::session::revoke::Owe;
use crate::session::shared::Shared;
use crate::session::shared::commit::{REFRESH, UNCLAIMED};
use crate::session::shared::debts::{Taken, Whose};
use crate::session::shared::follow::News;
use crate::session::shared::keys;
use crate::session::store::StoreError;
use crate::session::{EndCause, ExchangeError, Inner};
use crate::telemetry::logging::chain;
use crate::telemetry::readiness::Latch;

/// How often use is noted. A session may end this much early at another replica's word only if its newest JWT was shown within it, and
/// newer JWTs are noted at once.
const NOTED_EVERY: Duration = Duration::from_secs(20);

/// How often the store is asked what is owed and what is over; also how soon readiness tells that the store is away.
const ASKED_EVERY: Duration = Duration::from_secs(3);

/// Sessions noted in one batch.
const NOTES: usize = 100;

/// Debts taken over, and sessions ended that nobody else ends, at a time.
const TAKEN: usize = 200;

/// A store and what is on the way to it.
#[derive(Debug)]
pub(in crate::session) struct Together {
    pub(in crate::session) store: Arc<Shared>,
    pub(in crate::session) outbox: Arc<Outbox>,
    /// No other process uses the store.
    pub(in crate::session) alone: bool,
    /// Bounds the work on unknown tokens, which comes all at once after a crash.
    pub(in crate::session) forgetting: Semaphore,
}

/// Begins all of it; ends with `closed`.
pub(in crate::session) fn live_together(
    inner: &Arc<Inner>,
    latch: Latch,
    closed: &CancellationToken,
) {
    let Some(together) = &inner.shared else {
        return;
    };
    let tasks: [std::pin::Pin<Box<dyn Future<Output = ()> + Send>>; 3] = [
        Box::pin(follow(Arc::downgrade(inner), Arc::clone(&together.store))),
        Box::pin(note(Arc::downgrade(inner))),
        Box::pin(take_over(Arc::downgrade(inner), together.alone, latch)),
    ];
    for task in tasks {
        let closed = closed.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = task => {}
                () = closed.cancelled() => {}
            }
        });
    }
}

async fn follow(inner: Weak<Inner>, shared: Arc<Shared>) {
    let mut following = shared.follow();
    drop(shared);
    while let Some(news) = following.next().await {
        let Some(inner) = inner.upgrade() else { return };
        match news {
            News::Ended(id, cause) => {
                if let Some(session) = inner.local.of_id(&id) {
                    inner.end_here(&session, cause);
                }
            }
            News::Changed(id) => {
                if let Some(session) = inner.local.of_id(&id) {
                    tokio::spawn(async move { inner.look_again(&session).await });
                }
            }
            News::Gap => {
                tokio::spawn(look_at_all(Arc::downgrade(&inner)));
            }
        }
    }
}

/// Something may have been missed: whatever is believed here is compared with the store, however long that is away.
async fn look_at_all(inner: Weak<Inner>) {
    let Some(mut all) = inner.upgrade().map(|inner| inner.local.all()) else {
        return;
    };
    while !all.is_empty() {
        let Some(inner) = inner.upgrade() else { return };
        let Some(together) = &inner.shared else {
            return;
        };
        let (some, _) = all.split_at(all.len().min(NOTES));
        if inner.compare(&together.store, some).await.is_ok() {
            all.drain(..all.len().min(NOTES));
            continue;
        }
        drop(inner);
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

async fn note(inner: Weak<Inner>) {
    loop {
        let Some((every, clock)) = inner.upgrade().map(|inner| {
            let every = NOTED_EVERY.min(inner.rules().sessions.idle_timeout / 4);
            (every, inner.clock.clone())
        }) else {
            return;
        };
        clock.sleep(every).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.note_all().await;
    }
}

async fn take_over(inner: Weak<Inner>, alone: bool, latch: Latch) {
    let mut whose = if alone {
        Whose::Everybodys
    } else {
        Whose::Nobodys
    };
    loop {
        let Some(inner) = inner.upgrade() else { return };
        match inner.take_over(whose).await {
            Ok(()) => {
                latch.ready();
                inner.metrics.store_answered();
                whose = Whose::Nobodys;
            }
            Err(error) => {
                tracing::debug!(
                    error.kind = error.kind(),
                    error = chain(&error),
                    "the session store did not answer"
                );
                latch.missing("the session store is away or broken");
                inner.metrics.store_failed();
            }
        }
        drop(inner);
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

impl Inner {
    /// Notes the use of all sessions here that were used since they were noted last.
    pub(in crate::session) async fn note_all(&self) {
        let Some(together) = &self.shared else { return };
        let mut used = self.local.all();
        used.retain(|session| session.unnoted());
        for sessions in used.chunks(NOTES) {
            // What is not noted now is noted with its next use; until then others may believe it less used than it was.
            if self.note(&together.store, sessions).await.is_err() {
                sessions.iter().for_each(|session| session.note_again());
            }
        }
    }

    async fn take_over(self: &Arc<Self>, whose: Whose) -> Result<(), StoreError> {
        let Some(together) = &self.shared else {
            return Ok(());
        };
        let shared = &together.store;
        shared.try_writing().await?;
        let now = Moment::of(self.clock.now());
        for taken in shared.take_over(whose, TAKEN).await? {
            self.take(shared, taken);
        }
        for entry in shared.overdue(now, TAKEN).await? {
            // What is known here has its own time here.
            if self.local.of_id(&entry.member).is_none() {
                together
                    .outbox
                    .send(Order::Overdue(entry.member.into(), None));
            }
        }
        let debts = shared.debts().await?;
        self.metrics
            .owed_logouts(usize::try_from(debts).unwrap_or(usize::MAX));
        Ok(())
    }

    fn take(self: &Arc<Self>, shared: &Arc<Shared>, taken: Taken) {
        let Taken { id, debt, early } = taken;
        if self.revoker.sees_to(&id) {
            return;
        }
        if let Some(ends) = debt.ends {
            let cause = EndCause::named(&debt.cause).unwrap_or(EndCause::Logout);
            let written = self.carry(Ending {
                begun_by: ends.begun_by,
                ..Ending::new(ends.whom, cause)
            });
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                written.written().await;
                // Should this fail, what has ended is ended again.
                let _struck = shared.strike(&id).await;
            });
            return;
        }
        tracing::info!("an owed logout that nobody saw to is taken over");
        if let Some(credentials) = debt.credentials {
            let cause = match debt.cause.as_str() {
                REFRESH => REFRESH,
                cause => EndCause::named(cause).map_or(UNCLAIMED, EndCause::name),
            };
            return self.revoker.owe(Owe::new(credentials, cause).under(id));
        }
        let (inner, shared) = (Arc::clone(self), Arc::clone(shared));
        tokio::spawn(async move {
            if let Err(error) = inner
                .forget_unknown(&shared, &id, &debt.user_id, early)
                .await
            {
                tracing::warn!(
                    rocketchat.user_id = debt.user_id,
                    error.kind = error.kind(),
                    "an auth token that was asked for just before a process ended cannot be done away with yet; it will be tried again"
                );
            }
        });
    }

    /// Does away with a token that Rocket.Chat may have made for a process that died before it heard of it. Nobody knows the token, so
    /// all other tokens of the user go with it (RC §2.7) but one; live sessions whose token it was get new ones at their next request.
    async fn forget_unknown(
        &self,
        shared: &Arc<Shared>,
        id: &str,
        user_id: &str,
        early: bool,
    ) -> Result<(), ExchangeError> {
        let Some(together) = &self.shared else {
            return Ok(());
        };
        let _bounded = together.forgetting.acquire().await;
        let _one_at_a_time = shared
            .lease(keys::lease("unknown", user_id.as_bytes()))
            .await?;
        // A live session's token can do it and stays.
        for credentials in self.live_credentials(shared, user_id).await? {
            if self
                .rocketchat
                .remove_other_tokens(&credentials)
                .await
                .is_ok()
            {
                return Ok(self.done_away(shared, id, early).await?);
            }
        }
        let fresh = match self.rocketchat.user_by_id(user_id).await? {
            Some(user) => self.rocketchat.mint(&user).await?,
            // With the user went its tokens.
            None => return Ok(shared.strike(id).await?),
        };
        failpoint::reach("fresh-minted");
        let removed = self.rocketchat.remove_other_tokens(&fresh).await;
        failpoint::reach("others-removed");
        // Before its own logout: should that fail, what is still owed under this id does away with it as well.
        if removed.is_ok() {
            self.rocketchat.revoke(&fresh).await?;
            failpoint::reach("fresh-logged-out");
            self.metrics.credentials_revoked(UNCLAIMED, "ok");
            return Ok(self.done_away(shared, id, early).await?);
        }
        self.revoker.owe(Owe::new(Arc::new(fresh), UNCLAIMED));
        Ok(removed?)
    }

    /// Whoever asked may have died a moment ago, and Rocket.Chat may be slow: what was removed then may not have been there yet. It
    /// stays owed for as long as a minting is left to who began it, and is removed once more.
    async fn done_away(&self, shared: &Shared, id: &str, early: bool) -> Result<(), StoreError> {
        if early {
            return Ok(());
        }
        shared.strike(id).await
    }

    /// What live sessions of a user hold.
    async fn live_credentials(
        &self,
        shared: &Shared,
        user_id: &str,
    ) -> Result<Vec<Arc<Credentials>>, StoreError> {
        let Some(principal) = shared.owner(user_id).await? else {
            return Ok(Vec::new());
        };
        let ids = shared.of_principal(&principal).await?;
        let held = shared.credentials_of(&ids).await?;
        let theirs = |credentials: &Arc<Credentials>| credentials.user_id() == user_id;
        Ok(held.into_values().filter(theirs).collect())
    }

    /// A session changed elsewhere.
    pub(in crate::session) async fn look_again(&self, session: &Arc<Session>) {
        let Some(together) = &self.shared else { return };
        match together.store.find(session.id()).await {
            Ok(Some(found)) => {
                session.learn(&found.uses);
                session.take_credentials(found.kept.credentials, |credentials| {
                    self.refresh_due(credentials)
                });
                self.deadlines.watch(session);
            }
            Ok(None) => self.gone(session),
            // Its old token will be refused, and then it is looked at again.
            Err(_) => {}
        }
    }

    async fn compare(
        &self,
        shared: &Arc<Shared>,
        sessions: &[Arc<Session>],
    ) -> Result<(), StoreError> {
        let ids: Vec<String> = sessions
            .iter()
            .map(|session| session.id().to_owned())
            .collect();
        let mut kept = shared.credentials_of(&ids).await?;
        for session in sessions {
            match kept.remove(session.id()) {
                Some(credentials) => session
                    .take_credentials(credentials, |credentials| self.refresh_due(credentials)),
                None => self.gone(session),
            }
        }
        Ok(())
    }

    fn gone(&self, session: &Arc<Session>) {
        let Some(together) = &self.shared else { return };
        let cause = together.store.ended(session.id());
        self.end_here(session, cause.unwrap_or(EndCause::Logout));
    }
}

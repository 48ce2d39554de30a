//! The keys of one issuer over time: fetched at start, refreshed ahead of expiry, looked at again when a token names an unknown key.
//!
//! A failed fetch keeps the known keys and is tried again ever more slowly; where there never were keys, every token is refused. A set that
//! was fetched is the whole truth: keys that are no longer in it are withdrawn at once. There are no keys from anywhere else.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::jwt::keys::{Key, KeySet};
use crate::telemetry::logging::chain;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Latch;

mod fetch;
mod look;
mod reach;
mod source;
#[cfg(test)]
mod tests;

pub(in crate::jwt) use fetch::Fetcher;
pub use look::{Keys, NoKeys, try_keys};
pub(in crate::jwt) use source::{FetchError, Source};

/// Shortest time between two fetches that bearers with unknown keys may cause, so that made-up key ids cannot hammer the issuer.
pub(in crate::jwt) const MIN_FETCH_INTERVAL: Duration = Duration::from_secs(10);

/// First wait after a failed fetch; doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Longest wait after a failed fetch: an issuer that is back is noticed within half a minute.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Longest time that a bearer waits for somebody's fetch: as long as a fetch may take, and one second for its start.
const LONGEST_WAIT: Duration = fetch::TIME_LIMIT.saturating_add(Duration::from_secs(1));

/// The keys of one issuer; shared by the verifier and the issuer's background task.
#[derive(Debug)]
pub(in crate::jwt) struct KeyRing {
    keys: ArcSwap<KeySet>,
    progress: watch::Sender<Progress>,
    wanted: Notify,
    /// The source is known to have changed.
    changed: Notify,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    /// The keys never change.
    Fixed,
    /// Fetches that have ended, with one under way.
    Fetching(u64),
    /// Fetches that have ended, and when the last one did.
    Resting(u64, SystemTime),
}

/// What the background task of a ring works with.
pub(in crate::jwt) struct Keeper {
    /// The issuer's name, for messages.
    pub issuer: Arc<str>,
    /// Algorithms that the config accepts.
    pub accepted: Vec<Algorithm>,
    /// Where the keys come from.
    pub source: Source,
    pub clock: Clock,
    pub metrics: Metrics,
    pub latch: Latch,
    /// Ends the task.
    pub stop: CancellationToken,
}

impl KeyRing {
    /// One key for good, or none.
    pub(in crate::jwt) fn fixed(key: Option<Key>) -> Arc<Self> {
        let keys = key.map(|key| KeySet::of(Arc::new(key)));
        Self::new(keys.unwrap_or_default(), Progress::Fixed)
    }

    /// Keys from a source, kept by a background task until the keeper's stop.
    pub(in crate::jwt) fn kept(keeper: Keeper) -> Arc<Self> {
        // Fetching from the start: whoever comes before the first keys waits for them.
        let ring = Self::new(KeySet::default(), Progress::Fetching(0));
        let stop = keeper.stop.clone();
        let keeping = Arc::clone(&ring).keep(keeper);
        tokio::spawn(stop.run_until_cancelled_owned(keeping));
        ring
    }

    fn new(keys: KeySet, progress: Progress) -> Arc<Self> {
        Arc::new(Self {
            keys: ArcSwap::from_pointee(keys),
            progress: watch::Sender::new(progress),
            wanted: Notify::new(),
            changed: Notify::new(),
        })
    }

    /// The keys of this moment.
    pub(in crate::jwt) fn keys(&self) -> Arc<KeySet> {
        self.keys.load_full()
    }

    /// Waits for a fetch that is newer than `seen`: joins the one under way, or causes one unless the last is too recent. Says whether
    /// the keys are others now.
    pub(in crate::jwt) async fn look_again(&self, seen: &Arc<KeySet>, now: SystemTime) -> bool {
        let mut progress = self.progress.subscribe();
        if !self.has(seen) {
            return true;
        }
        let before = *progress.borrow_and_update();
        let ended = match before {
            Progress::Fixed => return false,
            Progress::Resting(_, since) if !may_fetch(since, now) => return false,
            Progress::Resting(ended, _) => {
                self.wanted.notify_one();
                ended
            }
            Progress::Fetching(ended) => ended,
        };
        let ended = progress.wait_for(|progress| progress.ended() > ended);
        // A bearer whose wait ends without a fetch is judged by the keys there are.
        let _in_time = tokio::time::timeout(LONGEST_WAIT, ended).await;
        !self.has(seen)
    }

    /// Has the source read as soon as can be: somebody on this side knows that it changed.
    pub(in crate::jwt) fn read_again(&self) {
        self.changed.notify_one();
    }

    fn has(&self, keys: &Arc<KeySet>) -> bool {
        Arc::ptr_eq(&self.keys.load(), keys)
    }

    async fn keep(self: Arc<Self>, keeper: Keeper) {
        let mut health = Health::new(&keeper);
        let mut failures = 0;
        for fetches in 0.. {
            self.progress.send_replace(Progress::Fetching(fetches));
            let loaded = keeper.source.load(&keeper.accepted).await;
            if keeper.source.is_remote() {
                keeper.metrics.jwks_fetched(match &loaded {
                    Ok(_) => "ok",
                    Err(error) => error.kind(),
                });
            }
            let wait = match loaded {
                Ok(loaded) => {
                    failures = 0;
                    self.replace(loaded.keys, &mut health);
                    loaded.fresh_for
                }
                Err(error) => {
                    failures += 1;
                    health.failed(&error, self.keys.load().lack().is_none());
                    retry_after(failures)
                }
            };
            let now = keeper.clock.now();
            self.progress
                .send_replace(Progress::Resting(fetches + 1, now));
            self.rest(now, wait, &keeper.clock).await;
        }
    }

    /// Waits until the next fetch is due, or wanted and allowed.
    async fn rest(&self, since: SystemTime, wait: Duration, clock: &Clock) {
        let due = clock.sleep(wait);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = &mut due => return,
                () = self.changed.notified() => return,
                () = self.wanted.notified() => {
                    // Judged here again: a wish that was uttered during the last fetch has been granted by it.
                    if may_fetch(since, clock.now()) {
                        return;
                    }
                }
            }
        }
    }

    fn replace(&self, keys: KeySet, health: &mut Health<'_>) {
        let previous = self.keys.load_full();
        let keys = Arc::new(keys.succeed(&previous));
        // The new set first: who finds a withdrawn key in the old one must find the new one when it looks again.
        self.keys.store(Arc::clone(&keys));
        let changed = keys.withdraw_missing(&previous);
        health.fetched(&keys, changed);
    }
}

impl Progress {
    fn ended(self) -> u64 {
        match self {
            Self::Fixed => 0,
            Self::Fetching(ended) | Self::Resting(ended, _) => ended,
        }
    }
}

fn may_fetch(since: SystemTime, now: SystemTime) -> bool {
    now.duration_since(since)
        .is_ok_and(|rested| rested >= MIN_FETCH_INTERVAL)
}

fn retry_after(failures: u32) -> Duration {
    FIRST_RETRY
        .saturating_mul(2_u32.saturating_pow(failures - 1))
        .min(LONGEST_RETRY)
}

/// Tells operators when the state of an issuer's keys changes, and only then.
struct Health<'k> {
    keeper: &'k Keeper,
    /// The kind of the last failure; `None` after a success.
    failing: Option<&'static str>,
}

impl<'k> Health<'k> {
    fn new(keeper: &'k Keeper) -> Self {
        Self {
            keeper,
            failing: None,
        }
    }

    fn fetched(&mut self, keys: &KeySet, changed: bool) {
        let issuer = &*self.keeper.issuer;
        if let Some(lack) = keys.lack() {
            self.keeper.latch.missing(&format!("no usable key: {lack}"));
            if self.failing.replace(lack.kind()) != Some(lack.kind()) {
                warn!(
                    issuer,
                    error.kind = lack.kind(),
                    error = %lack,
                    "issuer {issuer} offers no usable key, so all its tokens are refused; publish a key that fits `algorithms`"
                );
            }
            return;
        }
        self.keeper.latch.ready();
        if self.failing.take().is_some() || changed {
            info!(issuer, "keys of issuer {issuer} have been read");
        }
    }

    fn failed(&mut self, error: &FetchError, has_keys: bool) {
        if !has_keys {
            self.keeper.latch.missing(&error.to_string());
        }
        if self.failing.replace(error.kind()) == Some(error.kind()) {
            return;
        }
        let issuer = &*self.keeper.issuer;
        let effect = if has_keys {
            "the known ones stay in use"
        } else {
            "all its tokens are refused"
        };
        warn!(
            issuer,
            error.kind = error.kind(),
            error = chain(&error),
            "keys of issuer {issuer} could not be read, {effect}: {}",
            error.advice()
        );
    }
}

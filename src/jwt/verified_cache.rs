//! Tokens that were verified, so that a warm request costs two digests and a look-up instead of a signature check.
//!
//! An entry answers only for exactly its token, within its times by our clock, and as long as its key was not withdrawn: all three are judged
//! on every hit. Memory is bounded by weight, and by it also in number.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use dashmap::DashMap;

use crate::clock::Clock;
use crate::jwt::claims::Window;
use crate::jwt::keys::Key;
use crate::jwt::principal::SignatureDigest;
use crate::jwt::unverified::Halves;
use crate::jwt::{TokenFingerprint, Verified};

/// Most memory of the remembered tokens, roughly: what 6,000 usual ones take, which is more than the people who use one workspace at the
/// same time, for each sends one token until it is renewed. Whoever comes beyond them pays a signature check each time; nobody is refused.
const MAX_WEIGHT: u64 = 6_000 * MIN_ENTRY_WEIGHT;

/// Least weight of an entry: its structures, and the texts of a small token. Makes [`MAX_WEIGHT`] a bound on the number, too.
const MIN_ENTRY_WEIGHT: u64 = 800;

/// What the structures of an entry take besides its texts.
const STRUCTURES: usize = 640;

/// How often entries of expired tokens are dropped. Nobody is admitted by them; they only take space.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The verified tokens of one verifier. Issuers, audiences and rules are fixed for its life, so they are part of every key.
#[derive(Clone, Debug, Default)]
pub(in crate::jwt) struct VerifiedCache(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tokens: DashMap<TokenFingerprint, Arc<Known>, BuildHasherDefault<DigestHasher>>,
    order: Mutex<Order>,
}

/// In which order tokens make room: the one that came first goes first, unless it was used meanwhile, which puts it last again. A hit
/// so costs one flag and no lock of the order.
#[derive(Debug, Default)]
struct Order {
    /// Dead ones were forgotten or replaced.
    queue: VecDeque<Weak<Known>>,
    weight: u64,
}

/// A verified token with what decides on every hit.
#[derive(Debug)]
pub(in crate::jwt) struct Known {
    pub verified: Arc<Verified>,
    pub window: Window,
    /// The key that verified it.
    pub key: Arc<Key>,
    /// The fingerprint does not cover the signature.
    pub signature: SignatureDigest,
    /// Was it used since its turn to go came last?
    pub used: AtomicBool,
}

impl VerifiedCache {
    pub(in crate::jwt) fn new() -> Self {
        Self::default()
    }

    /// The token, if it was verified before and may be used now.
    pub(in crate::jwt) fn find(
        &self,
        bearer: Halves<'_>,
        now: SystemTime,
    ) -> Option<Arc<Verified>> {
        let fingerprint = TokenFingerprint::of(bearer.signing_input);
        let known = self.0.tokens.get(&fingerprint)?;
        let signature = SignatureDigest::of(bearer.signature);
        // In constant time: claims are no secret, so the signature is all that a guesser lacks.
        verify_slices_are_equal(known.signature.as_bytes(), signature.as_bytes()).ok()?;
        if !known.is_usable(now) {
            drop(known);
            self.forget(&fingerprint);
            return None;
        }
        // Written to when it changes something only: other cores read it, too.
        if !known.used.load(Ordering::Relaxed) {
            known.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&known.verified))
    }

    pub(in crate::jwt) fn remember(&self, known: Known) {
        let known = Arc::new(known);
        let mut order = self.0.order();
        order.weight += known.weight();
        order.queue.push_back(Arc::downgrade(&known));
        let replaced = self.0.tokens.insert(known.verified.fingerprint, known);
        order.forgot(replaced.as_deref());
        self.0.make_room(&mut order);
    }

    pub(in crate::jwt) fn forget(&self, fingerprint: &TokenFingerprint) {
        let forgotten = self.0.tokens.remove(fingerprint);
        let forgotten = forgotten.as_ref().map(|(_, known)| &**known);
        self.0.order().forgot(forgotten);
    }

    /// Drops tokens that can never be used again, for ever.
    pub(in crate::jwt) async fn keep_swept(self, clock: Clock) {
        loop {
            clock.sleep(SWEEP_INTERVAL).await;
            self.sweep(clock.now());
        }
    }

    fn sweep(&self, now: SystemTime) {
        let mut swept = Vec::new();
        self.0.tokens.retain(|_, known| {
            let over = known.window.is_over(now) || known.key.is_withdrawn();
            if over {
                swept.push(Arc::clone(known));
            }
            !over
        });
        let mut order = self.0.order();
        for known in swept {
            order.forgot(Some(&known));
        }
        order.queue.retain(|known| known.strong_count() > 0);
    }
}

impl Inner {
    fn make_room(&self, order: &mut Order) {
        while order.weight > MAX_WEIGHT {
            let Some(first) = order.queue.pop_front() else {
                return;
            };
            let Some(known) = first.upgrade() else {
                continue;
            };
            if known.used.swap(false, Ordering::Relaxed) {
                order.queue.push_back(first);
                continue;
            }
            let evicted = self
                .tokens
                .remove_if(&known.verified.fingerprint, |_, there| {
                    Arc::ptr_eq(there, &known)
                });
            order.forgot(evicted.as_ref().map(|(_, known)| &**known));
        }
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    fn forgot(&mut self, known: Option<&Known>) {
        self.weight -= known.map_or(0, Known::weight);
    }
}

impl Known {
    fn is_usable(&self, now: SystemTime) -> bool {
        self.window.contains(now) && !self.key.is_withdrawn()
    }

    fn weight(&self) -> u64 {
        let principal = &self.verified.principal;
        let profile = &principal.profile;
        let texts = [&profile.username, &profile.name, &profile.email]
            .into_iter()
            .flatten()
            .chain(profile.roles.iter().flatten())
            .map(|text| text.capacity() + size_of::<String>());
        let bytes = texts.sum::<usize>()
            + principal.subject.len()
            + principal.session_claim.as_deref().map_or(0, str::len);
        u64::try_from(bytes + STRUCTURES)
            .unwrap_or(u64::MAX)
            .max(MIN_ENTRY_WEIGHT)
    }
}

/// Takes a part of a digest for its hash: no second hashing makes it better distributed.
#[derive(Default)]
pub(in crate::jwt) struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_u64(&mut self, beginning: u64) {
        self.0 = beginning;
    }
}

#[cfg(test)]
mod tests;

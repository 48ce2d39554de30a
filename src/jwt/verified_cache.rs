//! Tokens that were verified, so that a warm request costs a digest and a look-up instead of a signature check.
//!
//! An entry answers only for exactly its token, within its times by our clock, and as long as its key was not withdrawn: all three are judged
//! on every hit. Memory is bounded by weight, and by it also in number.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::clock::Clock;
use crate::jwt::claims::Window;
use crate::jwt::keys::Key;
use crate::jwt::unverified::Halves;
use crate::jwt::{TokenFingerprint, Verified};

/// Most memory of the remembered tokens, roughly: what 50,000 usual ones take.
const MAX_WEIGHT: u64 = 50_000 * MIN_ENTRY_WEIGHT as u64;

/// Least weight of an entry: its structures, and the texts of a small token. Makes [`MAX_WEIGHT`] a bound on the number, too.
const MIN_ENTRY_WEIGHT: u32 = 1024;

/// How often entries of expired tokens are dropped. Nobody is admitted by them; they only take space.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The verified tokens of one verifier. Issuers, audiences and rules are fixed for its life, so they are part of every key.
#[derive(Clone, Debug)]
pub(in crate::jwt) struct VerifiedCache {
    tokens: Cache<TokenFingerprint, Arc<Known>, BuildHasherDefault<DigestHasher>>,
}

/// A verified token with what decides on every hit.
#[derive(Debug)]
pub(in crate::jwt) struct Known {
    pub verified: Arc<Verified>,
    pub window: Window,
    /// The key that verified it.
    pub key: Arc<Key>,
    /// The signature as written: the fingerprint does not cover it.
    pub signature: Box<str>,
}

impl VerifiedCache {
    pub(in crate::jwt) fn new() -> Self {
        let tokens = Cache::builder()
            .max_capacity(MAX_WEIGHT)
            .weigher(|_, known: &Arc<Known>| known.weight())
            // A new token is always worth more than one that nobody has sent for longest.
            .eviction_policy(EvictionPolicy::lru())
            .build_with_hasher(BuildHasherDefault::default());
        Self { tokens }
    }

    /// The token, if it was verified before and may be used now.
    pub(in crate::jwt) fn find(
        &self,
        bearer: Halves<'_>,
        now: SystemTime,
    ) -> Option<Arc<Verified>> {
        let fingerprint = TokenFingerprint::of(bearer.signing_input);
        let known = self.tokens.get(&fingerprint)?;
        // In constant time: claims are no secret, so the signature is all that a guesser lacks.
        verify_slices_are_equal(known.signature.as_bytes(), bearer.signature.as_bytes()).ok()?;
        if !known.is_usable(now) {
            self.forget(&fingerprint);
            return None;
        }
        Some(Arc::clone(&known.verified))
    }

    pub(in crate::jwt) fn remember(&self, known: Known) {
        let known = Arc::new(known);
        self.tokens.insert(known.verified.fingerprint, known);
    }

    pub(in crate::jwt) fn forget(&self, fingerprint: &TokenFingerprint) {
        self.tokens.invalidate(fingerprint);
    }

    /// Drops tokens that can never be used again, for ever.
    pub(in crate::jwt) async fn keep_swept(self, clock: Clock) {
        loop {
            clock.sleep(SWEEP_INTERVAL).await;
            self.sweep(clock.now());
        }
    }

    fn sweep(&self, now: SystemTime) {
        for (fingerprint, known) in &self.tokens {
            if known.window.is_over(now) || known.key.is_withdrawn() {
                self.forget(&fingerprint);
            }
        }
        self.tokens.run_pending_tasks();
    }
}

impl Known {
    fn is_usable(&self, now: SystemTime) -> bool {
        self.window.contains(now) && !self.key.is_withdrawn()
    }

    fn weight(&self) -> u32 {
        let principal = &self.verified.principal;
        let profile = &principal.profile;
        let texts = [&profile.username, &profile.name, &profile.email]
            .into_iter()
            .flatten()
            .chain(profile.roles.iter().flatten())
            .map(|text| text.capacity() + size_of::<String>());
        let bytes = texts.sum::<usize>()
            + principal.subject.len()
            + principal.session_claim.as_deref().map_or(0, str::len)
            + self.signature.len();
        // Twice the least: the structures besides the texts are less than half of it.
        u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_add(MIN_ENTRY_WEIGHT / 2)
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

    // The length that arrays hash before their bytes says nothing here.
    fn write_usize(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests;

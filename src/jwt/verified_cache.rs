//! Tokens that were verified, so that a warm request costs one tag and a look-up instead of a signature check.
//!
//! An entry answers only for exactly its token, within its times by our clock, and as long as its key was not withdrawn: all three are judged
//! on every hit. Memory is bounded by weight, and by it also in number.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use dashmap::DashMap;

use crate::clock::Clock;
use crate::jwt::claims::Window;
use crate::jwt::keys::Key;
use crate::jwt::{TokenFingerprint, Verified};
use crate::random;

/// Most memory of the remembered tokens, roughly: what 4,000 usual ones take, which is more than the people who use one workspace at the
/// same time, for each sends one token until it is renewed. Whoever comes beyond them pays a signature check each time; nobody is refused.
const MAX_WEIGHT: u64 = 4_000 * MIN_ENTRY_WEIGHT;

/// Least weight of an entry: its structures, and the texts of a small token. Makes [`MAX_WEIGHT`] a bound on the number, too.
const MIN_ENTRY_WEIGHT: u64 = 800;

/// What the structures of an entry take besides its texts.
const STRUCTURES: usize = 640;

/// How often entries of expired tokens are dropped. Nobody is admitted by them; they only take space.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The verified tokens of one [`Trust`](crate::jwt::trust::Trust). Issuers, audiences and rules are fixed for its life, so they are part
/// of every key.
#[derive(Clone, Debug)]
pub(in crate::jwt) struct VerifiedCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: LessSafeKey,
    tokens: DashMap<Tag, Arc<Verified>, BuildHasherDefault<TagHasher>>,
    order: Mutex<Order>,
}

/// Stands for a token's whole text, its signature included: the GMAC of it (NIST SP 800-38D) under a random key of this cache, which
/// costs a quarter of a digest.
///
/// Nobody is ever shown a tag, so one nonce serves for all of them: without the key, a text whose tag is that of another one is met
/// about once in 2^117 tries, whatever either says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::jwt) struct Tag(u128);

/// In which order tokens make room: the one that came first goes first, unless it was used meanwhile, which puts it last again. A hit
/// so costs one flag and no lock of the order.
#[derive(Debug, Default)]
struct Order {
    /// Dead ones were forgotten or replaced.
    queue: VecDeque<(Tag, Weak<Verified>)>,
    weight: u64,
}

/// What decides on every hit.
#[derive(Debug)]
pub(in crate::jwt) struct Standing {
    /// The key that verified it.
    key: Arc<Key>,
    /// Was it used since its turn to go came last?
    used: AtomicBool,
    window: Window,
}

impl VerifiedCache {
    /// # Panics
    /// When the system has no randomness.
    pub(in crate::jwt) fn new() -> Self {
        let key = UnboundKey::new(&AES_128_GCM, &random::bits().to_ne_bytes());
        let key = key.expect("any 16 bytes are a key of AES-128");
        Self(Arc::new(Inner {
            key: LessSafeKey::new(key),
            tokens: DashMap::default(),
            order: Mutex::default(),
        }))
    }

    /// The token, if it was verified before and may be used now; else the tag to remember it under.
    pub(in crate::jwt) fn find(&self, bearer: &str, now: SystemTime) -> Result<Arc<Verified>, Tag> {
        let tag = self.0.tag(bearer);
        let known = self.0.tokens.get(&tag).ok_or(tag)?;
        if !known.standing.is_usable(now) {
            drop(known);
            let forgotten = self.0.tokens.remove(&tag);
            let forgotten = forgotten.as_ref().map(|(_, known)| &**known);
            self.0.order().forgot(forgotten);
            return Err(tag);
        }
        // Written to when it changes something only: other cores read it, too.
        let used = &known.standing.used;
        if !used.load(Ordering::Relaxed) {
            used.store(true, Ordering::Relaxed);
        }
        Ok(Arc::clone(&known))
    }

    /// Remembers what was verified under its text's tag, as [`VerifiedCache::find`] gave it.
    pub(in crate::jwt) fn remember(&self, tag: Tag, verified: Arc<Verified>) {
        let mut order = self.0.order();
        order.weight += weight(&verified);
        order.queue.push_back((tag, Arc::downgrade(&verified)));
        let replaced = self.0.tokens.insert(tag, verified);
        order.forgot(replaced.as_deref());
        self.0.make_room(&mut order);
    }

    /// Drops a token, under whichever signatures it came. All are looked at: that costs less than the logout at Rocket.Chat, which
    /// such an end brings with it.
    pub(in crate::jwt) fn forget(&self, fingerprint: &TokenFingerprint) {
        self.drop_where(|known| known.fingerprint == *fingerprint);
    }

    /// Drops tokens that can never be used again, for ever.
    pub(in crate::jwt) async fn keep_swept(self, clock: Clock) {
        loop {
            clock.sleep(SWEEP_INTERVAL).await;
            self.sweep(clock.now());
        }
    }

    fn sweep(&self, now: SystemTime) {
        self.drop_where(|known| known.standing.is_over(now));
        let mut order = self.0.order();
        order.queue.retain(|(_, known)| known.strong_count() > 0);
    }

    fn drop_where(&self, doomed: impl Fn(&Verified) -> bool) {
        let mut dropped = Vec::new();
        self.0.tokens.retain(|_, known| {
            let over = doomed(known);
            if over {
                dropped.push(Arc::clone(known));
            }
            !over
        });
        let mut order = self.0.order();
        for known in dropped {
            order.forgot(Some(&known));
        }
    }
}

impl Inner {
    fn tag(&self, bearer: &str) -> Tag {
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(bearer), &mut []);
        let tag = sealed.expect("a bearer is far shorter than what AES-GCM takes");
        let tag = tag.as_ref().try_into();
        Tag(u128::from_ne_bytes(
            tag.expect("a tag of AES-GCM has 16 bytes"),
        ))
    }

    fn make_room(&self, order: &mut Order) {
        while order.weight > MAX_WEIGHT {
            let Some(first) = order.queue.pop_front() else {
                return;
            };
            let (tag, Some(known)) = (first.0, first.1.upgrade()) else {
                continue;
            };
            if known.standing.used.swap(false, Ordering::Relaxed) {
                order.queue.push_back(first);
                continue;
            }
            let evicted = self
                .tokens
                .remove_if(&tag, |_, there| Arc::ptr_eq(there, &known));
            order.forgot(evicted.as_ref().map(|(_, known)| &**known));
        }
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    fn forgot(&mut self, known: Option<&Verified>) {
        self.weight -= known.map_or(0, weight);
    }
}

impl Standing {
    /// Of a token that has just come. It is the last to make room, and used only when it comes again: so those that come once go before
    /// those that come always.
    pub(in crate::jwt) fn new(window: Window, key: Arc<Key>) -> Self {
        Self {
            key,
            used: AtomicBool::new(false),
            window,
        }
    }

    fn is_usable(&self, now: SystemTime) -> bool {
        self.window.contains(now) && !self.key.is_withdrawn()
    }

    /// Can it never be used again?
    fn is_over(&self, now: SystemTime) -> bool {
        self.window.is_over(now) || self.key.is_withdrawn()
    }
}

fn weight(verified: &Verified) -> u64 {
    let principal = &verified.principal;
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

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.0);
    }
}

/// Takes a part of a tag for its hash: no second hashing makes it better distributed.
#[derive(Debug, Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
}

#[cfg(test)]
mod tests;

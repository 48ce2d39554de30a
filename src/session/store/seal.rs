//! Seals what a store keeps, so that whoever reads the store reads nothing, and whoever writes to it is noticed.
//!
//! AES-256-GCM with random 96-bit nonces: one key may seal some four thousand million values before nonces could meet. A value is
//! bound to its place, so that nobody who can write to the store can let one session's credentials stand for another's.
//!
//! A sealed value is a byte for the form, four for the key, twelve for the nonce, then the ciphertext with its tag.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::secret::SealingKey;
use crate::session::store::Value;

#[cfg(test)]
mod tests;

/// The form of sealed values; whatever else begins otherwise.
const FORM: u8 = 1;

/// Bytes that tell keys apart. They name a key and are no part of it.
const ID: usize = 4;

/// What stands before the ciphertext.
const HEAD: usize = 1 + ID + NONCE_LEN;

/// What subkeys are made for; each says something else to HKDF, so that none can stand for another.
const SALT: &[u8] = b"gantry session store";
const TO_SEAL: &[u8] = b"seal";
const TO_NAME: &[u8] = b"key id";
const TO_DERIVE: &[u8] = b"derive: ";

/// Seals under the first of its keys, opens under all.
pub(in crate::session) struct Seal {
    first: Ring,
    others: Vec<Ring>,
}

/// The subkeys of one key.
struct Ring {
    id: [u8; ID],
    sealing: RandomizedNonceKey,
    root: Prk,
}

/// Why a value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::session) enum SealError {
    /// It is too short, or begins otherwise: another release sealed it, or nobody.
    #[error("a stored value is not sealed in a form that this release knows")]
    Form,
    /// It was sealed under a key that is not listed, or not any more.
    #[error("a stored value was sealed under a key that is not among the encryption keys")]
    Key,
    /// It was changed, or moved here from another place.
    #[error("a stored value was changed since it was sealed, or belongs elsewhere")]
    Broken,
}

impl SealError {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub(in crate::session) fn kind(self) -> &'static str {
        match self {
            Self::Form => "seal-form",
            Self::Key => "seal-key-unknown",
            Self::Broken => "seal-broken",
        }
    }
}

impl Seal {
    /// Takes the keys: the first seals, all of them open.
    #[must_use]
    pub(in crate::session) fn new(first: &SealingKey, others: &[SealingKey]) -> Self {
        Self {
            first: Ring::new(first),
            others: others.iter().map(Ring::new).collect(),
        }
    }

    /// Seals a value for the place where it will be kept: the name of its key.
    ///
    /// # Panics
    /// When the system has no randomness: nothing secret can be kept then.
    #[must_use]
    pub(in crate::session) fn seal(&self, place: impl AsRef<[u8]>, plain: &[u8]) -> Value {
        let ring = &self.first;
        let mut text = plain.to_vec();
        let nonce = ring
            .sealing
            .seal_in_place_append_tag(bound(&ring.id, place.as_ref()), &mut text)
            .expect("the system's random source answers, and values are short");
        let mut sealed = Vec::with_capacity(HEAD + text.len());
        sealed.push(FORM);
        sealed.extend_from_slice(&ring.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut text);
        Value(sealed)
    }

    /// Opens a value that was sealed for this place.
    ///
    /// # Errors
    /// [`SealError`].
    pub(in crate::session) fn open(
        &self,
        place: impl AsRef<[u8]>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (head, text) = sealed.split_at_checked(HEAD).ok_or(SealError::Form)?;
        let (form, head) = head.split_first().ok_or(SealError::Form)?;
        let (id, nonce) = head.split_first_chunk::<ID>().ok_or(SealError::Form)?;
        if *form != FORM || text.len() < AES_256_GCM.tag_len() {
            return Err(SealError::Form);
        }
        let mut why = SealError::Key;
        // Two keys may have one id, by chance; so a key that does not open it does not end the search.
        for ring in self.rings().filter(|ring| ring.id == *id) {
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Form)?;
            let mut plain = Zeroizing::new(text.to_vec());
            let opened = ring
                .sealing
                .open_in_place(nonce, bound(id, place.as_ref()), plain.as_mut_slice())
                .map(|opened| opened.len());
            if let Ok(length) = opened {
                plain.truncate(length);
                return Ok(plain);
            }
            why = SealError::Broken;
        }
        Err(why)
    }

    /// What the first key makes of a text, the same each time: stand-ins that several processes, or one before and after a
    /// restart, must agree upon. It tells nothing of the key, nor of what is made for another purpose.
    #[must_use]
    pub(in crate::session) fn derive(&self, purpose: &str, text: &str) -> [u8; 32] {
        self.first.derive(purpose, text)
    }

    /// The same of every key, the first one's first: for what was made before the keys were changed.
    pub(in crate::session) fn derive_each(
        &self,
        purpose: &str,
        text: &str,
    ) -> impl Iterator<Item = [u8; 32]> {
        self.rings().map(move |ring| ring.derive(purpose, text))
    }

    fn rings(&self) -> impl Iterator<Item = &Ring> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Ring {
    fn derive(&self, purpose: &str, text: &str) -> [u8; 32] {
        let subkey = expand(&self.root, &[TO_DERIVE, purpose.as_bytes()]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*subkey);
        let mut made = [0; 32];
        made.copy_from_slice(hmac::sign(&key, text.as_bytes()).as_ref());
        made
    }

    fn new(key: &SealingKey) -> Self {
        let root = Salt::new(HKDF_SHA256, SALT).extract(key.reveal());
        let name = expand(&root, &[TO_NAME]);
        let mut id = [0; ID];
        id.copy_from_slice(name.split_at(ID).0);
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &*expand(&root, &[TO_SEAL]))
            .expect("a subkey is as long as the cipher's");
        Self { id, sealing, root }
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seal({} keys)", self.rings().count())
    }
}

/// What is not secret and must be the same when the value is opened.
fn bound(id: &[u8; ID], place: &[u8]) -> Aad<Vec<u8>> {
    let mut bound = vec![FORM];
    bound.extend_from_slice(id);
    bound.extend_from_slice(place);
    Aad::from(bound)
}

fn expand(root: &Prk, purpose: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut subkey = Zeroizing::new([0; 32]);
    root.expand(purpose, HKDF_SHA256)
        .and_then(|made| made.fill(&mut *subkey))
        .expect("HKDF gives as much as its digest is long");
    subkey
}

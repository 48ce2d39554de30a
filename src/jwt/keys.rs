//! Verification keys, each pinned to its algorithms before any token is looked at.
//!
//! A key's algorithms come from its own type, its JWK members and the issuer's config, never from a token: an RSA key can check RSA
//! signatures and nothing else, so its public text cannot serve as an HMAC secret. Weak keys, private keys, shared secrets in key sets and
//! keys for other uses are refused one by one; the rest of their set stays usable.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use jsonwebtoken::Algorithm;

use crate::jwt::unverified::Signed;
use crate::secret::Secret;

mod jwk;
mod pem;
#[cfg(test)]
mod tests;

/// Shortest HMAC secret in bytes (RFC 7518 §3.2: as long as the hash).
const MIN_SECRET_BYTES: usize = 32;

/// Shortest RSA modulus (RFC 7518 §3.3).
const MIN_RSA_BITS: usize = 2048;

/// Longest RSA modulus: a check with it already takes ten times as long as with 2048 bits.
const MAX_RSA_BITS: usize = 8192;

/// Smallest RSA exponent (NIST SP 800-56B §6.2). Smaller ones have no speed to gain and a history of forgeries.
const MIN_RSA_EXPONENT: u64 = 65_537;

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::jwt) enum KeyError {
    #[error("not a JWK set: a JSON object with a list `keys` was expected")]
    NotAKeySet,
    #[error("more keys than any sound set")]
    TooManyKeys,
    #[error("the set has no keys")]
    NoKeys,
    #[error("a key is not a JWK")]
    NotAKey,
    #[error("a key has a type or curve that is not supported")]
    UnsupportedType,
    #[error("a shared secret does not belong into a key set")]
    SharedSecret,
    #[error("a private key does not belong here, replace it: it is no longer private")]
    PrivateKey,
    #[error("a key is not meant for verifying signatures")]
    OtherUse,
    #[error("a key fits none of the issuer's `algorithms`")]
    NoAlgorithm,
    #[error(
        "an RSA key is shorter than 2048 or longer than 8192 bits, or its exponent is below 65537"
    )]
    RsaSize,
    #[error("a key is not a sound public key")]
    Unsound,
    #[error("not a PEM public key: `-----BEGIN PUBLIC KEY-----` was expected")]
    NotPem,
    #[error(
        "a certificate is no public key: write its key to the file (openssl x509 -pubkey -noout)"
    )]
    Certificate,
    #[error("the secret is shorter than 32 bytes")]
    ShortSecret,
    #[error("the secret looks like a PEM key: public keys belong into `public_key_file`")]
    PemSecret,
}

impl KeyError {
    pub(in crate::jwt) fn kind(self) -> &'static str {
        match self {
            Self::NotAKeySet => "not-a-key-set",
            Self::TooManyKeys => "too-many-keys",
            _ => "no-usable-key",
        }
    }
}

/// One verification key.
pub(in crate::jwt) struct Key {
    kid: Option<String>,
    /// What it may check, and how. Never empty.
    checks: Vec<(Algorithm, Check)>,
    /// Whether the issuer took it back: tokens it verified are no longer known.
    withdrawn: AtomicBool,
}

enum Check {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl Key {
    /// The config's shared secret, for HS256 alone.
    pub(in crate::jwt) fn from_secret(
        secret: &Secret,
        accepted: &[Algorithm],
    ) -> Result<Self, KeyError> {
        let bytes = secret.reveal().as_bytes();
        // Whoever puts a public key here would let everybody sign (CVE-2026-39999).
        if memchr::memmem::find(bytes, b"-----BEGIN").is_some() {
            return Err(KeyError::PemSecret);
        }
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret);
        }
        if !accepted.contains(&Algorithm::HS256) {
            return Err(KeyError::NoAlgorithm);
        }
        let check = Check::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)));
        Ok(Self::new(None, vec![(Algorithm::HS256, check)]))
    }

    /// A PEM public key.
    pub(in crate::jwt) fn from_pem(pem: &[u8], accepted: &[Algorithm]) -> Result<Self, KeyError> {
        let checks = pem::checks(pem)?.accepted(accepted)?;
        Ok(Self::new(None, checks))
    }

    fn new(kid: Option<String>, checks: Vec<(Algorithm, Check)>) -> Self {
        Self {
            kid,
            checks,
            withdrawn: AtomicBool::new(false),
        }
    }

    /// Whether this key made the signature, by an algorithm it is pinned to.
    pub(in crate::jwt) fn made(
        &self,
        signature: &[u8],
        signed: &Signed<'_>,
        algorithm: Algorithm,
    ) -> bool {
        let Some(check) = self.check(algorithm) else {
            return false;
        };
        let made = match (check, algorithm) {
            (Check::Public(key), Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256) => {
                key.verify_digest_sig(signed.sha256(), signature)
            }
            (Check::Public(key), _) => key.verify_sig(signed.bytes(), signature),
            (Check::Secret(key), _) => hmac::verify(key, signed.bytes(), signature),
        };
        made.is_ok()
    }

    /// Whether the issuer took the key back.
    pub(in crate::jwt) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }

    fn fits(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let named = match (self.kid.as_deref(), kid) {
            (Some(own), Some(asked)) => own == asked,
            // A key or a token without a name may belong to any.
            (None, _) | (_, None) => true,
        };
        named && self.check(algorithm).is_some()
    }

    fn check(&self, algorithm: Algorithm) -> Option<&Check> {
        self.checks
            .iter()
            .find_map(|(pinned, check)| (*pinned == algorithm).then_some(check))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.kid == other.kid
            && self.checks.len() == other.checks.len()
            && self.checks.iter().zip(&other.checks).all(|(ours, theirs)| {
                ours.0 == theirs.0
                    && match (&ours.1, &theirs.1) {
                        (Check::Public(ours), Check::Public(theirs)) => {
                            ours.as_ref() == theirs.as_ref()
                        }
                        _ => false,
                    }
            })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The usable keys of one issuer at one time.
#[derive(Debug, Default)]
pub(in crate::jwt) struct KeySet {
    keys: Vec<Arc<Key>>,
    /// Why the first unusable key is not used.
    refused: Option<KeyError>,
}

impl KeySet {
    /// A set of one key.
    pub(in crate::jwt) fn of(key: Arc<Key>) -> Self {
        Self {
            keys: vec![key],
            refused: None,
        }
    }

    /// Reads a JWK set (RFC 7517 §5). Keys that cannot be used are left out; a set may end up empty.
    pub(in crate::jwt) fn parse(json: &[u8], accepted: &[Algorithm]) -> Result<Self, KeyError> {
        let mut set = Self::default();
        for parsed in jwk::parse_set(json, accepted)? {
            match parsed {
                Ok(key) => set.keys.push(Arc::new(key)),
                Err(error) => {
                    set.refused.get_or_insert(error);
                }
            }
        }
        Ok(set)
    }

    /// The keys that may have made a signature.
    pub(in crate::jwt) fn candidates(
        &self,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.iter().filter(move |key| key.fits(algorithm, kid))
    }

    /// Why there is no usable key; `None` when there is one.
    pub(in crate::jwt) fn lack(&self) -> Option<KeyError> {
        self.keys
            .is_empty()
            .then(|| self.refused.unwrap_or(KeyError::NoKeys))
    }

    /// How many keys can be used, and why the first of the others cannot.
    pub(in crate::jwt) fn told(&self) -> (usize, Option<KeyError>) {
        (self.keys.len(), self.refused)
    }

    /// Takes the place of `previous`: keys in both stay the same objects, so that tokens they verified stay known.
    pub(in crate::jwt) fn succeed(mut self, previous: &Self) -> Self {
        for key in &mut self.keys {
            if let Some(known) = previous.keys.iter().find(|known| known.is_same(key)) {
                *key = Arc::clone(known);
            }
        }
        self
    }

    /// Withdraws every key of `previous` that is not here; says whether the two sets differ.
    pub(in crate::jwt) fn withdraw_missing(&self, previous: &Self) -> bool {
        let stays = |key: &Arc<Key>| self.keys.iter().any(|here| Arc::ptr_eq(here, key));
        let mut differs = self.keys.len() != previous.keys.len();
        for key in previous.keys.iter().filter(|key| !stays(key)) {
            key.withdrawn.store(true, Ordering::Release);
            differs = true;
        }
        differs
    }
}

/// All that a public key could check, before the issuer's config narrows it.
struct Checks(Vec<(Algorithm, ParsedPublicKey)>);

impl Checks {
    fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let components = RsaPublicKeyComponents {
            n: without_leading_zeros(modulus),
            e: without_leading_zeros(exponent),
        };
        let bits = components.n.first().map_or(0, |first| {
            components.n.len() * 8 - first.leading_zeros() as usize
        });
        let small = components.e.len() <= 8
            && components
                .e
                .iter()
                .fold(0, |value: u64, byte| value << 8 | u64::from(*byte))
                < MIN_RSA_EXPONENT;
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) || small {
            return Err(KeyError::RsaSize);
        }
        let kinds: [(Algorithm, &'static RsaParameters); 6] = [
            (Algorithm::RS256, &signature::RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::RS384, &signature::RSA_PKCS1_2048_8192_SHA384),
            (Algorithm::RS512, &signature::RSA_PKCS1_2048_8192_SHA512),
            (Algorithm::PS256, &signature::RSA_PSS_2048_8192_SHA256),
            (Algorithm::PS384, &signature::RSA_PSS_2048_8192_SHA384),
            (Algorithm::PS512, &signature::RSA_PSS_2048_8192_SHA512),
        ];
        let checks = kinds.into_iter().map(|(algorithm, parameters)| {
            components
                .to_parsed_public_key(parameters)
                .map(|key| (algorithm, key))
                .map_err(|_| KeyError::Unsound)
        });
        checks.collect::<Result<_, _>>().map(Self)
    }

    fn p256(point: &[u8]) -> Result<Self, KeyError> {
        Self::one(Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED, point)
    }

    fn p384(point: &[u8]) -> Result<Self, KeyError> {
        Self::one(Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED, point)
    }

    fn ed25519(key: &[u8]) -> Result<Self, KeyError> {
        Self::one(Algorithm::EdDSA, &signature::ED25519, key)
    }

    fn one(
        algorithm: Algorithm,
        verification: &'static dyn signature::VerificationAlgorithm,
        key: &[u8],
    ) -> Result<Self, KeyError> {
        let key = ParsedPublicKey::new(verification, key).map_err(|_| KeyError::Unsound)?;
        Ok(Self(vec![(algorithm, key)]))
    }

    /// Those that the issuer's config accepts.
    fn accepted(self, accepted: &[Algorithm]) -> Result<Vec<(Algorithm, Check)>, KeyError> {
        let checks: Vec<_> = self
            .0
            .into_iter()
            .filter(|(algorithm, _)| accepted.contains(algorithm))
            .map(|(algorithm, key)| (algorithm, Check::Public(key)))
            .collect();
        if checks.is_empty() {
            return Err(KeyError::NoAlgorithm);
        }
        Ok(checks)
    }
}

/// RFC 7518 §6.3.1.1 forbids leading zeros, and common libraries write one all the same.
fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let first = bytes.iter().position(|byte| *byte != 0);
    first.map_or(&[], |first| &bytes[first..])
}

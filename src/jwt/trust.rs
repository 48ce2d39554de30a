//! The issuers that are believed at a time, with their keys and with the tokens of theirs that were verified.
//!
//! Others are believed by putting another one in its place, so that no token that was verified by the old rules is known under the new
//! ones. What need not be learnt anew is taken over: keys of the same source, and which logout tokens were taken.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::clock::Clock;
use crate::config::issuer::{Issuer, KeySource};
use crate::jwt::claims::profile;
use crate::jwt::jwks::{Fetcher, Keeper, KeyRing, Source};
use crate::jwt::keys::{Key, KeySet};
use crate::jwt::memo::Memo;
use crate::jwt::taken::Taken;
use crate::jwt::unverified::Unverified;
use crate::jwt::verified_cache::{Standing, VerifiedCache};
use crate::jwt::{Principal, TokenFingerprint, Verified, VerifyError};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::{Latch, Readiness};

/// Who is believed. Its background tasks end with it, but for those of keys that its successor took over.
#[derive(Debug)]
pub(in crate::jwt) struct Trust {
    issuers: HashMap<Arc<str>, Trusted>,
    pub(in crate::jwt) cache: VerifiedCache,
    _stop: DropGuard,
}

/// What issuers' keys are fetched with.
#[derive(Debug)]
pub(in crate::jwt) struct Workshop {
    pub(in crate::jwt) fetcher: Fetcher,
    pub(in crate::jwt) clock: Clock,
    pub(in crate::jwt) metrics: Metrics,
    pub(in crate::jwt) readiness: Readiness,
}

/// An issuer with its keys.
#[derive(Debug)]
pub(in crate::jwt) struct Trusted {
    pub(in crate::jwt) name: Arc<str>,
    pub(in crate::jwt) rules: Arc<Issuer>,
    kept: Arc<Kept>,
    /// Its logout tokens that have been taken.
    pub(in crate::jwt) taken: Arc<Taken>,
}

/// Keys that are kept up to date for as long as anybody trusts them.
#[derive(Debug)]
struct Kept {
    ring: Arc<KeyRing>,
    latch: Option<Latch>,
    _stop: DropGuard,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(latch) = &self.latch {
            latch.retire();
        }
    }
}

impl Trust {
    /// These, of whom nothing is known. Needs a runtime.
    pub(in crate::jwt) fn first(issuers: &[Arc<Issuer>], workshop: &Workshop) -> Self {
        let trusted = issuers.iter().map(|rules| Trusted {
            name: Arc::from(rules.issuer.as_str()),
            kept: Arc::new(workshop.keep(rules, Readiness::latch)),
            rules: Arc::clone(rules),
            taken: Arc::default(),
        });
        Self::of(trusted, &workshop.clock)
    }

    /// These, after others. Needs a runtime.
    pub(in crate::jwt) fn next(
        before: &Self,
        issuers: &[Arc<Issuer>],
        workshop: &Workshop,
    ) -> Self {
        let trusted = issuers.iter().map(|rules| {
            let known = before.issuers.get(rules.issuer.as_str());
            let alike = known.filter(|known| {
                known.rules.keys == rules.keys && known.rules.algorithms == rules.algorithms
            });
            Trusted {
                name: known.map_or_else(
                    || Arc::from(rules.issuer.as_str()),
                    |known| Arc::clone(&known.name),
                ),
                kept: alike.map_or_else(
                    // Those who are ready serve on meanwhile.
                    || Arc::new(workshop.keep(rules, Readiness::told)),
                    |known| Arc::clone(&known.kept),
                ),
                rules: Arc::clone(rules),
                // Or a logout token could be shown once more after each reload.
                taken: known
                    .map(|known| Arc::clone(&known.taken))
                    .unwrap_or_default(),
            }
        });
        Self::of(trusted, &workshop.clock)
    }

    fn of(trusted: impl Iterator<Item = Trusted>, clock: &Clock) -> Self {
        let stop = CancellationToken::new();
        let cache = VerifiedCache::new();
        let sweeping = cache.clone().keep_swept(clock.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(sweeping));
        Self {
            issuers: trusted
                .map(|trusted| (Arc::clone(&trusted.name), trusted))
                .collect(),
            cache,
            _stop: stop.drop_guard(),
        }
    }

    /// Are exactly these believed, by these rules?
    pub(in crate::jwt) fn is_in(&self, issuers: &[Arc<Issuer>]) -> bool {
        let same = |rules: &Arc<Issuer>| {
            let known = self.issuers.get(rules.issuer.as_str());
            known.is_some_and(|known| known.rules == *rules)
        };
        self.issuers.len() == issuers.len() && issuers.iter().all(same)
    }

    /// Has keys that lie in files read now, and not when their time has come.
    pub(in crate::jwt) fn read_files_again(&self) {
        for trusted in self.issuers.values() {
            if let KeySource::JwksFile(_) | KeySource::PublicKeyFile(_) = trusted.rules.keys {
                trusted.kept.ring.read_again();
            }
        }
    }

    /// Who signed a token, and with which key. Looks at the issuer's keys again, within the brake, when the known ones do not fit.
    pub(in crate::jwt) async fn signer(
        &self,
        unverified: &Unverified<'_>,
        now: SystemTime,
    ) -> Result<(&Trusted, Arc<Key>), VerifyError> {
        let trusted = self
            .issuers
            .get(&*unverified.claims.issuer()?)
            .ok_or(VerifyError::UnknownIssuer)?;
        let keys = trusted.kept.ring.keys();
        let key = match trusted.key(unverified, &keys) {
            Err(error) if may_be_cured_by_new_keys(error) => {
                if !trusted.kept.ring.look_again(&keys, now).await {
                    return Err(error);
                }
                trusted.key(unverified, &trusted.kept.ring.keys())
            }
            outcome => outcome,
        }?;
        Ok((trusted, key))
    }
}

impl Workshop {
    /// The keys of an issuer, with a latch of this kind.
    fn keep(&self, rules: &Issuer, latch: fn(&Readiness, &str) -> Latch) -> Kept {
        let name: Arc<str> = Arc::from(rules.issuer.as_str());
        let stop = CancellationToken::new();
        let latch = || latch(&self.readiness, &format!("keys of issuer {name}"));
        let kept = |source| {
            let latch = latch();
            let ring = KeyRing::kept(Keeper {
                issuer: Arc::clone(&name),
                accepted: rules.algorithms.clone(),
                source,
                clock: self.clock.clone(),
                metrics: self.metrics.clone(),
                latch: latch.clone(),
                stop: stop.clone(),
            });
            (ring, Some(latch))
        };
        let fetcher = || self.fetcher.clone();
        let (ring, latch) = match &rules.keys {
            KeySource::JwksUrl(url) => kept(Source::Jwks(fetcher(), url.clone())),
            KeySource::Discovery => kept(Source::Discovery(fetcher(), rules.issuer.clone())),
            KeySource::JwksFile(path) => kept(Source::JwksFile(path.clone())),
            KeySource::PublicKeyFile(path) => kept(Source::PublicKeyFile(path.clone())),
            KeySource::Secret(secret) => match Key::from_secret(secret, &rules.algorithms) {
                Ok(key) => (KeyRing::fixed(Some(key)), None),
                Err(error) => {
                    let latch = latch();
                    latch.missing(&error.to_string());
                    warn!(
                        issuer = &*name,
                        error.kind = error.kind(),
                        error = %error,
                        "secret of issuer {name} cannot be used, so all its tokens are refused; set a random one of 32 bytes or more"
                    );
                    (KeyRing::fixed(None), Some(latch))
                }
            },
        };
        Kept {
            ring,
            latch,
            _stop: stop.drop_guard(),
        }
    }
}

impl Trusted {
    /// The key that made the signature.
    fn key(&self, unverified: &Unverified<'_>, keys: &KeySet) -> Result<Arc<Key>, VerifyError> {
        let Unverified {
            signed,
            signature,
            header,
            ..
        } = unverified;
        let algorithm = header.algorithm()?;
        if !self.rules.algorithms.contains(&algorithm) {
            return Err(VerifyError::AlgorithmNotAccepted);
        }
        if keys.lack().is_some() {
            return Err(VerifyError::KeysUnavailable);
        }
        let mut candidates = keys.candidates(algorithm, header.kid.as_deref()).peekable();
        if candidates.peek().is_none() {
            return Err(VerifyError::UnknownKey);
        }
        candidates
            .find(|key| key.made(signature, signed, algorithm))
            .map(Arc::clone)
            .ok_or(VerifyError::BadSignature)
    }

    /// Reads a token that this key signed: its claims are the issuer's own; whether they are for us, and now, is the rest.
    pub(in crate::jwt) fn believe(
        &self,
        token: &Unverified<'_>,
        key: Arc<Key>,
        now: SystemTime,
    ) -> Result<Verified, VerifyError> {
        let Unverified {
            signed,
            header,
            claims,
            ..
        } = token;
        let times = claims.times(&self.rules, now)?;
        claims.check_purpose(header.typ.as_deref(), &self.rules)?;
        let principal = Principal::new(
            Arc::clone(&self.name),
            &claims.subject()?,
            claims.session(&self.rules)?.as_deref(),
            profile(claims, &self.rules.claims)?,
        );
        Ok(Verified {
            memo: Memo::default(),
            standing: Standing::new(times.window, key),
            expires_at: times.expires_at,
            issued_at: times.issued_at,
            principal,
            fingerprint: TokenFingerprint::of(signed),
        })
    }
}

/// Whether the issuer may have changed its keys since they were fetched. A wrong signature counts, because not every issuer gives a new
/// key a new name.
fn may_be_cured_by_new_keys(error: VerifyError) -> bool {
    matches!(
        error,
        VerifyError::KeysUnavailable | VerifyError::UnknownKey | VerifyError::BadSignature
    )
}

//! Bearers in, verified tokens out: one warm path that only looks up, one cold path that checks everything.
//!
//! The cold path goes by issuer: the unverified `iss` chooses whose keys and rules count, nothing else of the token does, and no key of
//! another issuer is ever tried. The signature is checked by the crypto provider with the key as it was parsed at its fetch, because
//! parsing it anew for each token costs as much again as half a check.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::clock::Clock;
use crate::config::issuer::{Issuer, KeySource};
use crate::jwt::claims::profile;
use crate::jwt::error::LogoutError;
use crate::jwt::jwks::{Fetcher, Keeper, KeyRing, Source};
use crate::jwt::keys::{Key, KeySet};
use crate::jwt::logout_token::LogoutToken;
use crate::jwt::taken::Taken;
use crate::jwt::unverified::{Decoded, Halves, MAX_TOKEN_BYTES, Unverified};
use crate::jwt::verified_cache::{Known, Tag, VerifiedCache};
use crate::jwt::{LoggedOut, Principal, TokenFingerprint, Verified, VerifyError};
use crate::secret::Bearer;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::outgoing::Outgoing;
use crate::telemetry::readiness::Readiness;

/// Verifies JWTs of the configured issuers; cheap to clone. Its background tasks end with the last clone.
#[derive(Clone, Debug)]
pub struct Verifier(Arc<Inner>);

/// A bearer was looked for and is not known: under which tag, so that it is remembered under it.
#[derive(Debug)]
pub struct Unknown(Option<Tag>);

#[derive(Debug)]
struct Inner {
    issuers: HashMap<Arc<str>, Trusted>,
    cache: VerifiedCache,
    clock: Clock,
    metrics: Metrics,
    _stop: DropGuard,
}

/// An issuer with its keys.
#[derive(Debug)]
struct Trusted {
    name: Arc<str>,
    rules: Arc<Issuer>,
    ring: Arc<KeyRing>,
    /// Its logout tokens that have been taken.
    taken: Taken,
}

impl Verifier {
    /// Starts with these issuers. Each issuer whose keys come over the network or from a file holds a readiness latch until its first
    /// keys; so does one whose secret cannot be used, for ever. `http` is the control plane's client; it must follow no redirects
    /// by itself.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn new(
        issuers: &[Arc<Issuer>],
        http: impl Into<Outgoing>,
        clock: Clock,
        metrics: Metrics,
        readiness: &Readiness,
    ) -> Self {
        let stop = CancellationToken::new();
        let fetcher = Fetcher::new(http.into());
        let trust = |rules: &Arc<Issuer>| {
            let name: Arc<str> = Arc::from(rules.issuer.as_str());
            let latch = || readiness.latch(&format!("keys of issuer {name}"));
            let kept = |source| {
                KeyRing::kept(Keeper {
                    issuer: Arc::clone(&name),
                    accepted: rules.algorithms.clone(),
                    source,
                    clock: clock.clone(),
                    metrics: metrics.clone(),
                    latch: latch(),
                    stop: stop.clone(),
                })
            };
            let ring = match &rules.keys {
                KeySource::JwksUrl(url) => kept(Source::Jwks(fetcher.clone(), url.clone())),
                KeySource::Discovery => {
                    kept(Source::Discovery(fetcher.clone(), rules.issuer.clone()))
                }
                KeySource::JwksFile(path) => kept(Source::JwksFile(path.clone())),
                KeySource::PublicKeyFile(path) => kept(Source::PublicKeyFile(path.clone())),
                KeySource::Secret(secret) => match Key::from_secret(secret, &rules.algorithms) {
                    Ok(key) => KeyRing::fixed(Some(key)),
                    Err(error) => {
                        latch().missing(&error.to_string());
                        warn!(
                            issuer = &*name,
                            error.kind = error.kind(),
                            error = %error,
                            "secret of issuer {name} cannot be used, so all its tokens are refused; set a random one of 32 bytes or more"
                        );
                        KeyRing::fixed(None)
                    }
                },
            };
            let trusted = Trusted {
                name: Arc::clone(&name),
                rules: Arc::clone(rules),
                ring,
                taken: Taken::default(),
            };
            (name, trusted)
        };
        let issuers = issuers.iter().map(trust).collect();
        let cache = VerifiedCache::new();
        let sweeping = cache.clone().keep_swept(clock.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(sweeping));
        Self(Arc::new(Inner {
            issuers,
            cache,
            clock,
            metrics,
            _stop: stop.drop_guard(),
        }))
    }

    /// The token, if it was verified before, is within its times and its key was not withdrawn: no I/O, no signature check, no lock
    /// held.
    #[must_use]
    pub fn known(&self, bearer: &str) -> Option<Arc<Verified>> {
        self.look_up(bearer, self.0.clock.now()).ok()
    }

    /// As [`Verifier::known`], by the caller's reading of the clock.
    ///
    /// # Errors
    /// Not known: [`Verifier::verify_unknown`] takes it from there.
    pub fn look_up(&self, bearer: &str, now: SystemTime) -> Result<Arc<Verified>, Unknown> {
        if bearer.len() > MAX_TOKEN_BYTES {
            return Err(Unknown(None));
        }
        let found = self.0.cache.find(bearer, now);
        if found.is_ok() {
            self.0.metrics.token_known();
        }
        found.map_err(|tag| Unknown(Some(tag)))
    }

    /// Verifies a bearer, from the cache or by its signature; waits for a key fetch only when its key is unknown.
    ///
    /// # Errors
    /// [`VerifyError`]: every doubt denies.
    pub async fn verify(&self, bearer: &Bearer) -> Result<Arc<Verified>, VerifyError> {
        self.verify_text(bearer.reveal()).await
    }

    /// As [`Verifier::verify`], for a bearer that stands in a request still.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub async fn verify_text(&self, bearer: &str) -> Result<Arc<Verified>, VerifyError> {
        match self.look_up(bearer, self.0.clock.now()) {
            Ok(verified) => Ok(verified),
            Err(unknown) => self.verify_unknown(bearer, unknown).await,
        }
    }

    /// As [`Verifier::verify`], for a bearer that was looked for in the cache just now.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub async fn verify_unknown(
        &self,
        bearer: &str,
        unknown: Unknown,
    ) -> Result<Arc<Verified>, VerifyError> {
        let outcome = self.0.verify(bearer, unknown).await;
        self.0.metrics.token_verified(match &outcome {
            Ok(_) => "ok",
            Err(error) => error.kind(),
        });
        outcome
    }

    /// Verifies a logout token, once: the same one is refused from then on. Waits as [`Verifier::verify`] does.
    ///
    /// # Errors
    /// [`LogoutError`]: every doubt denies.
    pub async fn verify_logout_token(&self, token: &Bearer) -> Result<LoggedOut, LogoutError> {
        let halves = Halves::cut(token.reveal()).ok_or(VerifyError::Malformed)?;
        let decoded = Decoded::parse(halves)?;
        let unverified = decoded.read(halves)?;
        let (trusted, _) = self.0.signer(&unverified).await?;
        let now = self.0.clock.now();
        let token = LogoutToken::read(&unverified, &trusted.rules, now)?;
        trusted.taken.take(&token.id, token.window.end(), now)?;
        Ok(token.logged_out(&trusted.name))
    }

    /// Drops a token from the verified cache, at its revocation.
    pub fn forget(&self, fingerprint: TokenFingerprint) {
        self.0.cache.forget(&fingerprint);
    }
}

impl Inner {
    async fn verify(&self, bearer: &str, unknown: Unknown) -> Result<Arc<Verified>, VerifyError> {
        let halves = Halves::cut(bearer).ok_or(VerifyError::Malformed)?;
        let decoded = Decoded::parse(halves)?;
        let unverified = decoded.read(halves)?;
        let (trusted, key) = self.signer(&unverified).await?;
        let known = trusted.believe(&unverified, key, self.clock.now())?;
        let verified = Arc::clone(&known.verified);
        if let Unknown(Some(tag)) = unknown {
            self.cache.remember(tag, known);
        }
        Ok(verified)
    }

    /// Who signed a token, and with which key. Looks at the issuer's keys again, within the brake, when the known ones do not fit.
    async fn signer(
        &self,
        unverified: &Unverified<'_>,
    ) -> Result<(&Trusted, Arc<Key>), VerifyError> {
        let trusted = self
            .issuers
            .get(&*unverified.claims.issuer()?)
            .ok_or(VerifyError::UnknownIssuer)?;
        let keys = trusted.ring.keys();
        let key = match trusted.key(unverified, &keys) {
            Err(error) if may_be_cured_by_new_keys(error) => {
                if !trusted.ring.look_again(&keys, self.clock.now()).await {
                    return Err(error);
                }
                trusted.key(unverified, &trusted.ring.keys())
            }
            outcome => outcome,
        }?;
        Ok((trusted, key))
    }
}

impl Trusted {
    /// The key that made the signature.
    fn key(&self, unverified: &Unverified<'_>, keys: &KeySet) -> Result<Arc<Key>, VerifyError> {
        let Unverified {
            halves,
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
            .find(|key| key.made(signature, halves.signing_input, algorithm))
            .map(Arc::clone)
            .ok_or(VerifyError::BadSignature)
    }

    /// Reads a token that this key signed: its claims are the issuer's own; whether they are for us, and now, is the rest.
    fn believe(
        &self,
        signed: &Unverified<'_>,
        key: Arc<Key>,
        now: SystemTime,
    ) -> Result<Known, VerifyError> {
        let Unverified {
            halves,
            header,
            claims,
            ..
        } = signed;
        let times = claims.times(&self.rules, now)?;
        claims.check_purpose(header.typ.as_deref(), &self.rules)?;
        let principal = Principal::new(
            Arc::clone(&self.name),
            &claims.subject()?,
            claims.session(&self.rules)?.as_deref(),
            profile(claims, &self.rules.claims)?,
        );
        let verified = Verified {
            principal,
            fingerprint: TokenFingerprint::of(halves.signing_input),
            issued_at: times.issued_at,
            expires_at: times.expires_at,
        };
        Ok(Known {
            verified: Arc::new(verified),
            window: times.window,
            key,
            // Whoever has just come is the last to make room.
            used: AtomicBool::new(true),
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

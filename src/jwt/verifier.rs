//! Bearers in, verified tokens out: one warm path that only looks up, one cold path that checks everything.
//!
//! The cold path goes by issuer: the unverified `iss` chooses whose keys and rules count, nothing else of the token does, and no key of
//! another issuer is ever tried. The signature is checked by the crypto provider with the key as it was parsed at its fetch, because
//! parsing it anew for each token costs as much again as half a check.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::config::issuer::Issuer;
use crate::jwt::error::LogoutError;
use crate::jwt::jwks::Fetcher;
use crate::jwt::logout_token::LogoutToken;
use crate::jwt::trust::{Trust, Workshop};
use crate::jwt::unverified::{Decoded, Halves, MAX_TOKEN_BYTES};
use crate::jwt::verified_cache::Tag;
use crate::jwt::{LoggedOut, TokenFingerprint, Verified, VerifyError};
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
    trust: ArcSwap<Trust>,
    workshop: Workshop,
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
        let workshop = Workshop {
            fetcher: Fetcher::new(http.into()),
            clock,
            metrics,
            readiness: readiness.clone(),
        };
        let trust = Trust::first(issuers, &workshop);
        Self(Arc::new(Inner {
            trust: ArcSwap::from_pointee(trust),
            workshop,
        }))
    }

    /// Believes these issuers from now on, and nobody else. Keys of an issuer that has the same source as before stay in use; those of
    /// others hold no readiness that was given already, and their tokens are refused until the keys are there. Keys in files are read
    /// again. Calls must not overlap.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn believe(&self, issuers: &[Arc<Issuer>]) {
        let before = self.0.trust.load_full();
        before.read_files_again();
        if !before.is_in(issuers) {
            let next = Trust::next(&before, issuers, &self.0.workshop);
            self.0.trust.store(Arc::new(next));
        }
    }

    /// The token, if it was verified before, is within its times and its key was not withdrawn: no I/O, no signature check, no lock
    /// held.
    #[must_use]
    pub fn known(&self, bearer: &str) -> Option<Arc<Verified>> {
        self.look_up(bearer, self.0.workshop.clock.now()).ok()
    }

    /// As [`Verifier::known`], by the caller's reading of the clock.
    ///
    /// # Errors
    /// Not known: [`Verifier::verify_unknown`] takes it from there.
    pub fn look_up(&self, bearer: &str, now: SystemTime) -> Result<Arc<Verified>, Unknown> {
        if bearer.len() > MAX_TOKEN_BYTES {
            return Err(Unknown(None));
        }
        let found = self.0.trust.load().cache.find(bearer, now);
        if found.is_ok() {
            self.0.workshop.metrics.token_known();
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
        match self.look_up(bearer, self.0.workshop.clock.now()) {
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
        self.0.workshop.metrics.token_verified(match &outcome {
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
        let trust = self.0.trust.load_full();
        let now = self.0.workshop.clock.now();
        let (trusted, _) = trust.signer(&unverified, now).await?;
        let token = LogoutToken::read(&unverified, &trusted.rules, now)?;
        trusted.taken.take(&token.id, token.window.end(), now)?;
        Ok(token.logged_out(&trusted.name))
    }

    /// Drops a token from the verified cache, at its revocation.
    pub fn forget(&self, fingerprint: TokenFingerprint) {
        self.0.trust.load().cache.forget(&fingerprint);
    }
}

impl Inner {
    async fn verify(&self, bearer: &str, unknown: Unknown) -> Result<Arc<Verified>, VerifyError> {
        let halves = Halves::cut(bearer).ok_or(VerifyError::Malformed)?;
        let decoded = Decoded::parse(halves)?;
        let unverified = decoded.read(halves)?;
        let clock = &self.workshop.clock;
        let trust = self.trust.load_full();
        let (trusted, key) = trust.signer(&unverified, clock.now()).await?;
        let verified = Arc::new(trusted.believe(&unverified, key, clock.now())?);
        if let Unknown(Some(tag)) = unknown {
            // Should others be trusted since the look-up, this is another cache, where nothing is ever found under the tag.
            trust.cache.remember(tag, Arc::clone(&verified));
        }
        Ok(verified)
    }
}

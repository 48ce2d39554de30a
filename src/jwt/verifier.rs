//! Bearers in, verified tokens out: one warm path that only looks up, one cold path that checks everything.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::issuer::Issuer;
use crate::jwt::{TokenFingerprint, Verified, VerifyError};
use crate::secret::Bearer;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

/// Verifies JWTs of the configured issuers; cheap to clone.
#[derive(Clone, Debug)]
pub struct Verifier(Arc<Inner>);

#[derive(Debug)]
struct Inner {}

impl Verifier {
    /// Starts with these issuers. Each issuer whose keys come over the network holds a readiness latch until its first keys.
    /// `http` is the control plane's client.
    #[must_use]
    pub fn new(
        _issuers: &[Arc<Issuer>],
        _http: reqwest::Client,
        _clock: Clock,
        _metrics: Metrics,
        _readiness: &Readiness,
    ) -> Self {
        Self(Arc::new(Inner {}))
    }

    /// The token, if it was verified before and is still within its times: no I/O, no signature check, no lock held.
    #[must_use]
    pub fn known(&self, _bearer: &str) -> Option<Arc<Verified>> {
        None
    }

    /// Verifies a bearer, from the cache or by its signature; waits for a key fetch only when its key is unknown.
    ///
    /// # Errors
    /// [`VerifyError`]: every doubt denies.
    pub async fn verify(&self, _bearer: &Bearer) -> Result<Arc<Verified>, VerifyError> {
        Err(VerifyError::UnknownIssuer)
    }

    /// Drops a token from the verified cache, at its revocation.
    pub fn forget(&self, _fingerprint: TokenFingerprint) {}
}

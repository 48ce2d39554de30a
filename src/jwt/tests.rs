//! What the verifier's tests share: issuers that sign, hosts that publish keys, and a verifier with a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::clock::{Clock, ManualClock, unix_seconds};
use crate::config::issuer::{ClaimNames, Issuer, KeySource};
use crate::jwt::{Verified, Verifier, VerifyError};
use crate::secret::{Bearer, Secret};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

mod history;
pub(in crate::jwt) mod host;
mod logging_out;
mod properties;
pub(in crate::jwt) mod signer;
mod verifying;

pub(in crate::jwt) const ISSUER: &str = "https://app.example.com";
pub(in crate::jwt) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Every algorithm for public keys.
pub(in crate::jwt) const PUBLIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// A verifier and what is around it.
pub(in crate::jwt) struct Bench {
    pub verifier: Verifier,
    pub clock: Clock,
    pub hand: ManualClock,
    pub metrics: Metrics,
    pub readiness: Readiness,
}

impl Bench {
    pub(in crate::jwt) fn new(issuers: impl IntoIterator<Item = Issuer>) -> Self {
        let (clock, hand) = Clock::manual();
        let (metrics, readiness) = (Metrics::new(), Readiness::default());
        let issuers: Vec<_> = issuers.into_iter().map(Arc::new).collect();
        let verifier = Verifier::new(
            &issuers,
            client(),
            clock.clone(),
            metrics.clone(),
            &readiness,
        );
        Self {
            verifier,
            clock,
            hand,
            metrics,
            readiness,
        }
    }

    pub(in crate::jwt) async fn verify(&self, token: &str) -> Result<Arc<Verified>, VerifyError> {
        let bearer = Bearer::new(token.to_owned());
        self.verifier.verify(&bearer).await
    }

    /// Claims that every rule of [`issuer`] accepts, with some replaced; `null` takes one away.
    pub(in crate::jwt) fn claims(&self, changes: Value) -> Value {
        claims_at(unix_seconds(self.clock.now()), changes)
    }

    /// How often the metrics page counts this line.
    pub(in crate::jwt) fn counted(&self, line: &str) -> u64 {
        let page = self.metrics.page();
        let count = page.lines().find_map(|found| found.strip_prefix(line));
        count.map_or(0, |count| count.trim().parse().expect("a count"))
    }
}

pub(in crate::jwt) fn claims_at(now: u64, changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "chat", "sub": "u1", "iat": now, "exp": now + 300,
    });
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    for (name, value) in changes {
        match value {
            Value::Null => claims.as_object_mut().unwrap().shift_remove(&name),
            value => claims.as_object_mut().unwrap().insert(name, value),
        };
    }
    claims
}

pub(in crate::jwt) fn issuer(keys: KeySource) -> Issuer {
    let algorithms = match keys {
        KeySource::Secret(_) => vec![Algorithm::HS256],
        _ => PUBLIC.to_vec(),
    };
    Issuer {
        issuer: ISSUER.to_owned(),
        audiences: vec!["chat".to_owned()],
        logout_audiences: vec!["chat".to_owned()],
        algorithms,
        keys,
        leeway: Duration::from_secs(30),
        max_age: Duration::from_secs(24 * 3600),
        required_claims: [].into(),
        claims: ClaimNames::default(),
    }
}

pub(in crate::jwt) fn secret_issuer() -> Issuer {
    issuer(KeySource::Secret(Secret::new(SECRET.to_owned())))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program's client is made by app, which this layer does not know"
)]
pub(in crate::jwt) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// Waits until something in the background has come about.
pub(in crate::jwt) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..5000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never came about: {what}");
}

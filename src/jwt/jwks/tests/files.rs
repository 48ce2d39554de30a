//! Keys in files: key sets and PEM keys, read again when they change.

use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::config::issuer::KeySource;
use crate::jwt::VerifyError;
use crate::jwt::jwks::source::{FILE_INTERVAL, MAX_BYTES};
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{Bench, eventually, issuer};

/// A file that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("gantry-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn write(&self, text: &str) {
        // In one step, as careful operators do it: a reader sees the old text or the new one.
        let next = self.0.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &self.0).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_key_set_in_a_file_is_read_again_when_it_changes() {
    let (old, new) = (
        Signer::new(Algorithm::ES256, "old"),
        Signer::new(Algorithm::ES256, "new"),
    );
    let file = Scratch::new("jwks");
    file.write(&key_set([old.jwk()]));
    let bench = Bench::new([issuer(KeySource::JwksFile(file.0.clone()))]);
    let old_token = old.token(&bench.claims(json!({})));
    bench.verify(&old_token).await.unwrap();
    assert!(bench.readiness.missing().is_empty());

    file.write(&key_set([new.jwk()]));
    eventually("the old key is withdrawn", || {
        bench.hand.advance(FILE_INTERVAL);
        bench.verifier.known(&old_token).is_none()
    })
    .await;
    assert!(
        bench
            .verify(&new.token(&bench.claims(json!({}))))
            .await
            .is_ok()
    );
    let fetches = "gantry_jwks_fetches_total{result=\"ok\"}";
    assert_eq!(bench.counted(fetches), 0, "a file is no fetch");
}

#[tokio::test]
async fn a_public_key_file_that_comes_late_or_breaks_is_told_and_heals() {
    let signer = Signer::new(Algorithm::EdDSA, "k");
    let file = Scratch::new("pem");
    let bench = Bench::new([issuer(KeySource::PublicKeyFile(file.0.clone()))]);
    let token = signer.token(&bench.claims(json!({})));
    let outcome = bench.verify(&token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::KeysUnavailable);
    let told = "keys of issuer https://app.example.com: file could not be read";
    assert_eq!(bench.readiness.missing(), [told]);

    file.write(&signer.public_pem());
    eventually("read", || {
        bench.hand.advance(FILE_INTERVAL);
        bench.readiness.missing().is_empty()
    })
    .await;
    // Its name does not matter: the file holds the one key there is.
    bench.verify(&token).await.unwrap();

    file.write("broken");
    for _ in 0..20 {
        bench.hand.advance(FILE_INTERVAL);
        tokio::task::yield_now().await;
    }
    assert!(bench.readiness.missing().is_empty());
    let fresh = signer.token(&bench.claims(json!({})));
    assert!(bench.verify(&fresh).await.is_ok(), "the known key stays");
}

#[tokio::test]
async fn a_file_larger_than_any_key_set_is_refused() {
    let file = Scratch::new("large");
    file.write(&" ".repeat(MAX_BYTES + 1));
    let bench = Bench::new([issuer(KeySource::JwksFile(file.0.clone()))]);
    let told = "keys of issuer https://app.example.com: answer is larger than 256 KiB";
    eventually("told", || bench.readiness.missing() == [told]).await;
}

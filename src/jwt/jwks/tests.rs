//! The life of keys over the network and in files, seen through a verifier.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::config::issuer::{Issuer, KeySource};
use crate::jwt::VerifyError;
use crate::jwt::jwks::MIN_FETCH_INTERVAL;
use crate::jwt::tests::host::Host;
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{Bench, eventually, issuer};

mod files;
mod hostile;
mod told;

/// The refresh of keys without `Cache-Control`: four fifths of five minutes.
const REFRESH: Duration = Duration::from_secs(240);

fn at(host: &Host) -> Issuer {
    issuer(KeySource::JwksUrl(host.at("/keys")))
}

fn es256(kid: &'static str) -> Signer {
    Signer::new(Algorithm::ES256, kid)
}

#[tokio::test]
async fn the_first_keys_make_ready() {
    let (host, signer) = (Host::start().await, es256("a"));
    host.hold();
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([at(&host)]);
    let missing = ["keys of issuer https://app.example.com: not yet there"];
    assert_eq!(bench.readiness.missing(), missing);
    host.release();
    eventually("ready", || bench.readiness.missing().is_empty()).await;
    assert_eq!(bench.counted("gantry_jwks_fetches_total{result=\"ok\"}"), 1);
}

#[tokio::test]
async fn a_bearer_before_the_first_keys_waits_for_them() {
    let (host, signer) = (Host::start().await, es256("a"));
    host.hold();
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([at(&host)]);
    let token = signer.token(&bench.claims(json!({})));
    let (outcome, ()) = tokio::join!(bench.verify(&token), async {
        host.asked_times(1).await;
        host.release();
    });
    assert!(outcome.is_ok());
    assert_eq!(host.asked(), 1);
}

#[tokio::test]
async fn a_rotation_is_noticed_by_the_first_token_of_the_new_key() {
    let (host, old, new) = (Host::start().await, es256("old"), es256("new"));
    host.serve("/keys", key_set([old.jwk()]));
    let bench = Bench::new([at(&host)]);
    let old_token = old.token(&bench.claims(json!({})));
    bench.verify(&old_token).await.unwrap();

    host.serve("/keys", key_set([old.jwk(), new.jwk()]));
    bench.hand.advance(MIN_FETCH_INTERVAL);
    let new_token = new.token(&bench.claims(json!({})));
    bench.verify(&new_token).await.unwrap();
    assert_eq!(host.asked(), 2);
    assert!(bench.verifier.known(&old_token).is_some());
}

#[tokio::test]
async fn a_new_key_under_an_old_name_is_noticed_too() {
    let (host, old, new) = (Host::start().await, es256("k"), es256("k"));
    host.serve("/keys", key_set([old.jwk()]));
    let bench = Bench::new([at(&host)]);
    let old_token = old.token(&bench.claims(json!({})));
    bench.verify(&old_token).await.unwrap();

    host.serve("/keys", key_set([new.jwk()]));
    bench.hand.advance(MIN_FETCH_INTERVAL);
    let new_token = new.token(&bench.claims(json!({})));
    bench.verify(&new_token).await.unwrap();
    assert!(bench.verifier.known(&old_token).is_none());
    let outcome = bench.verify(&old_token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::BadSignature);
}

#[tokio::test]
async fn made_up_key_ids_cause_one_fetch_per_interval_and_block_nobody_else() {
    let (host, signer, stranger) = (Host::start().await, es256("a"), es256("x"));
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([at(&host)]);
    let good = signer.token(&bench.claims(json!({})));
    bench.verify(&good).await.unwrap();

    let forged: Vec<_> = (0..20)
        .map(|kid| stranger.token_with(json!({"kid": kid.to_string()}), &bench.claims(json!({}))))
        .collect();
    for token in &forged {
        let outcome = bench.verify(token).await.unwrap_err();
        assert_eq!(outcome, VerifyError::UnknownKey);
    }
    assert_eq!(host.asked(), 1, "too soon after the first fetch");

    bench.hand.advance(MIN_FETCH_INTERVAL);
    host.hold();
    let waiting = async {
        for token in &forged {
            let outcome = bench.verify(token).await.unwrap_err();
            assert_eq!(outcome, VerifyError::UnknownKey);
        }
    };
    let others = async {
        host.asked_times(2).await;
        let fresh = signer.token(&bench.claims(json!({"jti": "2"})));
        bench.verify(&fresh).await.unwrap();
        assert!(bench.verifier.known(&good).is_some());
        host.release();
    };
    tokio::join!(waiting, others);
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn many_bearers_of_a_new_key_share_one_fetch() {
    let (host, old, new) = (Host::start().await, es256("old"), es256("new"));
    host.serve("/keys", key_set([old.jwk()]));
    let bench = Bench::new([at(&host)]);
    bench
        .verify(&old.token(&bench.claims(json!({}))))
        .await
        .unwrap();
    host.serve("/keys", key_set([new.jwk()]));
    bench.hand.advance(MIN_FETCH_INTERVAL);

    let mut tasks = tokio::task::JoinSet::new();
    for jti in 0..50 {
        let bearer = crate::secret::Bearer::new(new.token(&bench.claims(json!({"jti": jti}))));
        let verifier = bench.verifier.clone();
        tasks.spawn(async move { verifier.verify(&bearer).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|good| good));
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn keys_are_refreshed_ahead_of_expiry_and_withdrawn_ones_end_their_tokens() {
    let (host, old, new) = (Host::start().await, es256("old"), es256("new"));
    host.serve_for("/keys", 600, key_set([old.jwk(), new.jwk()]));
    let bench = Bench::new([at(&host)]);
    let old_token = old.token(&bench.claims(json!({"exp": 9_999_999_999_u64})));
    let new_token = new.token(&bench.claims(json!({"exp": 9_999_999_999_u64})));
    bench.verify(&old_token).await.unwrap();
    bench.verify(&new_token).await.unwrap();

    host.serve("/keys", key_set([new.jwk()]));
    bench.hand.advance(Duration::from_secs(479));
    tokio::task::yield_now().await;
    assert_eq!(host.asked(), 1);
    bench.hand.advance(Duration::from_secs(1));
    eventually("the withdrawn key's token is forgotten", || {
        bench.verifier.known(&old_token).is_none()
    })
    .await;
    assert_eq!(host.asked(), 2);
    assert!(bench.verifier.known(&new_token).is_some());
    let outcome = bench.verify(&old_token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::UnknownKey);
}

#[tokio::test]
async fn known_keys_outlive_failing_fetches_and_the_issuer_is_asked_ever_more_slowly() {
    let (host, signer) = (Host::start().await, es256("a"));
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([at(&host)]);
    let token = signer.token(&bench.claims(json!({})));
    bench.verify(&token).await.unwrap();

    let failed = |times| {
        let line = "gantry_jwks_fetches_total{result=\"status\"}";
        let bench = &bench;
        async move {
            eventually("failed", || bench.counted(line) == times).await;
        }
    };
    host.fail("/keys", 500);
    bench.hand.advance(REFRESH);
    failed(1).await;
    for (retry, wait) in [1, 2, 4, 8, 16, 30, 30].into_iter().enumerate() {
        let before = host.asked();
        for _ in 0..wait {
            bench.hand.advance(Duration::from_secs(1));
        }
        host.asked_times(before + 1).await;
        failed(retry as u64 + 2).await;
    }
    let fresh = signer.token(&bench.claims(json!({"jti": "2"})));
    assert!(bench.verify(&fresh).await.is_ok());
    assert!(bench.readiness.missing().is_empty());
}

#[tokio::test]
async fn an_issuer_that_was_away_at_start_heals_by_itself() {
    let (host, signer) = (Host::start().await, es256("a"));
    host.fail("/keys", 503);
    let bench = Bench::new([at(&host)]);
    let told =
        "keys of issuer https://app.example.com: issuer answered 503 when asked for its keys";
    eventually("told", || bench.readiness.missing() == [told]).await;
    let token = signer.token(&bench.claims(json!({})));
    let outcome = bench.verify(&token).await.unwrap_err();
    assert_eq!(outcome, VerifyError::KeysUnavailable);

    host.serve("/keys", key_set([signer.jwk()]));
    eventually("ready", || {
        bench.hand.advance(Duration::from_secs(1));
        bench.readiness.missing().is_empty()
    })
    .await;
    assert!(bench.verify(&token).await.is_ok());
}

#[tokio::test]
async fn tasks_end_with_the_verifier() {
    let (host, signer) = (Host::start().await, es256("a"));
    host.serve("/keys", key_set([signer.jwk()]));
    let bench = Bench::new([at(&host)]);
    eventually("ready", || bench.readiness.missing().is_empty()).await;
    let Bench { verifier, hand, .. } = bench;
    let clone = verifier.clone();
    drop(verifier);
    hand.advance(REFRESH);
    host.asked_times(2).await;
    drop(clone);
    let tasks = tokio::runtime::Handle::current().metrics();
    // What is left are the host's own tasks: its listener and its open connections.
    eventually("ended", || tasks.num_alive_tasks() <= 3).await;
    hand.advance(REFRESH);
    tokio::task::yield_now().await;
    assert_eq!(host.asked(), 2);
}

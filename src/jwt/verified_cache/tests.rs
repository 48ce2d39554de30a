//! What the cache keeps, and what it lets go of.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::jwt::claims::Claims;
use crate::jwt::keys::{Key, KeySet};
use crate::jwt::memo::Memo;
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{PUBLIC, claims_at, secret_issuer};
use crate::jwt::unverified::Signed;
use crate::jwt::verified_cache::{MAX_WEIGHT, MIN_ENTRY_WEIGHT, Standing, VerifiedCache, weight};
use crate::jwt::{Principal, Profile, TokenFingerprint, Verified};

const NOW: u64 = 1_000_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW + seconds)
}

fn key() -> Arc<Key> {
    let signer = Signer::new(Algorithm::ES256, "a");
    let set = KeySet::parse(key_set([signer.jwk()]).as_bytes(), &PUBLIC).unwrap();
    let found = set.candidates(Algorithm::ES256, None).next();
    Arc::clone(found.unwrap())
}

fn known(text: &str, key: &Arc<Key>, profile: Profile) -> Arc<Verified> {
    let json = claims_at(NOW, json!({})).to_string();
    let claims = Claims::parse(json.as_bytes()).unwrap();
    let times = claims.times(&secret_issuer(), at(0)).unwrap();
    Arc::new(Verified {
        memo: Memo::default(),
        standing: Standing::new(times.window, Arc::clone(key)),
        expires_at: times.expires_at,
        issued_at: times.issued_at,
        principal: Principal::new(Arc::from("i"), "u1", None, profile),
        fingerprint: TokenFingerprint::of(&Signed::new(text)),
    })
}

/// The text of a token with this signing input.
fn bearer(signing_input: &str) -> String {
    format!("{signing_input}.signature")
}

fn remember(cache: &VerifiedCache, signing_input: &str, key: &Arc<Key>, profile: Profile) {
    remember_text(
        cache,
        &bearer(signing_input),
        known(signing_input, key, profile),
    );
}

fn remember_text(cache: &VerifiedCache, bearer: &str, known: Arc<Verified>) {
    cache.remember(cache.0.tag(bearer), known);
}

#[test]
fn a_hit_is_judged_by_time_and_by_the_key() {
    let (cache, key) = (VerifiedCache::new(), key());
    remember(&cache, "a.b", &key, Profile::default());
    assert!(cache.find(&bearer("a.b"), at(0)).is_ok());
    assert!(cache.find(&bearer("a.c"), at(0)).is_err());
    assert!(cache.find(&bearer("a.b"), at(329)).is_ok());

    let _changed = KeySet::default().withdraw_missing(&KeySet::of(key));
    assert!(cache.find(&bearer("a.b"), at(0)).is_err());
}

#[test]
fn sweeping_drops_what_can_never_be_used_again() {
    let (cache, key, withdrawn) = (VerifiedCache::new(), key(), key());
    remember(&cache, "a.b", &key, Profile::default());
    remember(&cache, "a.c", &withdrawn, Profile::default());
    let _changed = KeySet::default().withdraw_missing(&KeySet::of(withdrawn));
    cache.sweep(at(329));
    assert_eq!(cache.0.tokens.len(), 1);
    assert!(cache.find(&bearer("a.b"), at(329)).is_ok());
    cache.sweep(at(330));
    assert_eq!(cache.0.tokens.len(), 0);
}

#[test]
fn memory_is_bounded_and_the_newest_token_is_kept() {
    let (cache, key) = (VerifiedCache::new(), key());
    let large = || Profile {
        name: Some("x".repeat(1024 * 1024)),
        ..Profile::default()
    };
    for token in 0..100 {
        remember(&cache, &format!("a.{token}"), &key, large());
    }
    assert!(cache.0.order().weight <= MAX_WEIGHT);
    assert!(cache.0.tokens.len() < 100);
    assert!(cache.find(&bearer("a.99"), at(0)).is_ok());
    assert!(cache.find(&bearer("a.0"), at(0)).is_err());
}

#[test]
fn a_token_in_use_outlives_one_that_came_later() {
    let (cache, key) = (VerifiedCache::new(), key());
    let usual = |name: &str| remember(&cache, name, &key, Profile::default());
    let most = MAX_WEIGHT / MIN_ENTRY_WEIGHT;
    for token in 0..most {
        usual(&format!("a.{token}"));
    }
    // Everybody's first turn passes, for all had just come.
    usual("b");
    assert!(cache.find(&bearer("a.0"), at(0)).is_err());
    assert!(cache.find(&bearer("a.1"), at(0)).is_ok());
    usual("c");
    assert!(cache.find(&bearer("a.1"), at(0)).is_ok());
    assert!(cache.find(&bearer("a.2"), at(0)).is_err());
    assert_eq!(cache.0.tokens.len() as u64, most);
    assert_eq!(cache.0.order().weight, MAX_WEIGHT);
}

#[test]
fn what_is_forgotten_or_replaced_weighs_nothing() {
    let (cache, key) = (VerifiedCache::new(), key());
    for _ in 0..3 {
        remember(&cache, "a.b", &key, Profile::default());
    }
    assert_eq!(cache.0.order().weight, MIN_ENTRY_WEIGHT);
    cache.forget(&TokenFingerprint::of(&Signed::new("a.b")));
    cache.forget(&TokenFingerprint::of(&Signed::new("a.b")));
    assert_eq!(cache.0.order().weight, 0);
    cache.sweep(at(0));
    assert!(cache.0.order().queue.is_empty());
}

#[test]
fn another_text_finds_nothing() {
    let (cache, key) = (VerifiedCache::new(), key());
    remember(&cache, "a.b", &key, Profile::default());
    for forged in [
        "a.b.signaturf",
        "a.c.signature",
        "a.b.signature.",
        "a.b",
        "",
    ] {
        assert!(cache.find(forged, at(0)).is_err(), "{forged:?}");
    }
    assert!(cache.find(&bearer("a.b"), at(0)).is_ok());
}

#[test]
fn what_is_forgotten_is_so_under_every_signature() {
    let (cache, key) = (VerifiedCache::new(), key());
    for text in ["a.b.one", "a.b.two"] {
        remember_text(&cache, text, known("a.b", &key, Profile::default()));
    }
    cache.forget(&TokenFingerprint::of(&Signed::new("a.b")));
    assert!(cache.find("a.b.one", at(0)).is_err());
    assert!(cache.find("a.b.two", at(0)).is_err());
    assert_eq!(cache.0.order().weight, 0);
}

#[test]
fn no_entry_weighs_less_than_its_structures() {
    let small = known("a.b", &key(), Profile::default());
    assert_eq!(weight(&small), MIN_ENTRY_WEIGHT);
    assert_eq!(MAX_WEIGHT / weight(&small), 4_000);
}

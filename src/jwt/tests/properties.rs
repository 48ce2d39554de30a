//! Properties: nothing made up is ever believed, nothing makes the verifier panic, and whatever it believes an independent
//! implementation believes, too.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{DecodingKey, Validation};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::jwt::tests::signer::Signer;
use crate::jwt::tests::{Bench, ISSUER, SECRET, secret_issuer};

/// A verifier on a runtime that lives as long as a whole property.
fn bench() -> (Runtime, Bench) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = {
        let _entered = runtime.enter();
        Bench::new([secret_issuer()])
    };
    (runtime, bench)
}

fn signer() -> Signer {
    Signer::secret(SECRET.as_bytes())
}

/// Believed by jsonwebtoken under the same rules.
fn believed_elsewhere(token: &str) -> bool {
    let mut rules = Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.set_audience(&["chat"]);
    rules.set_issuer(&[ISSUER]);
    rules.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    rules.validate_nbf = true;
    // More than ours: that implementation reads the system's clock, which does not wait for the test.
    rules.leeway = 90;
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::decode::<Value>(token, &key, &rules).is_ok()
}

/// Small JSON values of every type, and times around the present.
fn value(now: u64) -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (now - 100..now + 100).prop_map(Value::from),
        (now - 100..now + 100).prop_map(|time| json!(time.to_string())),
        Just(json!(ISSUER)),
        Just(json!("chat")),
        Just(json!(["x", "chat"])),
        ".{0,8}".prop_map(Value::from),
        prop::collection::vec(".{0,4}", 0..3).prop_map(Value::from),
    ]
}

#[test]
fn random_text_is_never_believed() {
    let (runtime, bench) = bench();
    proptest!(|(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_=-]{0,80}", 0..5))| {
        for text in [&text, &parts.join(".")] {
            prop_assert!(bench.verifier.known(text).is_none());
            prop_assert!(runtime.block_on(bench.verify(text)).is_err());
        }
    });
}

#[test]
fn random_bytes_under_a_good_form_are_never_believed() {
    let (runtime, bench) = bench();
    let bytes = || prop::collection::vec(any::<u8>(), 0..100);
    proptest!(|(header in bytes(), claims in bytes(), signature in bytes(), sound in any::<bool>())| {
        let header = if sound { br#"{"alg":"HS256"}"#.to_vec() } else { header };
        let parts = [header, claims, signature].map(|part| BASE64URL_NOPAD.encode(&part));
        prop_assert!(runtime.block_on(bench.verify(&parts.join("."))).is_err());
    });
}

#[test]
fn a_token_with_any_change_is_never_believed() {
    let (runtime, bench) = bench();
    let token = signer().token(&bench.claims(json!({"sid": "s1", "name": "Alice"})));
    runtime.block_on(bench.verify(&token)).unwrap();
    let length = token.len();
    proptest!(|(at in 0..length, with in "[ -~]{0,2}", cut in 0..3_usize)| {
        let end = (at + cut).min(length);
        let changed = format!("{}{with}{}", &token[..at], &token[end..]);
        prop_assume!(changed != token);
        prop_assert!(bench.verifier.known(&changed).is_none());
        prop_assert!(runtime.block_on(bench.verify(&changed)).is_err());
    });
}

#[test]
fn whatever_is_believed_is_believed_by_another_implementation_too() {
    const NAMES: [&str; 8] = ["iss", "aud", "sub", "exp", "nbf", "iat", "sid", "events"];
    let (runtime, bench) = bench();
    let now = crate::clock::unix_seconds(bench.clock.now());
    let changes = prop::collection::hash_map(prop::sample::select(&NAMES[..]), value(now), 0..3);
    let believed = std::cell::Cell::new(0);
    let signer = signer();
    proptest!(|(changes in changes)| {
        let mut claims = bench.claims(json!({}));
        for (name, value) in changes {
            claims[name] = value;
        }
        let token = signer.token(&claims);
        if runtime.block_on(bench.verify(&token)).is_ok() {
            believed.set(believed.get() + 1);
            prop_assert!(believed_elsewhere(&token), "{claims}");
        }
    });
    assert!(believed.get() > 0, "the property was never put to the test");
}

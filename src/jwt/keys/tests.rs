//! Tables of keys, each with what it may check or why it is refused.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::jwt::keys::{Key, KeyError, KeySet};
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{PUBLIC, SECRET};
use crate::jwt::unverified::Signed;
use crate::secret::Secret;

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// What the set's keys may check, or why there is none.
fn judge(jwk: Value, accepted: &[Algorithm]) -> Result<Vec<Algorithm>, KeyError> {
    let set = KeySet::parse(key_set([jwk]).as_bytes(), accepted)?;
    match set.lack() {
        Some(error) => Err(error),
        None => Ok(set.keys[0].checks.iter().map(|check| check.0).collect()),
    }
}

fn changed(jwk: &Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    let mut jwk = jwk.clone();
    jwk.as_object_mut().unwrap().extend(changes);
    jwk
}

#[test]
fn a_key_checks_what_its_type_its_members_and_the_config_allow() {
    let rsa = Signer::new(Algorithm::RS256, "k").jwk();
    let p256 = Signer::new(Algorithm::ES256, "k").jwk();
    let p384 = Signer::new(Algorithm::ES384, "k").jwk();
    let ed = Signer::new(Algorithm::EdDSA, "k").jwk();
    let of = |jwk: &Value, changes: Value| judge(changed(jwk, changes), &PUBLIC);

    assert_eq!(of(&rsa, json!({})), Ok(RSA.to_vec()));
    assert_eq!(of(&p256, json!({})), Ok(vec![Algorithm::ES256]));
    assert_eq!(of(&p384, json!({})), Ok(vec![Algorithm::ES384]));
    assert_eq!(of(&ed, json!({})), Ok(vec![Algorithm::EdDSA]));
    let alone = Ok(vec![Algorithm::PS256]);
    assert_eq!(of(&rsa, json!({"alg": "PS256"})), alone);
    assert_eq!(
        of(&rsa, json!({"alg": null, "use": null})),
        Ok(RSA.to_vec())
    );
    let verifying = json!({"use": "sig", "key_ops": ["verify"]});
    assert_eq!(of(&rsa, verifying), Ok(RSA.to_vec()));

    let narrow = [Algorithm::RS256, Algorithm::ES256];
    assert_eq!(judge(rsa.clone(), &narrow), Ok(vec![Algorithm::RS256]));
    assert_eq!(judge(ed.clone(), &narrow), Err(KeyError::NoAlgorithm));

    let rows = [
        (&rsa, json!({"alg": "HS256"}), KeyError::NoAlgorithm),
        (&rsa, json!({"alg": "none"}), KeyError::NoAlgorithm),
        (&rsa, json!({"alg": "ES256"}), KeyError::NoAlgorithm),
        (&rsa, json!({"alg": "RSA-OAEP"}), KeyError::NoAlgorithm),
        (&p256, json!({"alg": "ES384"}), KeyError::NoAlgorithm),
        (&rsa, json!({"use": "enc"}), KeyError::OtherUse),
        (&rsa, json!({"key_ops": ["encrypt"]}), KeyError::OtherUse),
        (&rsa, json!({"key_ops": []}), KeyError::OtherUse),
        (
            &rsa,
            json!({"use": "enc", "key_ops": ["verify"]}),
            KeyError::OtherUse,
        ),
        (&rsa, json!({"d": "AQAB"}), KeyError::PrivateKey),
        (&rsa, json!({"e": "AQ"}), KeyError::RsaSize),
        (&rsa, json!({"e": "Aw"}), KeyError::RsaSize),
        (&rsa, json!({"e": ""}), KeyError::RsaSize),
        (&rsa, json!({"n": ""}), KeyError::RsaSize),
        (&rsa, json!({"n": "AQAB"}), KeyError::RsaSize),
        (&rsa, json!({"n": null}), KeyError::NotAKey),
        (&rsa, json!({"n": 7}), KeyError::NotAKey),
        (&rsa, json!({"n": "not base64!"}), KeyError::Unsound),
        (&rsa, json!({"kty": "rsa"}), KeyError::UnsupportedType),
        (&p256, json!({"crv": "P-384"}), KeyError::Unsound),
        (&p256, json!({"crv": "P-521"}), KeyError::UnsupportedType),
        (
            &p256,
            json!({"crv": "secp256k1"}),
            KeyError::UnsupportedType,
        ),
        (&p256, json!({"x": p256["y"]}), KeyError::Unsound),
        (&p256, json!({"y": null}), KeyError::NotAKey),
        (&ed, json!({"crv": "Ed448"}), KeyError::UnsupportedType),
        (&ed, json!({"crv": "X25519"}), KeyError::UnsupportedType),
        (&ed, json!({"x": "AQAB"}), KeyError::Unsound),
    ];
    for (jwk, changes, expected) in rows {
        let outcome = of(jwk, changes.clone());
        assert_eq!(outcome, Err(expected), "{} {changes}", jwk["kty"]);
    }
}

#[test]
fn a_shared_secret_in_a_key_set_is_refused() {
    let jwk =
        json!({"kty": "oct", "alg": "HS256", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"});
    let accepted = [Algorithm::HS256, Algorithm::RS256];
    assert_eq!(judge(jwk, &accepted), Err(KeyError::SharedSecret));
}

#[test]
fn a_modulus_below_2048_bits_is_refused_and_leading_zeros_do_not_count() {
    let encode = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let rsa = Signer::new(Algorithm::RS256, "k").jwk();
    let n = data_encoding::BASE64URL_NOPAD
        .decode(rsa["n"].as_str().unwrap().as_bytes())
        .unwrap();
    let padded = [&[0, 0], n.as_slice()].concat();
    let short = [&[0, 0x7f], &n[1..]].concat();
    let of = |n: &[u8]| judge(changed(&rsa, json!({"n": encode(n)})), &PUBLIC);
    assert_eq!(of(&padded), Ok(RSA.to_vec()));
    assert_eq!(of(&short), Err(KeyError::RsaSize));
    assert_eq!(of(&[0xff; 1025]), Err(KeyError::RsaSize));
}

#[test]
fn one_bad_key_does_not_spoil_its_set() {
    let good = Signer::new(Algorithm::ES256, "good").jwk();
    let set = key_set([json!({"kty": "oct", "k": "AA"}), json!(7), json!({}), good]);
    let set = KeySet::parse(set.as_bytes(), &PUBLIC).unwrap();
    assert_eq!(set.lack(), None);
    let good = |kid| set.candidates(Algorithm::ES256, kid).count();
    assert_eq!(
        (good(Some("good")), good(None), good(Some("bad"))),
        (1, 1, 0)
    );
}

#[test]
fn what_is_no_key_set_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        "<html>",
        r#"{"keys":null}"#,
    ] {
        let outcome = KeySet::parse(text.as_bytes(), &PUBLIC).map(|_| ());
        assert_eq!(outcome, Err(KeyError::NotAKeySet), "{text}");
    }
    let many = key_set(vec![json!({}); 33]);
    let outcome = KeySet::parse(many.as_bytes(), &PUBLIC).map(|_| ());
    assert_eq!(outcome, Err(KeyError::TooManyKeys));
    let empty = KeySet::parse(br#"{"keys":[]}"#, &PUBLIC).unwrap();
    assert_eq!(empty.lack(), Some(KeyError::NoKeys));
}

#[test]
fn a_pem_public_key_of_every_type_is_read() {
    let rows = [
        (Algorithm::RS256, RSA.to_vec()),
        (Algorithm::ES256, vec![Algorithm::ES256]),
        (Algorithm::ES384, vec![Algorithm::ES384]),
        (Algorithm::EdDSA, vec![Algorithm::EdDSA]),
    ];
    for (algorithm, expected) in rows {
        let signer = Signer::new(algorithm, "k");
        let key = Key::from_pem(signer.public_pem().as_bytes(), &PUBLIC).unwrap();
        let checks: Vec<_> = key.checks.iter().map(|check| check.0).collect();
        assert_eq!(checks, expected);
        let token = signer.sign("{}", "{}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let message = Signed::new(message);
        let signature = data_encoding::BASE64URL_NOPAD
            .decode(signature.as_bytes())
            .unwrap();
        assert!(key.made(&signature, &message, algorithm));
        assert!(!key.made(&signature, &Signed::new("e30.e31"), algorithm));
        assert!(!key.made(&signature, &message, Algorithm::HS256));
    }
}

#[test]
fn a_file_that_is_no_public_key_is_refused_by_name() {
    let signer = Signer::new(Algorithm::ES256, "k");
    let (public, private) = (signer.public_pem(), signer.private_pem());
    let certificate = public.replace("PUBLIC KEY", "CERTIFICATE");
    let twice = format!("{public}{public}");
    let hollow = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let rows = [
        (private.as_str(), KeyError::PrivateKey),
        (&certificate, KeyError::Certificate),
        (&twice, KeyError::NotPem),
        (hollow, KeyError::Unsound),
        ("", KeyError::NotPem),
        ("ssh-ed25519 AAAA", KeyError::NotPem),
    ];
    for (text, expected) in rows {
        let outcome = Key::from_pem(text.as_bytes(), &PUBLIC).map(|_| ());
        assert_eq!(outcome, Err(expected), "{text}");
    }
    let outcome = Key::from_pem(public.as_bytes(), &[Algorithm::RS256]).map(|_| ());
    assert_eq!(outcome, Err(KeyError::NoAlgorithm));
}

#[test]
fn a_secret_is_long_and_no_key_in_disguise() {
    let of = |secret: &str, accepted: &[Algorithm]| {
        Key::from_secret(&Secret::new(secret.to_owned()), accepted)
            .map(|key| key.checks.iter().map(|check| check.0).collect::<Vec<_>>())
    };
    let hs256 = [Algorithm::HS256];
    assert_eq!(of(SECRET, &hs256), Ok(hs256.to_vec()));
    assert_eq!(of(SECRET, &[Algorithm::RS256]), Err(KeyError::NoAlgorithm));
    assert_eq!(of(&SECRET[1..], &hs256), Err(KeyError::ShortSecret));
    let pem = Signer::new(Algorithm::ES256, "k").public_pem();
    assert_eq!(of(&pem, &hs256), Err(KeyError::PemSecret));
    assert_eq!(of(&format!("\n {pem}"), &hs256), Err(KeyError::PemSecret));
}

#[test]
fn keys_in_both_sets_stay_and_the_others_are_withdrawn() {
    let (a, b, c) = (
        Signer::new(Algorithm::ES256, "a").jwk(),
        Signer::new(Algorithm::ES256, "b").jwk(),
        Signer::new(Algorithm::ES256, "c").jwk(),
    );
    let parse = |keys: [&Value; 2]| {
        KeySet::parse(key_set(keys.map(Value::clone)).as_bytes(), &PUBLIC).unwrap()
    };
    let old = parse([&a, &b]);
    let new = parse([&c, &b]).succeed(&old);
    assert!(new.withdraw_missing(&old));
    assert!(old.keys[0].is_withdrawn());
    assert!(!old.keys[1].is_withdrawn());
    assert!(!new.keys[0].is_withdrawn());

    let same = parse([&b, &c]).succeed(&new);
    assert!(!same.withdraw_missing(&new));
    // The same key under another name is another key.
    let renamed = parse([&changed(&b, json!({"kid": "x"})), &c]).succeed(&same);
    assert!(renamed.withdraw_missing(&same));
    assert!(old.keys[1].is_withdrawn());
}

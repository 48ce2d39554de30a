//! What is wrong with a file of an issuer's public keys, as far as its form tells. Whether a key is sound, the verifier finds out.

use serde_json::Value;
use x509_parser::oid_registry::{
    OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::AlgorithmWord;

/// A key's type, as far as it decides which algorithms it goes with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    Ec,
    Ed25519,
}

impl AlgorithmWord {
    fn kind(self) -> Option<Kind> {
        match self {
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 => Some(Kind::Rsa),
            Self::ES256 | Self::ES384 => Some(Kind::Ec),
            Self::EdDsa => Some(Kind::Ed25519),
            Self::HS256 => None,
        }
    }
}

/// Does a key of this type go with one of the algorithms? Where no algorithm is for public keys, that is a mistake of its own.
fn fits(kind: Kind, algorithms: &[AlgorithmWord]) -> bool {
    let mut kinds = algorithms.iter().filter_map(|word| word.kind()).peekable();
    kinds.peek().is_none() || kinds.any(|it| it == kind)
}

/// What is wrong with a JWK set.
pub(super) fn set_problem(text: &str, algorithms: &[AlgorithmWord]) -> Option<String> {
    let set: Option<Value> = serde_json::from_str(text).ok();
    let keys = set
        .as_ref()
        .and_then(|set| set.get("keys"))
        .and_then(Value::as_array)
        .filter(|keys| !keys.is_empty());
    let Some(keys) = keys else {
        return Some("should hold a JWK set: {\"keys\": [...]} with at least one key".to_owned());
    };
    if keys.iter().any(|key| key.get("d").is_some()) {
        return Some(
            "holds a private key, which belongs to the issuer alone; give its public part"
                .to_owned(),
        );
    }
    let member = |key: &Value, name: &str| key.get(name).and_then(Value::as_str).map(str::to_owned);
    let kinds = keys.iter().filter_map(|key| {
        let curve = member(key, "crv");
        match member(key, "kty")?.as_str() {
            "RSA" => Some(Kind::Rsa),
            "EC" => Some(Kind::Ec),
            "OKP" if curve.as_deref() == Some("Ed25519") => Some(Kind::Ed25519),
            _ => None,
        }
    });
    (!kinds.into_iter().any(|kind| fits(kind, algorithms)))
        .then(|| "holds no key that goes with `algorithms`".to_owned())
}

/// What is wrong with a PEM public key.
pub(super) fn pem_problem(text: &str, algorithms: &[AlgorithmWord]) -> Option<String> {
    let wanted = "should hold one public key as PEM, beginning with -----BEGIN PUBLIC KEY-----";
    if text.contains("PRIVATE KEY-----") {
        return Some(
            "holds a private key, which belongs to the issuer alone; give its public key"
                .to_owned(),
        );
    }
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Some(
            "holds a certificate; write its key to the file (openssl x509 -pubkey -noout)"
                .to_owned(),
        );
    }
    let blocks = pem::parse_many(text).unwrap_or_default();
    let [block] = blocks.as_slice() else {
        return Some(match blocks.len() {
            0 => wanted.to_owned(),
            count => format!("holds {count} keys; give one, or a `jwks_file`"),
        });
    };
    let kind = match block.tag() {
        "RSA PUBLIC KEY" => Some(Kind::Rsa),
        "PUBLIC KEY" => match SubjectPublicKeyInfo::from_der(block.contents()) {
            Err(_) => {
                let problem = "holds a public key that cannot be read; was it cut off?";
                return Some(problem.to_owned());
            }
            Ok((_, info)) => {
                let oid = &info.algorithm.algorithm;
                [
                    (OID_PKCS1_RSAENCRYPTION, Kind::Rsa),
                    (OID_KEY_TYPE_EC_PUBLIC_KEY, Kind::Ec),
                    (OID_SIG_ED25519, Kind::Ed25519),
                ]
                .into_iter()
                .find_map(|(known, kind)| (known == *oid).then_some(kind))
            }
        },
        _ => return Some(wanted.to_owned()),
    };
    (!kind.is_some_and(|kind| fits(kind, algorithms)))
        .then(|| "holds a key that goes with none of `algorithms`".to_owned())
}

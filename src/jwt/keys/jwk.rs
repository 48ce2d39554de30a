//! Keys from JWK sets (RFC 7517, RFC 7518 §6, RFC 8037 §2).
//!
//! `kty`, `crv`, `alg`, `use` and `key_ops` are all respected: each can only narrow what a key may check.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use crate::jwt::keys::{Checks, Key, KeyError};

/// Most keys of a set. Large providers publish about ten; a token without `kid` may cost a try with each.
const MAX_KEYS: usize = 32;

/// SEC 1's mark of a point in full.
const UNCOMPRESSED: u8 = 4;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<Value>,
}

/// Reads the keys of a set, each for itself.
pub(super) fn parse_set(
    json: &[u8],
    accepted: &[Algorithm],
) -> Result<Vec<Result<Key, KeyError>>, KeyError> {
    let set: Set = serde_json::from_slice(json).map_err(|_| KeyError::NotAKeySet)?;
    if set.keys.len() > MAX_KEYS {
        return Err(KeyError::TooManyKeys);
    }
    let parse = |key| parse(key, accepted);
    Ok(set.keys.into_iter().map(parse).collect())
}

fn parse(jwk: Value, accepted: &[Algorithm]) -> Result<Key, KeyError> {
    let jwk: Jwk = serde_json::from_value(jwk).map_err(|_| KeyError::NotAKey)?;
    if jwk.kty == "oct" {
        return Err(KeyError::SharedSecret);
    }
    if jwk.d.is_some() {
        return Err(KeyError::PrivateKey);
    }
    let for_signatures = jwk
        .purpose
        .as_deref()
        .is_none_or(|purpose| purpose == "sig");
    let for_verifying = jwk
        .key_ops
        .as_ref()
        .is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    if !(for_signatures && for_verifying) {
        return Err(KeyError::OtherUse);
    }
    let checks = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Checks::rsa(&decode(jwk.n.as_ref())?, &decode(jwk.e.as_ref())?)?,
        ("EC", Some("P-256")) => Checks::p256(&point::<32>(&jwk)?)?,
        ("EC", Some("P-384")) => Checks::p384(&point::<48>(&jwk)?)?,
        ("OKP", Some("Ed25519")) => Checks::ed25519(&exactly::<32>(jwk.x.as_ref())?)?,
        _ => return Err(KeyError::UnsupportedType),
    };
    let mut checks = checks.accepted(accepted)?;
    if let Some(own) = &jwk.alg {
        let own: Option<Algorithm> = own.parse().ok();
        checks.retain(|(algorithm, _)| Some(*algorithm) == own);
    }
    if checks.is_empty() {
        return Err(KeyError::NoAlgorithm);
    }
    Ok(Key::new(jwk.kid, checks))
}

fn point<const LENGTH: usize>(jwk: &Jwk) -> Result<Vec<u8>, KeyError> {
    let (x, y) = (
        exactly::<LENGTH>(jwk.x.as_ref())?,
        exactly::<LENGTH>(jwk.y.as_ref())?,
    );
    Ok([&[UNCOMPRESSED], x.as_slice(), y.as_slice()].concat())
}

fn exactly<const LENGTH: usize>(member: Option<&String>) -> Result<Vec<u8>, KeyError> {
    let bytes = decode(member)?;
    if bytes.len() == LENGTH {
        Ok(bytes)
    } else {
        Err(KeyError::Unsound)
    }
}

fn decode(member: Option<&String>) -> Result<Vec<u8>, KeyError> {
    let text = member.ok_or(KeyError::NotAKey)?;
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| KeyError::Unsound)
}

//! Keys that sign test tokens with any header, and show their public half as JWK or PEM.

use std::sync::OnceLock;

use aws_lc_rs::rsa::PublicKey;
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PublicKeyData, RsaKeySize};
use serde_json::{Value, json};

/// A key pair, or a secret, under a key id.
pub(in crate::jwt) struct Signer {
    pub kid: Option<&'static str>,
    pub algorithm: Algorithm,
    key: EncodingKey,
    pair: Option<KeyPair>,
}

impl Signer {
    pub(in crate::jwt) fn new(algorithm: Algorithm, kid: &'static str) -> Self {
        let pair = match algorithm {
            Algorithm::ES256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Algorithm::ES384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Algorithm::EdDSA => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            _ => KeyPair::from_pem(rsa_pem()),
        }
        .unwrap();
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(&pair.serialize_der()),
            Algorithm::EdDSA => EncodingKey::from_ed_der(&pair.serialize_der()),
            _ => EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap(),
        };
        Self {
            kid: Some(kid),
            algorithm,
            key,
            pair: Some(pair),
        }
    }

    /// HS256 with any bytes for a secret.
    pub(in crate::jwt) fn secret(secret: &[u8]) -> Self {
        Self {
            kid: None,
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(secret),
            pair: None,
        }
    }

    /// A token with the plain header.
    pub(in crate::jwt) fn token(&self, claims: &Value) -> String {
        self.token_with(json!({}), claims)
    }

    /// A token with these members more, or others, in its header.
    pub(in crate::jwt) fn token_with(&self, changes: Value, claims: &Value) -> String {
        let mut header = json!({"alg": self.algorithm, "typ": "JWT"});
        if let Some(kid) = self.kid {
            header["kid"] = kid.into();
        }
        let Value::Object(changes) = changes else {
            panic!("changes are an object");
        };
        header.as_object_mut().unwrap().extend(changes);
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// A token with exactly these texts.
    pub(in crate::jwt) fn sign(&self, header: &str, claims: &str) -> String {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// The public half.
    pub(in crate::jwt) fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let pair = self.pair();
        let mut jwk = match self.algorithm {
            Algorithm::ES256 | Algorithm::ES384 => {
                let point = &pair.public_key_raw()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
            }
            Algorithm::EdDSA => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key_raw())})
            }
            _ => {
                let key = PublicKey::from_der(&pair.subject_public_key_info()).unwrap();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({"kty": "RSA", "n": encode(n), "e": encode(e)})
            }
        };
        if let Some(kid) = self.kid {
            jwk["kid"] = kid.into();
        }
        jwk
    }

    pub(in crate::jwt) fn public_pem(&self) -> String {
        self.pair().public_key_pem()
    }

    pub(in crate::jwt) fn private_pem(&self) -> String {
        self.pair().serialize_pem()
    }

    fn pair(&self) -> &KeyPair {
        self.pair.as_ref().expect("a secret has no public half")
    }
}

/// A key set.
pub(in crate::jwt) fn key_set(keys: impl IntoIterator<Item = Value>) -> String {
    json!({"keys": Vec::from_iter(keys)}).to_string()
}

/// One RSA key for the whole process: making one takes longer than any test.
fn rsa_pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)
            .unwrap()
            .serialize_pem()
    })
}

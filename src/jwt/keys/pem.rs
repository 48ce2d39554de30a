//! Keys from PEM files: one public key, as SubjectPublicKeyInfo (RFC 5280 §4.1) or, for RSA, also as PKCS #1 (RFC 8017 §A.1.1).
//!
//! Private keys and certificates are refused by name: the first has no business here, the second has more than one meaning.

use aws_lc_rs::rsa::PublicKey;

use crate::jwt::keys::{Checks, KeyError};

/// What the one key of a PEM text can check.
pub(super) fn checks(text: &[u8]) -> Result<Checks, KeyError> {
    let blocks = pem::parse_many(text).map_err(|_| KeyError::NotPem)?;
    let [block] = blocks.as_slice() else {
        return Err(KeyError::NotPem);
    };
    let der = block.contents();
    match block.tag() {
        "PUBLIC KEY" => Checks::p256(der)
            .or_else(|_| Checks::p384(der))
            .or_else(|_| Checks::ed25519(der))
            .or_else(|_| rsa(der)),
        "RSA PUBLIC KEY" => rsa(der),
        "CERTIFICATE" => Err(KeyError::Certificate),
        tag if tag.ends_with("PRIVATE KEY") => Err(KeyError::PrivateKey),
        _ => Err(KeyError::NotPem),
    }
}

fn rsa(der: &[u8]) -> Result<Checks, KeyError> {
    let key = PublicKey::from_der(der).map_err(|_| KeyError::Unsound)?;
    Checks::rsa(
        key.modulus().big_endian_without_leading_zero(),
        key.exponent().big_endian_without_leading_zero(),
    )
}

//! A signing key of the test's own: ES256, whose signatures cost Gantry about what most issuers' do.

use std::path::PathBuf;

use anyhow::Context as _;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::write_private;

/// Makes a key pair and writes both halves.
///
/// # Errors
/// When the system gives no randomness, or a file cannot be written.
pub(crate) fn make(key_file: &PathBuf, public_key_file: &PathBuf) -> anyhow::Result<()> {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let private = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
        .ok()
        .context("no signing key can be made")?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref())
        .ok()
        .context("the signing key cannot be read back")?;
    let public: PublicKeyX509Der<'_> = pair
        .public_key()
        .as_der()
        .ok()
        .context("the public key has no text form")?;
    write_private(key_file, &pem("PRIVATE KEY", private.as_ref()))?;
    write_private(public_key_file, &pem("PUBLIC KEY", public.as_ref()))
}

/// DER as PEM.
pub(crate) fn pem(kind: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let mut pem = format!("-----BEGIN {kind}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {kind}-----\n"));
    pem
}

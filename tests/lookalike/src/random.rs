//! Random ids and secrets in the forms Meteor gives them, and the digests RC stores.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Meteor leaves out letters and digits that people confuse.
const ID_ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz";
const SECRET_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// A document id: 17 characters (RC §10).
pub(crate) fn id() -> String {
    text(17, ID_ALPHABET)
}

/// A token: 43 characters (RC §1.1).
pub(crate) fn token() -> String {
    text(43, SECRET_ALPHABET)
}

/// A six-digit code as RC mails it.
pub(crate) fn code() -> String {
    text(6, b"0123456789")
}

fn text(length: usize, alphabet: &[u8]) -> String {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes).expect("the system's random source does not fail once seeded");
    bytes
        .into_iter()
        .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]))
        .collect()
}

/// The stored form of a token: `base64(sha256(token))`, standard alphabet with padding (RC §1.1).
pub(crate) fn hashed_token(token: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

/// Lower-case hex SHA-256, the form in which passwords travel pre-hashed (RC §1.5, §2.1).
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

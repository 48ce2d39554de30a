//! Random text for session ids and key ids, from the system's source.

use anyhow::Context as _;
use data_encoding::BASE64URL_NOPAD;

/// `bytes` random bytes, written base64url.
///
/// # Errors
/// When the system gives no randomness.
pub(crate) fn text(bytes: usize) -> anyhow::Result<String> {
    let mut buffer = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut buffer)
        .ok()
        .context("the system gives no randomness")?;
    Ok(BASE64URL_NOPAD.encode(&buffer))
}

//! Randomness from the crypto provider: names nobody guesses, and pauses that do not fall together.

use std::time::Duration;

use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;

/// `N` random bytes in base64url.
///
/// # Panics
/// When the system has no randomness: nothing secret can be made then.
#[must_use]
pub fn text<const N: usize>() -> String {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's random source answers");
    BASE64URL_NOPAD.encode(&bytes)
}

/// Random bits for what nobody may guess.
///
/// # Panics
/// As [`text`].
#[must_use]
pub fn bits() -> u128 {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system's random source answers");
    u128::from_ne_bytes(bytes)
}

/// A duration between half of this one and all of it: what failed together is not tried again together.
#[must_use]
pub fn spread(full: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness the pause is merely not spread.
    let _filled = rand::fill(&mut byte);
    full / 2 + full / 2 * u32::from(byte[0]) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_pause_stays_between_half_and_all() {
        let full = Duration::from_secs(8);
        let pauses: Vec<_> = (0..200).map(|_| spread(full)).collect();
        assert!(pauses.iter().all(|pause| (full / 2..=full).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}

//! Places where a test may end the process as a crash would, to see that nothing is lost there. Without the feature `failpoints`, which
//! no release has, this is nothing.

/// Every place, in the order in which a token passes them: a test goes through all of them.
pub const PLACES: [&str; 15] = [
    "claimed",
    "before-intent",
    "intended",
    "minted",
    "committed",
    "begun",
    "replaced",
    "ended-here",
    "buried",
    "ended",
    "before-logout",
    "logged-out",
    "fresh-minted",
    "others-removed",
    "fresh-logged-out",
];

/// Ends the process here if the environment's `GANTRY_FAILPOINT` names this place.
#[cfg(feature = "failpoints")]
#[expect(
    clippy::disallowed_methods,
    reason = "a test's word to one process, no configuration"
)]
pub fn reach(place: &str) {
    debug_assert!(PLACES.contains(&place), "{place} is not among the places");
    if std::env::var_os("GANTRY_FAILPOINT").is_some_and(|wanted| wanted == *place) {
        // As `kill -9` would: nothing is dropped, flushed or answered.
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn reach(_place: &str) {}

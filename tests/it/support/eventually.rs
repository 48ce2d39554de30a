//! Waiting for what happens in the background, without guessing how long it takes.

use std::time::Duration;

use gantry::clock::ManualClock;

/// How long is looked; far above what anything here needs, so that a slow machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, looking).await;
    assert!(in_time.is_ok(), "never so: {what}");
}

/// As [`eventually`], while time on the manual clock passes in steps between the looks.
pub(crate) async fn in_time(
    what: &str,
    hand: &ManualClock,
    step: Duration,
    mut is_so: impl FnMut() -> bool,
) {
    eventually(what, || {
        let so = is_so();
        if !so {
            hand.advance(step);
        }
        so
    })
    .await;
}

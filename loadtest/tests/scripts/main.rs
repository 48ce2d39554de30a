//! Every script for real: k6, wrk and a stand-in for oha against Gantry and a Rocket.Chat lookalike.
//!
//! They need k6 below `.cache` (or in the PATH) and wrk, which `scripts/test.sh` installs.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail wherever something is not as it set it up"
)]

mod refusals;
mod runs;
mod stage;

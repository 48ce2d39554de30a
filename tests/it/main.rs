//! The one integration binary: the real server on port 0, the lookalike and a real issuer over TCP.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail wherever something is not as it set it up"
)]

mod attacks;
mod cli;
mod layering;
mod metrics;
mod readme;
mod rest;
mod rocketchat_client;
mod sessions;
mod support;

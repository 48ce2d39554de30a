//! The one integration binary: the real server on port 0, the lookalike and a real issuer over TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;
mod injection;
mod layering;
mod readme;
mod rest;
mod rocketchat_client;
mod sessions;
mod support;
mod surface;

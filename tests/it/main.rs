//! The one integration binary: the real server on port 0, the lookalike and a real issuer over TCP.

mod cli;
mod injection;
mod layering;
mod readme;
mod rest;
mod rocketchat_client;
mod sessions;
mod support;
mod surface;

//! The one integration binary: the real server on port 0, the lookalike and a real issuer over TCP.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail wherever something is not as it set it up"
)]

mod admin;
mod attacks;
mod audit;
mod backchannel;
mod beacons;
mod bodies;
mod boot_script;
mod cli;
mod commands;
mod cors;
mod crashes;
mod docs;
mod doctor;
mod drain;
mod endings;
mod exchange;
mod exchange_faults;
mod filter;
mod full_disk;
mod gateways;
mod h2c;
mod iframe;
mod issuers;
mod keeping;
mod layering;
mod library;
mod limits;
mod metrics;
mod observability;
mod own_session;
mod pages;
mod readiness;
mod readme;
mod relayed;
mod reload;
mod replay;
mod replicas;
mod rest;
mod rest_login;
mod restarts;
mod rocketchat_client;
mod session_cookie;
mod sessions;
mod sockets;
mod stand_ins;
mod storms;
mod support;
mod tickets;
mod tls;
mod traces;
mod upgrades;
mod upstream_faults;

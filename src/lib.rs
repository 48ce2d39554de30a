//! Gantry: the auth sidecar for Rocket.Chat. It verifies the JWT that a host application signed, exchanges it for Rocket.Chat
//! credentials, and puts those on the traffic it forwards.
//!
//! Layers, bottom to top; a module uses only layers below its own:
//!
//! | layer | modules |
//! |---|---|
//! | 0 primitives | [`bell`], [`clock`], [`failpoint`], [`random`], [`secret`], [`headers`], [`body`], [`places`], [`problem`] |
//! | 1 settings, instruments | [`config`], [`telemetry`] |
//! | 2 authorities | [`jwt`], [`rocketchat`] |
//! | 3 mechanisms | [`authn`], [`session`], [`ddp`], [`surface`] |
//! | 4 gate | [`gate`] |
//! | 5 edges | [`proxy`], [`filter`], [`endpoints`] |
//! | 6 server | [`server`] |
//! | 7 program | [`app`], [`cli`] |

pub mod app;
pub mod authn;
pub mod bell;
pub mod body;
pub mod changes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod ddp;
pub mod endpoints;
pub mod failpoint;
pub mod filter;
pub mod gate;
pub mod headers;
pub mod jwt;
pub mod places;
pub mod problem;
pub mod proxy;
pub mod random;
pub mod recent;
pub mod rocketchat;
pub mod secret;
pub mod server;
pub mod session;
pub mod surface;
pub mod telemetry;
pub mod tls;
pub mod transport;
pub mod workers;

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The source revision of this build, from `GANTRY_REVISION` at build time.
pub const REVISION: &str = match option_env!("GANTRY_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

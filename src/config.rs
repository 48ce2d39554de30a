//! The checked configuration: what the rest of the program may rely on without checking again.
//!
//! Loading goes defaults < YAML file < environment; unknown keys are refused, every mistake is reported at once, and each names
//! its key, its place and the mend. Only this module reads the environment and the secret files.

use std::sync::Arc;

pub mod admin;
pub mod issuer;
pub mod listen;
pub mod proxy;
pub mod rocketchat;
pub mod session;
pub mod telemetry;
pub mod tokens;
pub mod types;
pub mod users;

/// The whole configuration; only `app` sees it whole, each component gets its section.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public listener.
    pub listen: listen::Listen,
    /// The admin listener.
    pub admin: admin::Admin,
    /// How we reach Rocket.Chat and act there.
    pub rocketchat: rocketchat::RocketChat,
    /// Who signs JWTs; at least one, with distinct names.
    pub issuers: Vec<Arc<issuer::Issuer>>,
    /// Where a JWT may stand in a request.
    pub tokens: tokens::Tokens,
    /// How principals become Rocket.Chat users.
    pub users: users::Users,
    /// The life of sessions.
    pub sessions: session::Sessions,
    /// What passes, and who may embed it.
    pub proxy: proxy::Proxy,
    /// Logs.
    pub telemetry: telemetry::Telemetry,
}

//! Section `sessions`: how long sessions live and what ends them.

use std::time::Duration;

/// The life of sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// Live sessions one principal may have; the least recently used is displaced. Default 10.
    pub max_per_principal: usize,
    /// Share of the auth token's life after which it is refreshed, above 0 and below 1; default 0.8.
    pub refresh_at: f64,
    /// A session unused for this long ends; default 12 h.
    pub idle_timeout: Duration,
    /// A session older than this ends; default 7 d.
    pub max_lifetime: Duration,
    /// Time after the JWT's expiry for a newer JWT to show up; default 30 s.
    pub grace: Duration,
    /// End a session this long after its last socket closed; default never.
    pub end_on_last_socket: Option<Duration>,
    /// Log every session out at Rocket.Chat when Gantry stops; default false.
    pub logout_on_shutdown: bool,
}

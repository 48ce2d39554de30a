//! Section `sessions`: how long sessions live and what ends them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::types::{DelayText, DurationText};
use super::validation::{Checked, Validation};

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
    /// What one auth token is for.
    pub scope: Scope,
}

/// What one auth token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One host session.
    Session,
    /// All host sessions of one principal.
    Principal,
}

/// Longest `grace`: the time in which an expired JWT still holds its session.
const LONGEST_GRACE: Duration = Duration::from_secs(60 * 60);

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SessionsFile {
    /// Where sessions are kept. This release has `memory` only.
    store: StoreWord,
    /// What one auth token is for. This release has `session` only: one for every host session.
    scope: ScopeWord,
    /// Most live sessions of one principal; the least recently used gives way.
    #[schemars(range(min = 1, max = 1000))]
    max_per_principal: usize,
    /// Share of an auth token's life after which it is refreshed, above 0 and below 1.
    refresh_at: f64,
    /// A session that is unused for this long ends.
    idle_timeout: DurationText,
    /// A session that is older than this ends.
    max_lifetime: DurationText,
    /// Time after a JWT's expiry for a newer one to show up, before its session ends.
    grace: DurationText,
    /// End a session this long after its last socket closed, such as `60s`; `false` for never.
    end_on_last_socket: DelayText,
    /// Log every session out at Rocket.Chat when Gantry stops.
    logout_on_shutdown: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StoreWord {
    Memory,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ScopeWord {
    Session,
}

impl Default for SessionsFile {
    fn default() -> Self {
        Self {
            store: StoreWord::Memory,
            scope: ScopeWord::Session,
            max_per_principal: 10,
            refresh_at: 0.8,
            idle_timeout: "12h".into(),
            max_lifetime: "7d".into(),
            grace: "30s".into(),
            end_on_last_socket: "false".into(),
            logout_on_shutdown: false,
        }
    }
}

impl SessionsFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Sessions> {
        // Named in full, so that a store or scope that comes later cannot be forgotten here.
        let (StoreWord::Memory, ScopeWord::Session) = (self.store, self.scope);
        let refresh_at = if self.refresh_at > 0.0 && self.refresh_at < 1.0 {
            Ok(self.refresh_at)
        } else {
            let problem = format!(
                "{} should be above 0 and below 1, such as 0.8",
                self.refresh_at
            );
            Err(validation.mistake(&key.field("refresh_at"), problem))
        };
        let idle_timeout = validation.duration(&key.field("idle_timeout"), &self.idle_timeout);
        let max_lifetime = validation.duration(&key.field("max_lifetime"), &self.max_lifetime);
        let grace = validation.tolerance(&key.field("grace"), &self.grace, LONGEST_GRACE);
        let end_on_last_socket = match self.end_on_last_socket.as_str() {
            "false" => Ok(None),
            delay => validation
                .duration(&key.field("end_on_last_socket"), &delay.into())
                .map(Some),
        };
        Ok(Sessions {
            max_per_principal: self.max_per_principal,
            refresh_at: refresh_at?,
            idle_timeout: idle_timeout?,
            max_lifetime: max_lifetime?,
            grace: grace?,
            end_on_last_socket: end_on_last_socket?,
            logout_on_shutdown: self.logout_on_shutdown,
            scope: Scope::Session,
        })
    }
}

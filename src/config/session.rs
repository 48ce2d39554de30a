//! Section `sessions`: where sessions are kept, how long they live and what ends them.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::types::{DelayText, DurationText, Hidden};
use super::validation::{Checked, Validation};
use crate::secret::SealingKey;

pub mod redis;
mod store;

pub use store::StoreConfig;

use redis::RedisFile;
use store::FileFile;

/// The life of sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// Where they are kept; default in memory.
    pub store: StoreConfig,
    /// What is kept is sealed under the first of these and opened under all; none with a store in memory, else at least one.
    pub keys: Vec<SealingKey>,
    /// What one auth token is for; default one host session.
    pub scope: Scope,
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

/// `sessions.scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every host session has an auth token of its own.
    Session,
    /// All host sessions of a principal share one.
    Principal,
}

/// Longest `grace`: the time in which an expired JWT still holds its session.
const LONGEST_GRACE: Duration = Duration::from_secs(60 * 60);

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SessionsFile {
    /// Where sessions are kept: in `memory` until Gantry ends, in a `file` that outlives it, or in `redis` for several Gantries.
    store: StoreWord,
    /// The file of `store: file`.
    file: FileFile,
    /// The Redis or Valkey of `store: redis`.
    redis: RedisFile,
    /// Keys under which what is kept in a file or in Redis is sealed, one a line: 32 bytes in base64 or hex. The first seals, all
    /// open; so a new one is put first, and the old one is taken out when the sessions under it have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_key: Option<Hidden>,
    /// File that holds `encryption_key`; what stands behind a `#` in it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_key_file: Option<PathBuf>,
    /// What one auth token is for: every host `session` has its own, or all of a `principal` share one.
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

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StoreWord {
    Memory,
    File,
    Redis,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ScopeWord {
    Session,
    Principal,
}

impl Default for SessionsFile {
    fn default() -> Self {
        Self {
            store: StoreWord::Memory,
            file: FileFile::default(),
            redis: RedisFile::default(),
            encryption_key: None,
            encryption_key_file: None,
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
        let store = self.store(validation, key);
        let scope = match self.scope {
            ScopeWord::Session => Scope::Session,
            ScopeWord::Principal => Scope::Principal,
        };
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
        let (store, keys) = store?;
        Ok(Sessions {
            store,
            keys,
            scope,
            max_per_principal: self.max_per_principal,
            refresh_at: refresh_at?,
            idle_timeout: idle_timeout?,
            max_lifetime: max_lifetime?,
            grace: grace?,
            end_on_last_socket: end_on_last_socket?,
            logout_on_shutdown: self.logout_on_shutdown,
        })
    }
}

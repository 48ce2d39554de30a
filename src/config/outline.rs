//! What a configuration says key by key, to tell what differs between two.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file::File;
use super::key::Key;
use crate::secret::Secret;

/// Keys, with everything below them, whose change is applied while Gantry runs. All others need a restart; whoever adds a key thinks of it.
pub const APPLIED: [&str; 34] = [
    "listen.public_url",
    "listen.trusted_proxies",
    "listen.limits.header_bytes",
    "listen.limits.headers",
    "listen.limits.body",
    "listen.limits.header_timeout",
    "listen.limits.idle_timeout",
    "listen.limits.body_timeout",
    "listen.limits.send_timeout",
    "listen.limits.resets_per_second",
    "admin.token",
    "admin.token_file",
    "issuers",
    "tokens",
    "users",
    "sessions.max_per_principal",
    "sessions.refresh_at",
    "sessions.idle_timeout",
    "sessions.max_lifetime",
    "sessions.grace",
    "sessions.end_on_last_socket",
    "sessions.logout_on_shutdown",
    "proxy",
    "websocket",
    "iframe",
    "filter.enabled",
    "filter.secret",
    "filter.secret_file",
    "backchannel_logout",
    "telemetry.log.level",
    "telemetry.log.audit",
    "rocketchat.service_account",
    "rocketchat.create_token_secret",
    "rocketchat.create_token_secret_file",
];

/// Every key with its value, secrets by comparison only.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    values: BTreeMap<String, Value>,
    secrets: BTreeMap<String, Secret>,
}

impl Outline {
    pub(super) fn new(file: &File, secrets: Vec<(Key, Secret)>) -> Self {
        let mut outline = Self {
            values: BTreeMap::new(),
            secrets: secrets
                .into_iter()
                .map(|(key, secret)| (key.as_str().to_owned(), secret))
                .collect(),
        };
        // Every part writes itself as plain data, so nothing of this can fail.
        let whole = serde_json::to_value(file).unwrap_or_default();
        outline.add(&Key::default(), whole);
        outline
    }

    /// The keys that differ, in the order of their names.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let mut keys: Vec<String> = differing(&self.values, &other.values, Value::eq)
            .chain(differing(&self.secrets, &other.secrets, Secret::is))
            .cloned()
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn add(&mut self, key: &Key, value: Value) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    self.add(&key.field(&name), value);
                }
            }
            Value::Array(entries) if entries.iter().any(Value::is_object) => {
                for (index, value) in entries.into_iter().enumerate() {
                    self.add(&key.entry(index), value);
                }
            }
            value => {
                self.values.insert(key.as_str().to_owned(), value);
            }
        }
    }
}

/// Does a change of this key need a restart?
#[must_use]
pub fn needs_restart(key: &str) -> bool {
    !APPLIED.iter().any(|applied| {
        key.strip_prefix(applied)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// Keys of either whose values are not the same.
fn differing<'a, V>(
    one: &'a BTreeMap<String, V>,
    other: &'a BTreeMap<String, V>,
    same: fn(&V, &V) -> bool,
) -> impl Iterator<Item = &'a String> {
    let changed = one
        .iter()
        .filter(move |(key, value)| !other.get(*key).is_some_and(|other| same(value, other)));
    let new = other.keys().filter(|key| !one.contains_key(*key));
    changed.map(|(key, _)| key).chain(new)
}

//! The surface that the targets ask, and what its table denies, looked up a second way.

use std::sync::Arc;

use gantry::config::proxy::Proxy;
use gantry::surface::Surface;
use gantry::surface::table::{ROWS, Row, Rule};
use serde_json::Value;
use serde_json::value::RawValue;

/// The surface as it is without any configuration.
pub(crate) fn plain() -> Arc<Surface> {
    Arc::new(Surface::new(&Proxy {
        public_paths: Vec::new(),
        denied: Vec::new(),
        livechat: false,
        allowed_origins: Vec::new(),
        frame_ancestors: Vec::new(),
    }))
}

/// May a method of this name, with these parameters, be run by Rocket.Chat?
pub(crate) fn may_run(method: &str, params: Option<&RawValue>) -> bool {
    match rule(|row| row.methods, method) {
        Rule::Login | Rule::Logout | Rule::Deny(_) | Rule::Livechat => false,
        Rule::OwnProfile => !changes_account(params),
        Rule::MethodCall | Rule::Scrub(_) | Rule::Pass => true,
    }
}

/// What the table's rows say of a name, whatever its case.
pub(crate) fn rule(names: impl Fn(&Row) -> &'static [&'static str], name: &str) -> Rule {
    let name = name.to_ascii_lowercase();
    let takes = |pattern: &&str| {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern || name.starts_with(&format!("{pattern}/")),
        }
    };
    ROWS.iter()
        .find(|row| names(row).iter().any(takes))
        .map_or(Rule::Pass, |row| row.rule)
}

/// Would `saveUserProfile` change what somebody logs in by?
fn changes_account(params: Option<&RawValue>) -> bool {
    let params = params.map(|params| serde_json::from_str(params.get()));
    let Some(Ok(Value::Array(params))) = params else {
        return true;
    };
    let Some(Value::Object(changes)) = params.first() else {
        return true;
    };
    [
        "username",
        "email",
        "newPassword",
        "typedPassword",
        "currentPassword",
        "$escape",
    ]
    .iter()
    .filter_map(|key| changes.get(*key))
    .any(|value| !value.is_null() && value.as_str() != Some(""))
}

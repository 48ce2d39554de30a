//! Profile data from the claims that the config maps.
//!
//! Profile claims decide what a user looks like, not who acts: one of a wrong type is left out, except where leaving it out would grant
//! more, as with roles.

use serde_json::Value;

use crate::config::issuer::ClaimNames;
use crate::jwt::claims::Claims;
use crate::jwt::{Profile, VerifyError};

/// Reads the profile of verified claims.
pub(in crate::jwt) fn profile(
    claims: &Claims<'_>,
    names: &ClaimNames,
) -> Result<Profile, VerifyError> {
    Ok(Profile {
        username: text(claims.find(&names.username)?),
        name: text(claims.find(&names.name)?),
        email: text(claims.find(&names.email)?),
        email_verified: is_true(claims.find(&names.email_verified)?),
        roles: roles(claims.find(&names.roles)?),
    })
}

fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

/// `true`, also as text: some large providers send it so.
fn is_true(value: Option<Value>) -> bool {
    match value {
        Some(Value::Bool(value)) => value,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// One role or a list. What is neither gives no roles, which is less than a claim that was never sent.
fn roles(value: Option<Value>) -> Option<Vec<String>> {
    let roles = match value? {
        Value::Null => return None,
        Value::String(role) => vec![role],
        Value::Array(roles) => roles
            .into_iter()
            .filter_map(|role| text(Some(role)))
            .collect(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    Some(roles)
}

//! Answers without secrets: what Rocket.Chat tells users about their own account is freed from token hashes and second-factor
//! secrets (RC §2.5, §9).
//!
//! An answer is re-written only when something was taken out of it. What should be looked at and cannot be (compressed, broken,
//! or larger than [`MAX_ANSWER`]) is refused: it may hold what must not pass, and no such answer was ever seen.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use memchr::memmem;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Bytes of an answer that is scrubbed. A page of `users.list` holds at most a hundred users of about two kilobytes each, and
/// `users.info` with some thousand rooms stays below one megabyte.
pub const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Where the secrets stand in a user object.
const SERVICES: &str = "services";

/// What is taken out of `services`: login tokens' hashes, iframe and one-time tokens, codes sent by mail, old passwords' hashes,
/// tokens of the workspace's cloud account, and the TOTP secret with its backup codes.
const SECRETS: [&str; 7] = [
    "resume",
    "totp",
    "iframe",
    "loginToken",
    "emailCode",
    "passwordHistory",
    "cloud",
];

/// Which answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrub {
    /// `users.info` and `users.list`: user objects anywhere in the answer.
    Users,
    /// `me`: the same, but `totp.enabled` stays, which is part of its shape (RC §2.3).
    Me,
    /// The result of a DDP method, JSON inside the string `message` (RC §6.5).
    MethodResult,
}

/// What to do with an answer, by its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// No JSON: it goes on as it came.
    Pass,
    /// Read it whole, at most [`MAX_ANSWER`] bytes, and [`Scrub::clean`] it.
    Read,
    /// It cannot be looked at.
    Refuse,
}

/// The answer should have been looked at and could not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an answer that may hold secrets cannot be read")]
pub struct Unreadable;

impl Scrub {
    /// Decides by the answer's head. An answer without a type counts as JSON.
    #[must_use]
    pub fn plan(headers: &HeaderMap) -> Plan {
        let json = headers.get(CONTENT_TYPE).is_none_or(|value| {
            memmem::find(&value.as_bytes().to_ascii_lowercase(), b"json").is_some()
        });
        if !json {
            Plan::Pass
        } else if headers.contains_key(CONTENT_ENCODING) {
            Plan::Refuse
        } else {
            Plan::Read
        }
    }

    /// The body without secrets, or `None` when it may go on as it is.
    ///
    /// # Errors
    /// When the body is larger than [`MAX_ANSWER`], or mentions what is looked for and is no JSON.
    pub fn clean(self, body: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        if body.len() > MAX_ANSWER {
            return Err(Unreadable);
        }
        // Rocket.Chat's JSON never escapes plain letters, so a body without the word has no such key.
        if memmem::find(body, SERVICES.as_bytes()).is_none() {
            return Ok(None);
        }
        let mut answer: Value = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        let removed = match self {
            Self::Users => scrub(&mut answer, Totp::Gone),
            Self::Me => scrub(&mut answer, Totp::OnlyEnabled),
            Self::MethodResult => scrub_result(&mut answer)?,
        };
        if !removed {
            return Ok(None);
        }
        serde_json::to_vec(&answer)
            .map(Some)
            .map_err(|_| Unreadable)
    }
}

/// Subscriptions whose events tell a user's own record: with its login tokens' hashes, as a difference (RC §6.4, §9).
const OWN_RECORD: [&str; 3] = ["userData", "fullUserData", "personalAccessTokens"];

/// The stream of what concerns one user, and its event that tells the own record.
const USER_STREAM: &str = "stream-notify-user";
const USER_EVENT: &str = "/userData";

/// May the events of this subscription tell a user's own record? In doubt they may.
#[must_use]
pub fn may_tell_secrets(name: &str, params: Option<&RawValue>) -> bool {
    if name == USER_STREAM {
        return super::boot::first_string(params).is_none_or(|event| event.ends_with(USER_EVENT));
    }
    OWN_RECORD.contains(&name)
}

/// A DDP message of Rocket.Chat's without secrets, or `None` when it may go on as it is.
///
/// # Errors
/// When it mentions what is looked for and is no JSON.
pub fn event(message: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
    Scrub::Users.clean(message)
}

/// Frees the user object that a login answers with.
pub(super) fn me(user: &mut Value) {
    let _removed = scrub(user, Totp::OnlyEnabled);
}

/// What becomes of `services.totp`.
#[derive(Clone, Copy, PartialEq)]
enum Totp {
    Gone,
    OnlyEnabled,
}

fn scrub_result(answer: &mut Value) -> Result<bool, Unreadable> {
    let Some(Value::String(message)) = answer.get_mut("message") else {
        return Ok(false);
    };
    let mut inner: Value = serde_json::from_str(message).map_err(|_| Unreadable)?;
    let removed = scrub(&mut inner, Totp::Gone);
    if removed {
        *message = inner.to_string();
    }
    Ok(removed)
}

/// Goes through the whole tree, whose depth the reader has bounded; true when something was removed.
fn scrub(value: &mut Value, totp: Totp) -> bool {
    match value {
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |removed, item| scrub(item, totp) | removed),
        Value::Object(fields) => {
            let before = fields.len();
            // A difference names what changed by its path.
            fields.retain(|key, _| !is_secret_path(key));
            let mut removed = fields.len() != before;
            for (key, value) in fields.iter_mut() {
                removed |= match value {
                    Value::Object(services) if key == SERVICES => scrub_services(services, totp),
                    other => scrub(other, totp),
                };
            }
            removed
        }
        _ => false,
    }
}

/// `services.resume.loginTokens`, say.
fn is_secret_path(key: &str) -> bool {
    let Some(path) = key.strip_prefix("services.") else {
        return false;
    };
    SECRETS.contains(&path.split('.').next().unwrap_or_default())
}

fn scrub_services(services: &mut Map<String, Value>, totp: Totp) -> bool {
    let before = services.len();
    let mut reduced = false;
    services.retain(|key, value| {
        if key == "totp"
            && totp == Totp::OnlyEnabled
            && let Value::Object(parts) = value
        {
            let parts_before = parts.len();
            parts.retain(|part, value| part == "enabled" && value.is_boolean());
            reduced = parts.len() != parts_before;
            return true;
        }
        !SECRETS.contains(&key.as_str())
    });
    reduced || services.len() != before
}

#[cfg(test)]
mod tests;

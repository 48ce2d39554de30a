//! What RC checks before it makes or changes an account (RC §4.3), in its order.

use serde_json::{Value, json};

use crate::answers::{MeteorError, Refusal};
use crate::params::Params;
use crate::permissions::ROLES;
use crate::settings::Settings;
use crate::state::State;

/// Stands for RC's built-in list of throw-away mail domains.
const BLOCKED_DOMAINS: &[&str] = &[
    "guerrillamail.com",
    "mailinator.com",
    "trashmail.com",
    "yopmail.com",
];

/// Characters that no name may hold.
const NAME_REFUSED: &[char] = &['<', '>', '/', '\\'];

/// The plain failure of a name with markup in it.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    if name.contains(NAME_REFUSED) {
        return Err(Refusal::failure("Name contains invalid characters"));
    }
    Ok(())
}

/// The rules of `Accounts_CustomFields`: required, lengths, options.
pub(crate) fn check_custom_fields(settings: &Settings, fields: &Value) -> Result<(), MeteorError> {
    let rules = settings.text("Accounts_CustomFields");
    let Ok(Value::Object(rules)) = serde_json::from_str(rules) else {
        return Ok(());
    };
    let refuse = |what: String| {
        Err(MeteorError::new(
            "error-user-registration-custom-field",
            what,
        ))
    };
    for (name, rule) in &rules {
        let value = fields.get(name).and_then(Value::as_str).unwrap_or("");
        let length = |key| rule.get(key).and_then(Value::as_u64);
        let count = value.chars().count() as u64;
        if value.is_empty() {
            if rule.get("required").and_then(Value::as_bool) == Some(true) {
                return refuse(format!("Field {name} is required"));
            }
            continue;
        }
        if length("maxLength").is_some_and(|max| count > max) {
            return refuse(format!("Max length of field {name}"));
        }
        if length("minLength").is_some_and(|min| count < min) {
            return refuse(format!("Min length of field {name}"));
        }
        let options = rule.get("options").and_then(Value::as_array);
        if options.is_some_and(|options| !options.iter().any(|option| option == value)) {
            return refuse(format!("Value for field {name} is invalid"));
        }
    }
    Ok(())
}

/// Roles must exist; `admin` takes a permission of its own.
pub(crate) fn check_roles(
    state: &State,
    caller_id: &str,
    params: &Params,
) -> Result<(), MeteorError> {
    let Some(roles) = params.0.get("roles").and_then(Value::as_array) else {
        return Ok(());
    };
    let roles = || roles.iter().filter_map(Value::as_str);
    if roles().any(|role| !ROLES.contains(&role)) {
        return Err(not_allowed("The field Roles consist invalid role id"));
    }
    if roles().any(|role| role == "admin") && !state.may(caller_id, "assign-admin-role") {
        return Err(not_allowed("Assigning admin is not allowed"));
    }
    Ok(())
}

/// `error-action-not-allowed`.
pub(crate) fn not_allowed(reason: &str) -> MeteorError {
    MeteorError::new("error-action-not-allowed", reason)
        .with_details(json!({"method": "insertOrUpdateUser"}))
}

/// A field that must not be empty; `details.field` is its name.
pub(crate) fn check_filled(field: &str, value: Option<&str>) -> Result<(), MeteorError> {
    if value.is_some_and(|value| !value.trim().is_empty()) {
        return Ok(());
    }
    Err(MeteorError::new(
        "error-the-field-is-required",
        format!("The field {field} is required"),
    )
    .with_details(json!({"method": "insertOrUpdateUser", "field": field})))
}

/// Pattern and blocked names. Whether it is free is asked with [`check_username_free`].
pub(crate) fn check_username(settings: &Settings, username: &str) -> Result<(), MeteorError> {
    if !fits(settings.text("UTF8_User_Names_Validation"), username) {
        let reason = format!("{} is not a valid username", escaped(username));
        return Err(
            MeteorError::new("error-input-is-not-a-valid-field", reason).with_details(
                json!({"method": "insertOrUpdateUser", "input": username, "field": "Username"}),
            ),
        );
    }
    let blocked = ["all", "here"]
        .into_iter()
        .chain(settings.list("Accounts_BlockedUsernameList"))
        .chain(settings.list("Accounts_SystemBlockedUsernameList"))
        .any(|name| name.eq_ignore_ascii_case(username));
    if blocked {
        let reason = format!("{} is blocked and can't be used!", escaped(username));
        return Err(MeteorError::new("error-blocked-username", reason));
    }
    Ok(())
}

/// Taken by another user, ignoring case.
pub(crate) fn check_username_free(
    state: &State,
    username: &str,
    own_id: &str,
) -> Result<(), MeteorError> {
    let taken = state
        .users
        .find_folded(username)
        .any(|user| user.id != own_id);
    if taken {
        Err(unavailable(username))
    } else {
        Ok(())
    }
}

/// Taken by another user, malformed, or of a domain that is not let in.
pub(crate) fn check_email(state: &State, address: &str, own_id: &str) -> Result<(), MeteorError> {
    if state
        .users
        .find_email(address)
        .is_some_and(|user| user.id != own_id)
    {
        return Err(unavailable(address));
    }
    let parts = address.split_once('@');
    let well_formed = parts.is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.split('.').count() > 1
            && domain.split('.').all(|label| !label.is_empty())
            && !address.contains(char::is_whitespace)
            && !domain.contains('@')
    });
    let (true, Some((_, domain))) = (well_formed, parts) else {
        return Err(MeteorError::new(
            "error-invalid-email",
            format!("Invalid email {address}"),
        ));
    };
    let settings = &state.settings;
    let is = |listed: &str| listed.eq_ignore_ascii_case(domain);
    let mut allowed = settings.list("Accounts_AllowedDomainsList").peekable();
    if allowed.peek().is_some() && !allowed.any(is) {
        return Err(MeteorError::new("error-invalid-domain", "Invalid domain"));
    }
    let built_in = settings.on("Accounts_UseDefaultBlockedDomainsList")
        && BLOCKED_DOMAINS.iter().any(|listed| is(listed));
    if built_in || settings.list("Accounts_BlockedDomainsList").any(is) {
        let reason = "The email domain is blacklisted";
        return Err(MeteorError::new("error-email-domain-blacklisted", reason));
    }
    Ok(())
}

/// `details.field` is the value, not the field's name.
fn unavailable(value: &str) -> MeteorError {
    let value = escaped(value);
    MeteorError::new(
        "error-field-unavailable",
        format!("{value} is already in use :("),
    )
    .with_details(json!({"method": "insertOrUpdateUser", "field": value}))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Whether a text fits a pattern of the one form that the setting has by default: `[class]+`.
fn fits(pattern: &str, text: &str) -> bool {
    let class = pattern
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix("]+"));
    let class: Vec<char> = class.unwrap_or("0-9a-zA-Z-_.").chars().collect();
    let listed = |letter: char| {
        let mut at = 0;
        while at < class.len() {
            // A hyphen makes a range only between two letters; after a range it stands for itself.
            if class.get(at + 1) == Some(&'-') && at + 2 < class.len() && class[at] != '-' {
                if (class[at]..=class[at + 2]).contains(&letter) {
                    return true;
                }
                at += 3;
            } else if class[at] == letter {
                return true;
            } else {
                at += 1;
            }
        }
        false
    };
    !text.is_empty() && text.chars().all(listed)
}

#[cfg(test)]
mod tests {
    use super::{escaped, fits};

    #[test]
    fn rc_4_3_the_pattern_of_usernames_is_a_class() {
        let default = "[0-9a-zA-Z-_.]+";
        for good in ["alice", "a-b_c.D", "0"] {
            assert!(fits(default, good), "{good}");
        }
        for bad in ["", "a b", "a@b", "a+b", "ä", "a/b", "^"] {
            assert!(!fits(default, bad), "{bad}");
        }
        assert!(fits("[0-9a-zA-Z-_.@+]+", "a@b+c"));
    }

    #[test]
    fn rc_4_3_taken_values_are_escaped() {
        assert_eq!(escaped("a<b>&'\""), "a&lt;b&gt;&amp;&#39;&quot;");
    }
}

//! A user's changes to the own profile: `users.updateOwnBasicInfo` and `saveUserProfile` (RC §9).
//!
//! The host application owns what a user logs in by. What is known to be harmless passes; any other key is refused unless its
//! value is empty, which changes nothing and is how forms leave a field out.

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Action, Denial, body};

/// Keys that say nothing about who somebody is. The name is shown, not logged in by; it follows the claims at the next sync.
const HARMLESS: [&str; 6] = [
    "name",
    "realname",
    "nickname",
    "bio",
    "statusText",
    "statusType",
];

/// Judges the REST body `{"data": {…}, "customFields": {…}}`.
pub(super) fn judge_rest(body: &[u8]) -> Action {
    if !body::is_shallow_object(body) {
        return Action::Deny(Denial::Unreadable);
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Action::Deny(Denial::Unreadable);
    };
    let harmless = body.iter().all(|(key, value)| match key.as_str() {
        "data" => is_harmless(value),
        "customFields" => true,
        _ => false,
    });
    verdict(harmless)
}

/// Judges the method's parameters `[{…}, customFields, …]`; the first says what changes.
pub(super) fn judge_params(params: Option<&RawValue>) -> Action {
    let params = params.map(|params| serde_json::from_str(params.get()));
    let Some(Ok(Value::Array(params))) = params else {
        return Action::Deny(Denial::Unreadable);
    };
    verdict(params.first().is_some_and(is_harmless))
}

fn is_harmless(changes: &Value) -> bool {
    let Value::Object(changes) = changes else {
        return false;
    };
    changes.iter().all(|(key, value)| {
        HARMLESS.contains(&key.as_str()) || value.is_null() || value.as_str() == Some("")
    })
}

fn verdict(harmless: bool) -> Action {
    if harmless {
        Action::Forward
    } else {
        Action::Deny(Denial::Account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_changes_pass_on_both_ways() {
        for changes in [
            r#"{"statusText":"away","statusType":"away","bio":"","nickname":"n","name":"A"}"#,
            r#"{"realname":"A","bio":"b","newPassword":"","email":null}"#,
            "{}",
        ] {
            check(changes, Action::Forward);
        }
    }

    #[test]
    fn what_somebody_logs_in_by_cannot_be_changed() {
        for changes in [
            r#"{"username":"root"}"#,
            r#"{"email":"a@example.org","bio":"b"}"#,
            r#"{"newPassword":"p","currentPassword":"q"}"#,
            r#"{"typedPassword":"p"}"#,
            r#"{"n\u0065wPassword":"p"}"#,
            r#"{"username":{"$ne":""}}"#,
            r#"{"__proto__":{"username":"root"}}"#,
            r#"{"$set":{"username":"root"}}"#,
        ] {
            check(changes, Action::Deny(Denial::Account));
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for body in [
            "",
            "[]",
            "{",
            "{\"data\":[]}",
            "{\"data\":{}}x",
            "{\"username\":\"root\"}",
        ] {
            assert!(
                matches!(judge_rest(body.as_bytes()), Action::Deny(_)),
                "{body}"
            );
        }
        for params in ["{}", "[]", "[[]]", "null"] {
            let raw = RawValue::from_string(params.to_owned()).unwrap();
            assert!(
                matches!(judge_params(Some(&raw)), Action::Deny(_)),
                "{params}"
            );
        }
        assert_eq!(judge_params(None), Action::Deny(Denial::Unreadable));
    }

    fn check(changes: &str, expected: Action) {
        let body = format!(r#"{{"data":{changes},"customFields":{{"dept":"x"}}}}"#);
        assert_eq!(judge_rest(body.as_bytes()), expected, "{body}");
        let params = RawValue::from_string(format!("[{changes},{{}}]")).unwrap();
        assert_eq!(judge_params(Some(&params)), expected, "{params}");
    }
}

//! What Rocket.Chat's clients ask a socket for before anybody is logged in on it, and what they need for it: nothing here is anybody's
//! own, and Rocket.Chat answers it to everyone.

use serde_json::value::RawValue;

/// Public settings, which the login page is drawn from.
const METHODS: [&str; 1] = ["public-settings/get"];

/// Names of login services and of the client's own versions.
const SUBSCRIPTIONS: [&str; 2] = [
    "meteor.loginServiceConfiguration",
    "meteor_autoupdate_clientVersions",
];

/// The stream of what concerns everybody, and those of its events that concern the login page.
const STREAM: &str = "stream-notify-all";
const EVENTS: [&str; 2] = ["public-settings-changed", "public-info"];

/// Is this method one of them?
#[must_use]
pub fn has_method(name: &str) -> bool {
    METHODS.contains(&name)
}

/// Is this subscription one of them?
#[must_use]
pub fn has_subscription(name: &str, params: Option<&RawValue>) -> bool {
    if name == STREAM {
        return first_string(params).is_some_and(|event| EVENTS.contains(&event.as_str()));
    }
    SUBSCRIPTIONS.contains(&name)
}

/// The first parameter, if it is a string: the event that a stream is asked for.
pub(super) fn first_string(params: Option<&RawValue>) -> Option<String> {
    let params: Vec<&RawValue> = serde_json::from_str(params?.get()).ok()?;
    serde_json::from_str(params.first()?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, params: &str, expected: bool) {
        let raw = RawValue::from_string(params.to_owned()).unwrap();
        let found = has_subscription(name, Some(&raw));
        assert_eq!(found, expected, "{name} {params}");
    }

    #[test]
    fn what_concerns_the_login_page_is_for_everybody() {
        check("meteor.loginServiceConfiguration", "[]", true);
        check("meteor_autoupdate_clientVersions", "[]", true);
        check(
            "stream-notify-all",
            r#"["public-settings-changed",{"args":[]}]"#,
            true,
        );
        check(
            "stream-notify-all",
            r#"["public-settings-\u0063hanged"]"#,
            true,
        );
        assert!(has_method("public-settings/get"));
    }

    #[test]
    fn nothing_else_is() {
        check("stream-notify-all", r#"["updateAvatar"]"#, false);
        check("stream-notify-all", "[]", false);
        check("stream-notify-all", r#"{"0":"public-info"}"#, false);
        check("stream-notify-all", r#"[["public-info"]]"#, false);
        check("stream-room-messages", r#"["GENERAL"]"#, false);
        check("Meteor.loginServiceConfiguration", "[]", false);
        assert!(!has_subscription("stream-notify-all", None));
        assert!(!has_method("public-settings"));
        assert!(!has_method("sendMessage"));
    }
}

//! RC §9 row by row, as REST route and as tunnelled method, and the advisories that a row answers.

use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::*;

fn surface() -> Surface {
    Surface {
        public_paths: Vec::new(),
        denied: Vec::new(),
        livechat: false,
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

/// What becomes of a REST route.
fn rest(route: &str) -> Action {
    let path = format!("/api/v1/{route}");
    surface()
        .judge(&Method::POST, &NormalPath::parse(&path).unwrap())
        .action
}

/// What becomes of a method inside `method.call` or `method.callAnon`.
fn called(route: &str, method: &str, params: &serde_json::Value) -> Action {
    let path = format!("/api/v1/{route}/{}", method.replace('/', ":"));
    let path = NormalPath::parse(&path).unwrap();
    let Action::Inspect(inspect) = surface().judge(&Method::POST, &path).action else {
        panic!("{route} is not looked into");
    };
    let inner = json!({"msg": "method", "id": "1", "method": method, "params": params});
    let body = json!({"message": inner.to_string()}).to_string();
    surface().inspect(inspect, &path, &headers(), body.as_bytes())
}

fn check(routes: &[&str], methods: &[&str], expected: Action) {
    for route in routes {
        assert_eq!(rest(route), expected, "{route}");
    }
    for method in methods {
        for call in ["method.call", "method.callAnon"] {
            assert_eq!(
                called(call, method, &json!([])),
                expected,
                "{call}/{method}"
            );
        }
    }
}

#[test]
fn rc_9_login_is_looked_into_and_no_other_spelling_of_the_method() {
    check(&["login"], &[], Action::Login(LoginForm::Rest));
    for call in ["method.call", "method.callAnon"] {
        let form = Action::Login(LoginForm::MethodCall);
        assert_eq!(rest(&format!("{call}/login")), form);
        let called = called(call, "LOGIN", &json!([]));
        assert_eq!(called, Action::Deny(Denial::Login), "{call}");
    }
}

#[test]
fn rc_9_logout_is_intercepted() {
    check(&["logout"], &["logout"], Action::Logout);
}

#[test]
fn rc_9_what_makes_or_tells_tokens_is_denied() {
    check(
        &[
            "users.createToken",
            "users.generatePersonalAccessToken",
            "users.regeneratePersonalAccessToken",
            "users.logoutOtherClients",
            "loginCode.redeem",
            "passkeys.login",
        ],
        &[
            "createToken",
            "personalAccessTokens:generateToken",
            "personalAccessTokens:regenerateToken",
            "logoutOtherClients",
            "getNewToken",
        ],
        Action::Deny(Denial::Tokens),
    );
}

#[test]
fn rc_9_what_takes_power_away_passes() {
    check(
        &[
            "users.getPersonalAccessTokens",
            "users.removePersonalAccessToken",
            "users.removeOtherTokens",
        ],
        &["personalAccessTokens:removeToken", "removeOtherTokens"],
        Action::Forward,
    );
}

#[test]
fn rc_9_registration_and_passwords_belong_to_the_host() {
    check(
        &[
            "users.register",
            "users.forgotPassword",
            "users.sendConfirmationEmail",
            "users.resetPassword",
            "users.verifyEmail",
            "users.deleteOwnAccount",
        ],
        &[
            "registerUser",
            "createUser",
            "sendForgotPasswordEmail",
            "resetPassword",
            "verifyEmail",
            "setUsername",
            "setUserPassword",
            "deleteUserOwnAccount",
        ],
        Action::Deny(Denial::Account),
    );
}

#[test]
fn rc_9_the_own_profile_is_looked_into() {
    check(
        &["users.updateOwnBasicInfo"],
        &[],
        Action::Inspect(Inspect::OwnProfile),
    );
    let harmless = json!([{"statusText": "away", "newPassword": ""}, {}]);
    assert_eq!(
        called("method.call", "saveUserProfile", &harmless),
        Action::Forward
    );
    for key in ["username", "email", "newPassword", "typedPassword"] {
        let denied = Action::Deny(Denial::Account);
        assert_eq!(
            called("method.call", "saveUserProfile", &json!([{key: "x"}])),
            denied,
            "{key}"
        );
        let body = json!({"data": {key: "x"}}).to_string();
        let path = NormalPath::parse("/api/v1/users.updateOwnBasicInfo").unwrap();
        let action = surface().inspect(Inspect::OwnProfile, &path, &headers(), body.as_bytes());
        assert_eq!(action, denied, "{key}");
    }
}

#[test]
fn rc_9_the_second_factor_belongs_to_the_host() {
    check(
        &[
            "users.2fa.enableEmail",
            "users.2fa.disableEmail",
            "users.2fa.sendEmailCode",
            "users.totp.enable",
        ],
        &[
            "2fa:enable",
            "2fa:disable",
            "2fa:validateTempToken",
            "2fa:regenerateCodes",
        ],
        Action::Deny(Denial::SecondFactor),
    );
}

#[test]
fn rc_9_answers_about_the_own_user_are_scrubbed() {
    check(
        &["users.info", "users.list"],
        &[],
        Action::Scrub(Scrub::Users),
    );
    check(&["me"], &[], Action::Scrub(Scrub::Me));
    check(&[], &["getUserData"], Action::Scrub(Scrub::MethodResult));
}

#[test]
fn rc_9_administration_passes_to_rocketchats_permissions() {
    check(
        &[
            "users.create",
            "users.update",
            "users.setActiveStatus",
            "users.logout",
            "sessions/list",
            "sessions/logout.me",
            "settings",
            "settings/Site_Url",
            "integrations.list",
            "push.token",
        ],
        &[
            "insertOrUpdateUser",
            "sendMessage",
            "getRoomRoles",
            "banner/dismiss",
        ],
        Action::Forward,
    );
}

#[test]
fn rc_9_the_oauth_server_is_denied() {
    check(
        &["oauth-apps.create", "oauth-apps.list"],
        &["addOAuthApp"],
        Action::Deny(Denial::OAuth),
    );
}

#[test]
fn rc_9_livechat_is_denied_while_it_is_off() {
    check(
        &["livechat/config", "livechat/visitor"],
        &["livechat:registerGuest"],
        Action::Deny(Denial::Livechat),
    );
}

#[test]
fn cve_2026_45688_and_30833_operator_objects_never_reach_a_login_handler() {
    for params in [
        json!([{"cas": {"credentialToken": {"$ne": null}}}]),
        json!([{"user": {"username": {"$regex": "^a"}}, "password": "x"}]),
        json!([{"resume": {"$ne": ""}}]),
        json!([{"serviceName": "google", "accessToken": "x", "expiresIn": 1}]),
    ] {
        let message = json!({"msg": "method", "id": "1", "method": "login", "params": params});
        let body = json!({"message": message.to_string()}).to_string();
        for (form, path, body) in [
            (
                LoginForm::MethodCall,
                "/api/v1/method.call/login",
                body.as_str(),
            ),
            (LoginForm::Rest, "/api/v1/login", &params[0].to_string()),
        ] {
            let login = Login::read(form, path, &headers(), body.as_bytes());
            let ours = form == LoginForm::Rest && params[0]["serviceName"] == "google";
            assert_eq!(login.is_err(), !ours, "{params}");
        }
    }
}

#[test]
fn a_call_that_rocketchat_might_read_otherwise_is_denied() {
    let path = NormalPath::parse("/api/v1/method.call/getRoomRoles").unwrap();
    // JSON with one method, and a form with another.
    let body = br#"{"message":"{\"method\":\"getRoomRoles\",\"params\":[\"&message={}\"]}"}"#;
    let judged = |headers: &HeaderMap| surface().inspect(Inspect::MethodCall, &path, headers, body);
    assert_eq!(judged(&headers()), Action::Forward);
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut headers = headers();
    headers.insert(CONTENT_TYPE, form);
    assert_eq!(judged(&headers), Action::Deny(Denial::Unreadable));
    assert_eq!(judged(&HeaderMap::new()), Action::Deny(Denial::Unreadable));
}

#[test]
fn inspection_never_asks_for_another() {
    for row in table::ROWS {
        for method in row.methods.iter().filter(|method| **method != "login") {
            let name = method.trim_end_matches('*');
            let action = called("method.call", name, &json!([]));
            assert!(!matches!(action, Action::Inspect(_)), "{name}");
        }
    }
}

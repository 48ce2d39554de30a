//! Tests of paths and their verdicts.

use super::*;
use crate::surface::{Inspect, Scrub};

fn surface() -> Surface {
    Surface {
        public_paths: vec![
            PathRule::Exact("/api/v1/settings.public".to_owned()),
            PathRule::Exact("/api/v1/logout".to_owned()),
            PathRule::Exact("/api/v1/login".to_owned()),
            PathRule::Below("/hooks/".to_owned()),
        ],
        denied: vec![
            PathRule::Exact("/api/v1/cloud.manualRegister".to_owned()),
            PathRule::Below("/admin/".to_owned()),
        ],
        livechat: false,
    }
}

fn judged(surface: &Surface, method: &Method, path: &str) -> Verdict {
    surface.judge(method, &NormalPath::parse(path).unwrap())
}

fn check(path: &str, route: Route, class: Class, action: Action) {
    let verdict = judged(&surface(), &Method::GET, path);
    assert_eq!(
        (verdict.route, verdict.class, verdict.action),
        (route, class, action),
        "{path}"
    );
}

#[test]
fn static_files_and_what_a_client_must_know_first_are_public() {
    for path in [
        "/assets/favicon.svg",
        "/emoji-custom/a.png",
        "/custom-sounds/a.mp3",
        "/i18n/en.json",
        "/packages/x/y.js",
        "/images/logo.svg",
        "/0123456789abcdef0123456789abcdef01234567.js",
        "/0123456789abcdef0123456789abcdef01234567.css",
        "/meteor_runtime_config.js",
        "/scripts.js",
        "/favicon.ico",
        "/manifest.json",
        "/health",
        "/hooks/abc/def",
        "/sockjs/info",
    ] {
        check(path, Route::Public, Class::Public, Action::Forward);
    }
    check("/api/info", Route::Api, Class::Public, Action::Forward);
    check(
        "/api/v1/settings.public",
        Route::Api,
        Class::Public,
        Action::Forward,
    );
}

#[test]
fn pages_need_somebody_and_so_does_all_that_only_looks_static() {
    for path in [
        "/",
        "/home",
        "/channel/general",
        "/assets",
        "/Assets/x.png",
        "/0123456789abcdef.js",
        "/0123456789abcdef0123456789abcdef0123456g.js",
        "/channel/0123456789abcdef0123456789abcdef01234567.js",
        "/faviconless",
        "/x/favicon.ico",
        "/api-docs",
        "/livez",
        "/hooks",
        "/file-upload",
    ] {
        check(path, Route::Page, Class::Identity, Action::Forward);
    }
}

#[test]
fn files_carry_cookies_too() {
    for path in [
        "/file-upload/x/a.png",
        "/ufs/x/y",
        "/avatar/ann",
        "/data-export/x",
    ] {
        check(path, Route::File, Class::Identity, Action::Forward);
        assert_eq!(
            judged(&surface(), &Method::GET, path).carry,
            Carry::HeadersAndCookies
        );
    }
    for path in ["/api/apps/public/x/info", "/api/apps"] {
        check(path, Route::Api, Class::Identity, Action::Forward);
        assert_eq!(
            judged(&surface(), &Method::GET, path).carry,
            Carry::HeadersAndCookies
        );
    }
    assert_eq!(
        judged(&surface(), &Method::GET, "/api/v1/me").carry,
        Carry::Headers
    );
    assert_eq!(
        judged(&surface(), &Method::GET, "/home").carry,
        Carry::Headers
    );
}

#[test]
fn both_socket_framings_pass_and_no_other_transport() {
    for path in ["/websocket", "/sockjs/123/abcdef/websocket"] {
        check(path, Route::Socket, Class::Identity, Action::Forward);
    }
    for path in [
        "/sockjs",
        "/sockjs/",
        "/sockjs/websocket",
        "/sockjs/1/websocket",
        "/sockjs/1/a/xhr",
        "/sockjs/1/a/xhr_send",
        "/sockjs/1/a/xhr_streaming",
        "/sockjs/1/a/eventsource",
        "/sockjs/1/a/websocket/x",
        "/sockjs/info/x",
        "/sockjs/iframe.html",
        "/websocket/",
        "/WebSocket",
        "/websocket;x",
    ] {
        check(
            path,
            Route::Socket,
            Class::Identity,
            Action::Deny(Denial::Transport),
        );
    }
}

#[test]
fn no_decoration_of_a_path_leads_around_a_denial() {
    for path in [
        "/api/v1/users.createToken",
        "/api/v1/users.createToken/",
        "/api/v1/users.createToken/x",
        "/api/v1/users.createToken;x",
        "/api/v1/users.createToken;x/",
        "/api/v1/users.createToken.",
        "/api/v1/users.createToken%20",
        "/api/v1/users%2EcreateToken",
        "/api/v1/%75sers.createToken",
        "/API/V1/Users.CreateToken",
        "/api/users.createToken",
        "/api/v2/users.createToken",
        "/api;x/v1/users.createToken",
        "/api/;/v1;/users.createToken",
    ] {
        let verdict = judged(&surface(), &Method::POST, path);
        assert_eq!(verdict.action, Action::Deny(Denial::Tokens), "{path}");
        assert_eq!(verdict.route, Route::Api, "{path}");
    }
}

#[test]
fn sign_on_paths_of_rocketchat_are_denied() {
    for (path, denial) in [
        ("/oauth", Denial::OAuth),
        ("/oauth/authorize", Denial::OAuth),
        ("/oauth/token", Denial::OAuth),
        ("/OAuth/Token/", Denial::OAuth),
        ("/_oauth/google", Denial::Login),
        ("/_saml/authorize/x/y", Denial::Login),
        ("/_cas/token", Denial::Login),
    ] {
        check(path, Route::Page, Class::Identity, Action::Deny(denial));
    }
    check("/oauthless", Route::Page, Class::Identity, Action::Forward);
}

#[test]
fn livechat_is_denied_unless_configured_and_then_carries_no_credentials() {
    let paths = ["/livechat", "/livechat/x.js", "/api/v1/livechat/room"];
    for path in paths {
        let off = judged(&surface(), &Method::GET, path);
        assert_eq!(off.action, Action::Deny(Denial::Livechat), "{path}");
        let surface = Surface {
            livechat: true,
            ..surface()
        };
        let on = judged(&surface, &Method::GET, path);
        assert_eq!(
            (on.class, on.action),
            (Class::Public, Action::Forward),
            "{path}"
        );
    }
    check("/livechats", Route::Page, Class::Identity, Action::Forward);
}

#[test]
fn configured_denials_take_every_spelling() {
    for path in [
        "/api/v1/cloud.manualRegister",
        "/API/v1/Cloud.manualRegister/",
        "/api/v1/cloud.manualRegister;x",
        "/admin/info",
        "/admin/",
        "/ADMIN/info",
        "/admin",
        "/%61dmin/x",
    ] {
        let verdict = judged(&surface(), &Method::GET, path);
        assert_eq!(verdict.action, Action::Deny(Denial::Configured), "{path}");
    }
    check(
        "/administration",
        Route::Page,
        Class::Identity,
        Action::Forward,
    );
}

#[test]
fn a_configured_public_path_lifts_no_denial_and_no_logout() {
    check(
        "/api/v1/login",
        Route::Api,
        Class::Public,
        Action::Deny(Denial::Login),
    );
    check(
        "/api/v1/logout",
        Route::Api,
        Class::Identity,
        Action::Logout,
    );
}

#[test]
fn only_verbs_that_rocketchat_uses_pass() {
    for (verb, expected) in [
        ("GET", Action::Forward),
        ("POST", Action::Forward),
        ("OPTIONS", Action::Forward),
        ("TRACE", Action::Deny(Denial::Verb)),
        ("CONNECT", Action::Deny(Denial::Verb)),
        ("get", Action::Deny(Denial::Verb)),
        ("PROPFIND", Action::Deny(Denial::Verb)),
    ] {
        let verb = Method::from_bytes(verb.as_bytes()).unwrap();
        assert_eq!(
            judged(&surface(), &verb, "/api/v1/rooms.get").action,
            expected,
            "{verb}"
        );
    }
}

#[test]
fn a_denial_does_not_depend_on_the_verb() {
    for verb in [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::HEAD,
        Method::OPTIONS,
    ] {
        let verdict = judged(&surface(), &verb, "/api/v1/users.createToken");
        assert_eq!(verdict.action, Action::Deny(Denial::Tokens), "{verb}");
        let expected = if verb == Method::POST {
            Action::Login(LoginForm::Rest)
        } else {
            Action::Deny(Denial::Login)
        };
        let verdict = judged(&surface(), &verb, "/api/v1/login");
        assert_eq!(verdict.action, expected, "{verb}");
    }
}

#[test]
fn only_the_verbs_that_rocketchat_takes_log_out() {
    for (verb, expected) in [
        (Method::GET, Action::Logout),
        (Method::POST, Action::Logout),
        (Method::OPTIONS, Action::Deny(Denial::Verb)),
        (Method::HEAD, Action::Deny(Denial::Verb)),
        (Method::DELETE, Action::Deny(Denial::Verb)),
    ] {
        let action = judged(&surface(), &verb, "/api/v1/logout").action;
        assert_eq!(action, expected, "{verb}");
    }
}

#[test]
fn the_rest_of_the_api_is_left_to_rocketchat() {
    for path in [
        "/api/v1/rooms.get",
        "/api/v1/chat.postMessage",
        "/api",
        "/api/v1",
        "/api/x/login",
    ] {
        check(path, Route::Api, Class::Identity, Action::Forward);
    }
    check(
        "/api/v1/me",
        Route::Api,
        Class::Identity,
        Action::Scrub(Scrub::Me),
    );
    let looked_into = judged(
        &surface(),
        &Method::POST,
        "/api/v1/method.callAnon/getRoomRoles",
    );
    assert_eq!(
        (looked_into.class, looked_into.action),
        (Class::Identity, Action::Inspect(Inspect::MethodCall))
    );
    let login = judged(&surface(), &Method::POST, "/api/v1/method.callAnon/login");
    assert_eq!(
        (login.class, login.action),
        (Class::Claim, Action::Login(LoginForm::MethodCall))
    );
}

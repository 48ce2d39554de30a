//! What Rocket.Chat offers and Gantry does not let through: the table of RC §9 over HTTP.

use gantry::config::proxy::PathRule;
use gantry::surface::table::{ROWS, Rule};
use lookalike::{Manner, Options};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings, problem, slug};

/// The answer to this person's request.
async fn ask(
    gateway: &Gateway,
    verb: Method,
    path: &str,
    body: Option<Value>,
) -> reqwest::Response {
    let request = gateway.client.request(verb, gateway.url(path));
    let request = request.bearer_auth(gateway.issuer.token("alice"));
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    request.send().await.unwrap()
}

fn is_refused(rule: Rule) -> bool {
    matches!(rule, Rule::Deny(_) | Rule::Login | Rule::Livechat)
}

#[tokio::test]
async fn rc_9_no_denied_route_reaches_rocketchat() {
    let gateway = Gateway::start().await;
    let before = gateway.rc.requests().len();
    let mut denied: Vec<String> = [
        "/oauth/authorize",
        "/oauth/token",
        "/_oauth/google",
        "/_saml/authorize/x/y",
        "/_cas/x",
    ]
    .map(str::to_owned)
    .to_vec();
    denied.push("/livechat".to_owned());
    for row in ROWS.iter().filter(|row| is_refused(row.rule)) {
        let routes = row
            .rest
            .iter()
            .map(|route| format!("/api/v1/{}", route.replace('*', "x")));
        denied.extend(routes);
    }
    assert!(denied.len() >= 30, "{denied:?}");
    for path in denied {
        for path in [
            path.clone(),
            format!("{path}/"),
            path.to_ascii_uppercase(),
            format!("{path};x"),
        ] {
            for verb in [Method::POST, Method::GET] {
                let answer = ask(&gateway, verb.clone(), &path, Some(json!({}))).await;
                assert_eq!(answer.status(), 403, "{verb} {path}");
                let problem = problem(answer).await;
                assert_eq!(problem["type"], "https://gantry.dev/problems/not-permitted");
                assert!(problem["detail"].as_str().unwrap().ends_with('.'));
            }
        }
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn a_denial_needs_no_token_and_tells_nobody_more() {
    let gateway = Gateway::start().await;
    let url = gateway.url("/api/v1/users.createToken");
    let answer = gateway.client.post(url).send().await.unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn an_own_profile_keeps_what_its_owner_logs_in_by() {
    let gateway = Gateway::start().await;
    let path = "/api/v1/users.updateOwnBasicInfo";
    for data in [
        json!({"username": "root"}),
        json!({"email": "root@example.com"}),
        json!({"newPassword": "x", "currentPassword": "y"}),
        json!({"bio": "b", "$set": {"username": "root"}}),
    ] {
        let answer = ask(&gateway, Method::POST, path, Some(json!({"data": data}))).await;
        assert_eq!(slug(answer).await, "not-permitted", "{data}");
    }
    assert_eq!(gateway.received(path).len(), 0);
    let harmless = json!({"data": {"bio": "b", "newPassword": ""}});
    let answer = ask(&gateway, Method::POST, path, Some(harmless)).await;
    assert_eq!(gateway.received(path).len(), 1, "{answer:?}");
}

#[tokio::test]
async fn rc_2_4_a_logout_ends_the_session_in_rocketchats_own_words() {
    for verb in [Method::GET, Method::POST] {
        let gateway = Gateway::start().await;
        ask(&gateway, Method::GET, "/api/v1/me", None).await;
        let auth_token = gateway.rc.live_tokens("alice").remove(0);
        let answer = ask(&gateway, verb, "/api/v1/logout", None).await;
        assert_eq!(answer.status(), 200);
        let said: Value = answer.json().await.unwrap();
        let expected = json!({"status": "success", "data": {"message": "You've been logged out!"}});
        assert_eq!(said, expected);
        gateway.until_live_tokens("alice", 0).await;
        let logout = gateway.received("/api/v1/logout");
        assert_eq!(logout.len(), 1);
        assert_eq!(logout[0].header("x-auth-token"), Some(auth_token.as_str()));
    }
}

#[tokio::test]
async fn a_preflight_or_another_verb_logs_nobody_out() {
    let gateway = Gateway::start().await;
    ask(&gateway, Method::GET, "/api/v1/me", None).await;
    for verb in [Method::HEAD, Method::PUT, Method::DELETE] {
        let answer = ask(&gateway, verb.clone(), "/api/v1/logout", None).await;
        assert_eq!(answer.status(), 405, "{verb}");
    }
    ask(&gateway, Method::OPTIONS, "/api/v1/logout", None).await;
    assert_eq!(
        ask(&gateway, Method::GET, "/api/v1/me", None)
            .await
            .status(),
        200
    );
    assert_eq!(gateway.rc.user("alice").unwrap().tokens_minted, 1);
}

#[tokio::test]
async fn rc_2_5_what_users_are_told_about_themselves_holds_no_secrets_in_any_version() {
    for manner in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        let gateway = Gateway::with(Settings {
            options: Options {
                rate_limiter: false,
                ..Options::new(manner)
            },
            config: |_| {},
        })
        .await;
        ask(&gateway, Method::GET, "/api/v1/me", None).await;
        gateway.rc.set_totp("alice", Some(b"0123456789abcdefghij"));
        let hash = gateway.rc.user("alice").unwrap().live_tokens.remove(0);
        let id = gateway.rc.user("alice").unwrap().id;
        for path in [
            "/api/v1/users.info?username=alice".to_owned(),
            format!("/api/v1/users.info?userId={id}"),
            format!("/api/v1/USERS.info/?userId={id}"),
            "/api/v1/me".to_owned(),
        ] {
            let answer = ask(&gateway, Method::GET, &path, None).await;
            let length = answer.content_length();
            let text = answer.text().await.unwrap();
            assert_eq!(length, Some(text.len() as u64), "{path}");
            for secret in [&hash, "loginTokens", "\"secret\"", "hashedToken"] {
                assert!(!text.contains(secret), "{manner:?} {path}: {text}");
            }
        }
        let answer = ask(
            &gateway,
            Method::GET,
            "/api/v1/users.info?username=alice",
            None,
        )
        .await;
        let info: Value = answer.json().await.unwrap();
        assert_eq!(info["user"]["username"], "alice", "{manner:?}");
        let answer = ask(&gateway, Method::GET, "/api/v1/me", None).await;
        let me: Value = answer.json().await.unwrap();
        assert_eq!(me["username"], "alice", "{manner:?}");
        assert_eq!(me["services"]["totp"]["enabled"], true, "{manner:?}");
    }
}

#[tokio::test]
async fn rc_6_6_sockjs_has_no_other_transport_than_the_socket() {
    let gateway = Gateway::start().await;
    let before = gateway.rc.requests().len();
    for transport in [
        "xhr",
        "xhr_send",
        "xhr_streaming",
        "eventsource",
        "jsonp",
        "htmlfile",
    ] {
        let path = format!("/sockjs/123/abcdefgh/{transport}");
        let answer = ask(&gateway, Method::POST, &path, Some(json!([]))).await;
        assert_eq!(slug(answer).await, "not-found", "{transport}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
    let info = gateway.client.get(gateway.url("/sockjs/info"));
    assert_eq!(info.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn livechat_that_is_on_passes_without_credentials() {
    let gateway = Gateway::configured(|config| config.proxy.livechat = true).await;
    for path in ["/livechat", "/api/v1/livechat/config"] {
        let request = gateway.get(path, &gateway.issuer.token("alice"));
        let answer = request.header("x-user-id", "forged").send().await.unwrap();
        assert_ne!(answer.status(), 403, "{path}");
        let received = gateway.received(path).remove(0);
        for name in ["x-user-id", "x-auth-token", "cookie", "authorization"] {
            assert_eq!(received.header(name), None, "{path} {name}");
        }
    }
    assert!(gateway.rc.user("alice").is_none());
}

#[tokio::test]
async fn configured_paths_are_denied_in_every_spelling_and_served_in_one() {
    let gateway = Gateway::configured(|config| {
        config.proxy.denied = vec![
            PathRule::Exact("/admin".to_owned()),
            PathRule::Below("/api/v1/gantry-test.echo/".to_owned()),
            PathRule::Exact("/api/v1/channels.list".to_owned()),
        ];
        config.proxy.public_paths = vec![PathRule::Exact("/api/v1/settings.public".to_owned())];
    })
    .await;
    for path in [
        "/admin",
        "/ADMIN/",
        "/admin;x",
        "/%61dmin",
        "/api/v1/channels.list",
        "/api/v1/Channels.List/?count=1",
        "/api/v1/gantry-test.echo/x",
    ] {
        let answer = ask(&gateway, Method::GET, path, None).await;
        assert_eq!(slug(answer).await, "not-permitted", "{path}");
    }
    assert_eq!(gateway.received("/admin").len(), 0);
    for (path, status) in [
        ("/api/v1/settings.public?_id=Site_Url", 200),
        ("/api/v1/Settings.Public", 401),
        ("/api/v1/settings.public/", 401),
    ] {
        let answer = gateway.client.get(gateway.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}

//! Pages that go away: what `navigator.sendBeacon` can carry ends a session, and the browser's cookies of it are expired.

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};

const RELEASE: &str = "/_gantry/release";
const LOGOUT: &str = "/_gantry/logout";

/// As `navigator.sendBeacon(url, text)` of a host page sends it.
fn beacon(gateway: &Gateway, text: impl Into<String>) -> RequestBuilder {
    gateway
        .client
        .post(gateway.url(RELEASE))
        .header("origin", HOST_PAGE)
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "text/plain;charset=UTF-8")
        .body(text.into())
}

async fn begin(gateway: &Gateway, token: &str) -> Value {
    let answer = gateway.post("/_gantry/session", token).send().await;
    answer.unwrap().json().await.unwrap()
}

#[track_caller]
fn expires_the_cookies(answer: &Response) {
    let cookies: Vec<_> = answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap())
        .collect();
    assert_eq!(
        cookies,
        [
            "gantry_session=; Path=/; SameSite=None; Secure; HttpOnly; Partitioned; Max-Age=0",
            "rc_uid=; Path=/; SameSite=None; Secure; Max-Age=0",
            "rc_token=; Path=/; SameSite=None; Secure; Max-Age=0",
        ]
    );
}

#[tokio::test]
async fn a_beacon_releases_by_the_jwt_as_its_text() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    begin(&gateway, &token).await;
    let answer = beacon(&gateway, &token).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    expires_the_cookies(&answer);
    gateway.until_live_tokens("alice", 0).await;
    // The same JWT may begin a new session.
    begin(&gateway, &token).await;
    gateway.until_live_tokens("alice", 1).await;
}

#[tokio::test]
async fn a_beacon_releases_by_the_stand_in_as_its_text() {
    let gateway = Gateway::start().await;
    let alice = begin(&gateway, &gateway.issuer.token("alice")).await;
    begin(&gateway, &gateway.issuer.token("bob")).await;
    let stand_in = alice["token"].as_str().unwrap();
    let answer = beacon(&gateway, stand_in).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    gateway.until_live_tokens("alice", 0).await;
    assert_eq!(gateway.rc.live_tokens("bob").len(), 1);
    let again = beacon(&gateway, stand_in).send().await.unwrap();
    assert_eq!(slug(again).await, "invalid-token");
}

#[tokio::test]
async fn what_a_beacon_says_counts_only_when_it_is_a_token_in_plain_text() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    begin(&gateway, &token).await;
    for (text, kind, expected) in [
        ("", "text/plain", "missing-token"),
        ("nonsense", "text/plain", "invalid-token"),
        (&token, "application/json", "missing-token"),
        (&token, "application/x-www-form-urlencoded", "missing-token"),
        (&"x".repeat(16 * 1024 + 1), "text/plain", "too-large"),
    ] {
        let asked = gateway
            .client
            .post(gateway.url(RELEASE))
            .header("content-type", kind)
            .body(text.to_owned());
        assert_eq!(slug(asked.send().await.unwrap()).await, expected, "{kind}");
    }
    let garbled = gateway
        .client
        .post(gateway.url(RELEASE))
        .header("content-type", "text/plain")
        .body(vec![0xff, 0xfe]);
    assert_eq!(slug(garbled.send().await.unwrap()).await, "bad-request");
    // A logout for good takes nobody's word in a body.
    let asked = gateway
        .client
        .post(gateway.url(LOGOUT))
        .header("content-type", "text/plain")
        .body(token.clone());
    assert_eq!(slug(asked.send().await.unwrap()).await, "missing-token");
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn a_cookie_releases_and_logs_out_with_proof_of_origin_only() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for path in [RELEASE, LOGOUT] {
        begin(&gateway, &token).await;
        let by_cookie = |name: &str, value: &str| {
            gateway
                .client
                .post(gateway.url(path))
                .header("cookie", format!("host_jwt={token}"))
                .header("content-type", "text/plain;charset=UTF-8")
                .header(name, value)
                // What stands in the body does not help a request whose cookie is not believed.
                .body(token.clone())
        };
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("x-nothing", "at all"),
        ] {
            let answer = by_cookie(name, value).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path} with {name}: {value}");
            assert!(!answer.headers().contains_key("set-cookie"));
        }
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
        let origin = if path == RELEASE {
            HOST_PAGE
        } else {
            PUBLIC_URL
        };
        let answer = by_cookie("origin", origin).send().await.unwrap();
        assert_eq!(answer.status(), 204);
        expires_the_cookies(&answer);
        let clears = answer.headers().get("clear-site-data");
        assert_eq!(clears.is_some(), path == LOGOUT);
        gateway.until_live_tokens("alice", 0).await;
    }
}

#[tokio::test]
async fn a_session_is_begun_with_its_cookie_when_asked_so() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for (path, set) in [
        ("/_gantry/session?cookie=1", true),
        ("/_gantry/session?cookie=0", false),
        ("/_gantry/session", false),
    ] {
        let answer = gateway.post(path, &token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let cookie = answer.headers().get("set-cookie").cloned();
        let told: Value = answer.json().await.unwrap();
        assert_eq!(cookie.is_some(), set, "{path}");
        if let Some(cookie) = cookie {
            let expected = format!(
                "gantry_session={}; Path=/;",
                told["token"].as_str().unwrap()
            );
            assert!(
                cookie.to_str().unwrap().starts_with(&expected),
                "{cookie:?}"
            );
        }
    }
}

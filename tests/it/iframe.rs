//! Rocket.Chat's iframe authentication: its API URL and its iframe URL are ours.

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};

const LOGIN: &str = "/_gantry/iframe/login";
const PAGE: &str = "/_gantry/iframe/page";
const SCRIPT: &str = "/_gantry/iframe/page.js";

/// As Rocket.Chat's client on our own origin asks.
fn login(gateway: &Gateway, method: &str) -> RequestBuilder {
    gateway
        .client
        .request(method.parse().unwrap(), gateway.url(LOGIN))
        .header("sec-fetch-site", "same-origin")
}

fn host_cookie(gateway: &Gateway) -> String {
    format!("host_jwt={}", gateway.issuer.token("alice"))
}

#[tokio::test]
async fn the_api_url_answers_with_a_stand_in_for_whoever_the_cookie_says() {
    let gateway = Gateway::start().await;
    for method in ["GET", "POST"] {
        let asked = login(&gateway, method).header("cookie", host_cookie(&gateway));
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["vary"], "Cookie");
        assert!(!answer.headers().contains_key("set-cookie"));
        let told: Value = answer.json().await.unwrap();
        let keys: Vec<_> = told.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["loginToken"]);
        let token = told["loginToken"].as_str().unwrap();
        assert_eq!(token.len(), 43);
        assert!(!gateway.rc.live_tokens("alice").contains(&token.to_owned()));
    }
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn the_api_url_tells_nobody_and_no_foreign_page() {
    let gateway = Gateway::start().await;
    for method in ["GET", "POST"] {
        let nobody = login(&gateway, method).send().await.unwrap();
        assert_eq!(slug(nobody).await, "missing-token");
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", HOST_PAGE),
            ("x-nothing", "at all"),
        ] {
            let foreign = gateway
                .client
                .request(method.parse().unwrap(), gateway.url(LOGIN))
                .header("cookie", host_cookie(&gateway))
                .header(name, value);
            let answer = foreign.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} with {name}: {value}");
            assert_eq!(slug(answer).await, "invalid-token");
        }
    }
}

#[tokio::test]
async fn a_ticket_from_the_host_page_logs_in_without_any_cookie() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let issued = gateway
        .post("/_gantry/ticket", &token)
        .send()
        .await
        .unwrap();
    let issued: Value = issued.json().await.unwrap();
    let ticket = issued["ticket"].as_str().unwrap().to_owned();
    let asked = |site: &'static str| {
        gateway
            .client
            .post(gateway.url(LOGIN))
            .header("sec-fetch-site", site)
            .header("content-type", "text/plain")
            .body(ticket.clone())
            .send()
    };
    let foreign = asked("cross-site").await.unwrap();
    assert_eq!(foreign.status(), 401, "and the ticket stays good");
    let answer = asked("same-origin").await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    let told: Value = answer.json().await.unwrap();
    let expected = format!("gantry_session={};", told["loginToken"].as_str().unwrap());
    assert!(cookie.starts_with(&expected), "{cookie}");
    let again = asked("same-origin").await.unwrap();
    assert_eq!(slug(again).await, "invalid-token");
}

#[tokio::test]
async fn the_page_may_stand_in_our_own_frames_and_those_of_host_pages() {
    let gateway = Gateway::start().await;
    let answer = gateway.client.get(gateway.url(PAGE)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    let directives: Vec<_> = policy.split("; ").collect();
    assert_eq!(
        directives,
        [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            &format!("frame-ancestors 'self' {HOST_PAGE}"),
        ]
    );
    let html = answer.text().await.unwrap();
    // Its own policy would stop anything inline.
    let scripts: Vec<_> = html.split("<script").skip(1).collect();
    assert!(!scripts.is_empty());
    for script in scripts {
        let expected = format!(" src=\"{SCRIPT}\" defer></script>");
        assert!(script.starts_with(&expected), "{script}");
    }
    assert!(!html.contains("style") && !html.contains("{{"), "{html}");
    assert!(html.contains(&format!("content=\"{HOST_PAGE}\"")), "{html}");
    let script = gateway
        .client
        .get(gateway.url(SCRIPT))
        .send()
        .await
        .unwrap();
    assert_eq!(
        script.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert!(script.text().await.unwrap().contains(LOGIN));
}

#[tokio::test]
async fn other_methods_are_told_the_ones_there_are() {
    let gateway = Gateway::start().await;
    for (method, path, allowed) in [
        ("PUT", LOGIN, "GET, POST"),
        ("POST", PAGE, "GET"),
        ("POST", SCRIPT, "GET"),
        ("POST", "/_gantry/boot.js", "GET"),
    ] {
        let asked = gateway
            .client
            .request(method.parse().unwrap(), gateway.url(path))
            .header("origin", PUBLIC_URL);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allowed);
    }
}

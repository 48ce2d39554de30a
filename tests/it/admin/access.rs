//! Who may use the admin API, and what it says to everybody else.

use http::Method;

use crate::admin::stage::{Office, TOKEN, open};
use crate::support::gateway::Gateway;

const GUARDED: [(Method, &str); 5] = [
    (Method::GET, "/sessions"),
    (Method::GET, "/sessions/some"),
    (Method::DELETE, "/sessions/some"),
    (Method::GET, "/principals?issuer=a&subject=b"),
    (Method::DELETE, "/principals?issuer=a&subject=b"),
];

async fn check(office: &Office, authorization: &[&str], expected: (u16, &str)) {
    for (method, path) in GUARDED {
        let answer = office.ask_with(method, path, authorization).await;
        let (status, slug, _) = answer.problem();
        assert_eq!((status, &*slug), expected, "{path} {authorization:?}");
        let challenged = answer.headers.contains_key("www-authenticate");
        assert_eq!(challenged, status == 401, "{answer:?}");
    }
}

#[tokio::test]
async fn only_the_token_as_the_one_bearer_opens_the_api() {
    let office = Office::start().await;
    office.enter("alice").await;
    let bearer = format!("Bearer {TOKEN}");
    check(&office, &[], (401, "missing-token")).await;
    let basic = format!("Basic {TOKEN}");
    check(&office, &[&basic], (401, "missing-token")).await;
    check(&office, &[TOKEN], (401, "missing-token")).await;
    let wrong = format!("Bearer {}", TOKEN.replace('0', "1"));
    check(&office, &[&wrong], (401, "invalid-token")).await;
    let short = &bearer[..bearer.len() - 1];
    check(&office, &[short], (401, "invalid-token")).await;
    let long = format!("{bearer}9");
    check(&office, &[&long], (401, "invalid-token")).await;
    check(&office, &["Bearer"], (401, "invalid-token")).await;
    check(&office, &[&bearer, &bearer], (401, "invalid-token")).await;
    check(&office, &[&wrong, &bearer], (401, "invalid-token")).await;
    let lower = format!("bearer {TOKEN}");
    for shown in [&bearer, &lower] {
        let answer = office.ask_with(Method::GET, "/sessions", &[shown]).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(office.sessions("").await.len(), 1, "nothing was ended");
}

#[tokio::test]
async fn the_jwts_and_stand_ins_of_users_open_nothing() {
    let office = Office::start().await;
    let token = office.enter("alice").await;
    let stand_in = office.stand_in(&token).await;
    for shown in [token, stand_in] {
        let bearer = format!("Bearer {shown}");
        check(&office, &[&bearer], (401, "invalid-token")).await;
    }
}

#[tokio::test]
async fn without_a_configured_token_the_api_is_closed_and_says_which_key_opens_it() {
    let office = Office::before(Gateway::start().await);
    let bearer = format!("Bearer {TOKEN}");
    for shown in [&[][..], &[&*bearer], &["Bearer "]] {
        check(&office, shown, (403, "not-permitted")).await;
        for (method, path) in GUARDED {
            let (_, _, detail) = office.ask_with(method, path, shown).await.problem();
            assert!(detail.contains("admin.token_file"), "{detail}");
        }
    }
    for open in [
        "/",
        "/status.json",
        "/openapi.json",
        "/livez",
        "/readyz",
        "/metrics",
    ] {
        let answer = office.ask_with(Method::GET, open, &[]).await;
        assert_eq!(answer.status, 200, "{open}");
    }
}

#[tokio::test]
async fn methods_that_a_path_does_not_know_are_refused_with_those_it_does() {
    let office = Office::start().await;
    for (path, allowed) in [
        ("/", "GET, HEAD"),
        ("/livez", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
        ("/sessions", "GET, HEAD"),
        ("/sessions/some", "GET, HEAD, DELETE"),
        ("/principals", "GET, HEAD, DELETE"),
    ] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::OPTIONS] {
            let answer = office.ask(method.clone(), path).await;
            let (status, slug, _) = answer.problem();
            assert_eq!((status, &*slug), (405, "method-not-allowed"), "{path}");
            assert_eq!(answer.headers["allow"], allowed, "{path}");
        }
    }
    let answer = office.delete("/sessions").await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn head_is_answered_like_get_without_the_body() {
    let office = Office::start().await;
    for path in ["/", "/livez", "/sessions"] {
        let answer = office.ask(Method::HEAD, path).await;
        assert_eq!((answer.status, &*answer.text), (200, ""), "{path}");
        let full = office.get(path).await;
        assert_eq!(
            answer.headers["content-length"], full.headers["content-length"],
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_has_no_path_is_not_found_whoever_asks() {
    let office = Office::start().await;
    for path in [
        "/session",
        "/sessions/",
        "/sessions/a/b",
        "/_gantry/session",
        "/%6Civez",
    ] {
        let (status, slug, _) = office.get(path).await.problem();
        assert_eq!((status, &*slug), (404, "not-found"), "{path}");
    }
}

#[tokio::test]
async fn nothing_of_it_is_on_the_public_listener() {
    let gateway = Gateway::configured(open).await;
    let url = gateway.url("/sessions");
    let answer = gateway.client.get(url).bearer_auth(TOKEN).send().await;
    assert_eq!(answer.unwrap().status(), 401);
}

#[tokio::test]
async fn refusals_are_counted_and_logged_without_what_was_shown() {
    let office = Office::start().await;
    let shown = "Bearer something-that-nobody-should-read";
    office.ask_with(Method::GET, "/sessions", &[shown]).await;
    let series = "gantry_rejections_total{problem=\"invalid-token\"}";
    assert_eq!(office.gateway.metric(series).await, 1.0);
    office
        .gateway
        .log
        .until_line(&["the admin listener refused a request", "wrong-admin-token"])
        .await;
    assert!(!office.gateway.log.text().contains("nobody-should-read"));
}

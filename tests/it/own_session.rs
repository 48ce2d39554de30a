//! `/_gantry/session`: what it answers, to whom, and what of it may be stored.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};

const SESSION: &str = "/_gantry/session";

fn by_cookie(gateway: &Gateway, method: &str, token: &str) -> RequestBuilder {
    gateway
        .client
        .request(method.parse().unwrap(), gateway.url(SESSION))
        .header("cookie", format!("theme=dark; host_jwt={token}"))
}

#[tokio::test]
async fn establishing_hands_out_a_stand_in_and_telling_does_not() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let established = gateway.post(SESSION, &token).send().await.unwrap();
    assert_eq!(established.status(), 200);
    assert_eq!(established.headers()["content-type"], "application/json");
    assert_eq!(established.headers()["cache-control"], "no-store");
    assert_eq!(established.headers()["vary"], "Cookie");
    assert!(!established.headers().contains_key("set-cookie"));
    let established: Value = established.json().await.unwrap();
    let keys: Vec<_> = established.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["userId", "username", "token", "expiresAt"]);
    assert_eq!(established["username"], "alice");
    let user = gateway.rc.user("alice").unwrap();
    assert_eq!(established["userId"], json!(user.id));
    // JWT expiry and grace.
    let exp = gantry::clock::unix_seconds(gateway.clock.now()) + 600 + 30;
    let expires_at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(exp);
    let expected = humantime::format_rfc3339_seconds(expires_at).to_string();
    assert_eq!(established["expiresAt"], json!(expected));

    let stand_in = established["token"].as_str().unwrap();
    assert_eq!(stand_in.len(), 43);
    assert!(
        !gateway
            .rc
            .live_tokens("alice")
            .contains(&stand_in.to_owned())
    );

    let told = gateway.get(SESSION, &token).send().await.unwrap();
    assert_eq!(told.status(), 200);
    assert_eq!(told.headers()["cache-control"], "no-store");
    assert_eq!(told.headers()["vary"], "Cookie");
    let told: Value = told.json().await.unwrap();
    let keys: Vec<_> = told.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["userId", "username", "expiresAt"]);
}

#[tokio::test]
async fn no_answer_of_any_kind_shows_rocketchats_token() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut shown = String::new();
    for path in [SESSION, "/api/v1/me", "/api/v1/gantry-test.echo"] {
        let answer = gateway.get(path, &token).send().await.unwrap();
        shown += &format!("{:?}", answer.headers());
        shown += &answer.text().await.unwrap();
    }
    let real = gateway.rc.live_tokens("alice").pop().unwrap();
    gateway.log.until_line(&["gantry-test.echo"]).await;
    assert!(!shown.contains(&real));
    assert!(!gateway.log.text().contains(&real));
    assert!(!gateway.log.text().contains(&token));
}

#[tokio::test]
async fn nobody_is_told_that_nobody_is_there() {
    let gateway = Gateway::start().await;
    for method in ["GET", "POST"] {
        let answer = gateway
            .client
            .request(method.parse().unwrap(), gateway.url(SESSION))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(slug(answer).await, "missing-token");
    }
}

#[tokio::test]
async fn a_cookie_is_believed_on_our_own_pages_only() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let own_page = format!("{PUBLIC_URL}/channel/general");
    for method in ["GET", "POST"] {
        for (name, value, believed) in [
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "same-site", false),
            ("sec-fetch-site", "cross-site", false),
            ("sec-fetch-site", "none", false),
            ("origin", PUBLIC_URL, true),
            ("origin", HOST_PAGE, false),
            ("origin", "https://evil.example", false),
            ("origin", "null", false),
            ("referer", own_page.as_str(), true),
            ("referer", "https://evil.example/", false),
            ("referer", "https://chat.example.com.evil.example/", false),
            ("x-nothing", "at all", false),
        ] {
            let asked = by_cookie(&gateway, method, &token).header(name, value);
            let answer = asked.send().await.unwrap();
            let expected = if believed { 200 } else { 401 };
            assert_eq!(answer.status(), expected, "{method} with {name}: {value}");
            if !believed {
                assert_eq!(slug(answer).await, "invalid-token");
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_origin_does_not_hinder_a_bearer() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let answer = gateway
        .post(SESSION, &token)
        .header("origin", HOST_PAGE)
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn other_methods_are_told_the_ones_there_are() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for (method, path, allowed) in [
        ("PUT", SESSION, "GET, POST"),
        ("DELETE", SESSION, "GET, POST"),
        ("GET", "/_gantry/release", "POST"),
        ("GET", "/_gantry/logout", "POST"),
    ] {
        let answer = gateway
            .client
            .request(method.parse().unwrap(), gateway.url(path))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allowed);
        assert_eq!(slug(answer).await, "method-not-allowed");
    }
    let answer = gateway
        .get("/_gantry/nothing", &token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(slug(answer).await, "not-found");
    assert_eq!(gateway.rc.calls("GET", "/_gantry/nothing"), 0);
}

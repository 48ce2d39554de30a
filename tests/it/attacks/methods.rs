//! DDP methods inside REST: the inner name decides, and a body that leaves doubt about it goes nowhere (RC §6.5).

use gantry::surface::table::{ROWS, Rule};
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, slug};

/// The REST path for a method.
fn path(kind: &str, method: &str) -> String {
    format!("/api/v1/{kind}/{}", method.replace('/', ":"))
}

/// The body of a call, as Rocket.Chat's clients write it.
fn call(method: &str, params: &Value) -> String {
    let message = json!({"msg": "method", "id": "1", "method": method, "params": params});
    json!({"message": message.to_string()}).to_string()
}

/// The slug of the refusal of this body, which must not have gone on.
async fn refused(gateway: &Gateway, path: &str, body: impl Into<reqwest::Body>) -> String {
    let before = gateway.rc.requests().len();
    let request = gateway.post(path, &gateway.issuer.token("alice"));
    let answer = request
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(gateway.received(path).len(), 0, "{path}");
    assert!(
        gateway.rc.requests().len() <= before + 4,
        "only the first exchange asks"
    );
    slug(answer).await
}

#[tokio::test]
async fn rc_9_methods_that_log_in_or_change_the_account_are_denied() {
    let gateway = Gateway::start().await;
    let refuses = |rule| matches!(rule, Rule::Deny(_) | Rule::Login | Rule::Livechat);
    let rows = ROWS.iter().filter(|row| refuses(row.rule));
    let named = rows
        .flat_map(|row| row.methods)
        .map(|method| method.replace('*', "x"));
    let methods: Vec<String> = named
        .chain(["LOGIN".to_owned(), "2FA:enable".to_owned()])
        .collect();
    assert!(methods.len() > 20, "{methods:?}");
    for method in methods {
        for kind in ["method.call", "method.callAnon"] {
            let slug = refused(&gateway, &path(kind, &method), call(&method, &json!([]))).await;
            assert_eq!(slug, "not-permitted", "{kind} {method}");
        }
    }
    let change = call("saveUserProfile", &json!([{"username": "root"}, {}]));
    let slug = refused(&gateway, &path("method.call", "saveUserProfile"), change).await;
    assert_eq!(slug, "not-permitted");
}

#[tokio::test]
async fn cve_2026_28514_no_login_handler_of_rocketchats_own_is_reachable() {
    let gateway = Gateway::start().await;
    for params in [
        json!([{"user": {"username": "admin"}, "password": "x"}]),
        json!([{"resume": "x", "user": {"username": "admin"}}]),
        json!([{"cas": {"credentialToken": {"$ne": ""}}}]),
        json!([{"user": {"username": {"$gt": ""}}, "password": {"digest": "x", "algorithm": "sha-256"}}]),
        json!([{"oauth": {"credentialToken": "x", "credentialSecret": "y"}}]),
        json!([{"iframe": true, "token": "x"}]),
        json!([{"ldap": true, "username": "x", "ldapPass": "y"}]),
    ] {
        let body = call("login", &params);
        let slug = refused(&gateway, "/api/v1/method.callAnon/login", body).await;
        assert_eq!(slug, "not-permitted", "{params}");
        let slug = refused(&gateway, "/api/v1/login", params[0].to_string()).await;
        assert_eq!(slug, "not-permitted", "{params}");
    }
}

#[tokio::test]
async fn a_method_in_disguise_is_not_executed() {
    let gateway = Gateway::start().await;
    let innocent = path("method.call", "getRoomRoles");
    let escaped_outside =
        r#"{"message":"{\"msg\":\"method\",\"method\":\"log\\u0069n\",\"params\":[]}"}"#;
    for body in [
        // Another method inside than in the address.
        call("login", &json!([])),
        escaped_outside.to_owned(),
        r#"{"m\u0065ssage":"{\"method\":\"login\",\"params\":[]}"}"#.to_owned(),
        // The same key twice, outside and inside.
        r#"{"message":"{\"method\":\"getRoomRoles\"}","message":"{\"method\":\"login\"}"}"#
            .to_owned(),
        r#"{"message":"{\"method\":\"getRoomRoles\",\"method\":\"login\"}"}"#.to_owned(),
        r#"{"message":"{\"method\":\"getRoomRoles\",\"m\\u0065thod\":\"login\"}"}"#.to_owned(),
        // What EJSON would undo.
        r#"{"message":"{\"$escape\":{\"method\":\"login\"},\"method\":\"getRoomRoles\"}"}"#
            .to_owned(),
        r#"{"message":"{\"method\":{\"$type\":\"x\",\"$value\":\"login\"}}"}"#.to_owned(),
        r#"{"message":{"msg":"method","method":"getRoomRoles"}}"#.to_owned(),
        r#"{"message":"[{\"method\":\"login\"}]"}"#.to_owned(),
        r#"{"message":"{\"method\":\"getRoomRoles\"}{\"method\":\"login\"}"}"#.to_owned(),
        r#"{"message":"{\"method\":\"getRoomRoles\"}","other":1}"#.to_owned(),
        r#"{"message":"{\"method\":null}"}"#.to_owned(),
        r#"{"message":"{}"}"#.to_owned(),
        r#"{"message":""}"#.to_owned(),
        "{\"message\":\"\u{0}\"}".to_owned(),
        "\u{feff}{}".to_owned(),
        "[]".to_owned(),
        "message=%7B%22method%22%3A%22login%22%7D".to_owned(),
        String::new(),
    ] {
        let slug = refused(&gateway, &innocent, body.clone()).await;
        assert_eq!(slug, "bad-request", "{body}");
    }
    let escaped = refused(&gateway, &path("method.call", "login"), escaped_outside).await;
    assert_eq!(escaped, "not-permitted");
    let escaped = refused(&gateway, "/api/v1/method.call/log%69n", escaped_outside).await;
    assert_eq!(escaped, "not-permitted");
}

#[tokio::test]
async fn ghsa_ggw3_bodies_made_to_blow_up_are_refused_before_they_do() {
    let gateway = Gateway::start().await;
    let innocent = path("method.call", "getRoomRoles");
    let deep = format!(
        r#"{{"message":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(refused(&gateway, &innocent, deep).await, "bad-request");
    let nested = call("getRoomRoles", &json!([])).replace("[]", &"[".repeat(100_000));
    assert_eq!(refused(&gateway, &innocent, nested).await, "bad-request");
    let large = vec![b' '; 1024 * 1024 + 1];
    assert_eq!(refused(&gateway, &innocent, large).await, "too-large");
}

#[tokio::test]
async fn a_body_that_is_not_plain_json_is_not_judged_but_refused() {
    let gateway = Gateway::start().await;
    let path = path("method.call", "getRoomRoles");
    let body = call("getRoomRoles", &json!([]));
    for fields in [
        &[
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ][..],
        &[
            ("content-type", "application/json"),
            ("content-encoding", "identity"),
        ],
        &[("content-type", "application/json; charset=utf-16")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[
            ("content-type", "application/json"),
            ("content-type", "text/plain"),
        ],
        &[("content-type", "text/plain")],
        &[],
    ] {
        let mut request = gateway.post(&path, &gateway.issuer.token("alice"));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.clone()).send().await.unwrap();
        assert_eq!(slug(answer).await, "bad-request", "{fields:?}");
    }
    assert_eq!(gateway.received(&path).len(), 0);
}

#[tokio::test]
async fn an_honest_call_passes_as_it_came() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for (kind, method, params) in [
        ("method.call", "getRoomRoles", json!(["GENERAL"])),
        ("method.call", "rooms/get", json!([])),
        ("method.callAnon", "public-settings/get", json!([])),
    ] {
        let path = path(kind, method);
        let body = call(method, &params);
        let request = gateway.post(&path, &token);
        let answer = request
            .header("content-type", "application/json; charset=UTF-8")
            .body(body.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{method}");
        assert_eq!(gateway.received(&path)[0].body, body);
    }
}

#[tokio::test]
async fn a_logout_by_method_ends_the_session() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    let path = path("method.call", "logout");
    let request = gateway.post(&path, &token);
    let answer = request
        .header("content-type", "application/json")
        .body(call("logout", &json!([])))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    gateway.until_live_tokens("alice", 0).await;
    assert_eq!(gateway.received(&path).len(), 0);
}

//! RC §9 through the whole: what is denied never reaches Rocket.Chat, what is scrubbed arrives clean.

use gantry::surface::table::{ROWS, Rule};
use lookalike::{Manner, Options};
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings, slug};
use crate::support::raw;

/// A tunnelled method as clients send it.
async fn call(gateway: &Gateway, route: &str, method: &str, params: Value) -> Response {
    let inner = json!({"msg": "method", "id": "1", "method": method, "params": params});
    let path = format!("/api/v1/{route}/{}", method.replace('/', ":"));
    gateway
        .post(&path, &gateway.issuer.token("alice"))
        .json(&json!({"message": inner.to_string()}))
        .send()
        .await
        .unwrap()
}

/// A Gantry that has a session for Alice, and a Rocket.Chat that forgot how it came to that.
async fn with_session() -> Gateway {
    let gateway = Gateway::start().await;
    let answer = gateway
        .get("/api/v1/me", &gateway.issuer.token("alice"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    gateway.rc.forget_requests();
    gateway
}

fn is_refused(rule: Rule) -> bool {
    matches!(rule, Rule::Deny(_) | Rule::Login | Rule::Livechat)
}

#[tokio::test]
async fn rc_9_no_denied_route_reaches_rocketchat() {
    let gateway = with_session().await;
    let token = gateway.issuer.token("alice");
    for row in ROWS.iter().filter(|row| is_refused(row.rule)) {
        for route in row.rest {
            let path = format!("/api/v1/{}", route.replace('*', "x"));
            for path in [
                path.clone(),
                format!("{path}/"),
                path.to_ascii_uppercase(),
                format!("{path};x"),
            ] {
                let answer = gateway
                    .post(&path, &token)
                    .json(&json!({}))
                    .send()
                    .await
                    .unwrap();
                assert_eq!(answer.status(), 403, "{path}");
                assert_eq!(slug(answer).await, "not-permitted", "{path}");
            }
        }
    }
    assert_eq!(gateway.rc.requests().len(), 0);
}

#[tokio::test]
async fn rc_9_no_denied_method_reaches_rocketchat_through_a_tunnel() {
    let gateway = with_session().await;
    for row in ROWS.iter().filter(|row| is_refused(row.rule)) {
        for method in row.methods {
            let method = method.replace('*', "x");
            for route in ["method.call", "method.callAnon"] {
                let answer =
                    call(&gateway, route, &method, json!([{"username": {"$ne": ""}}])).await;
                assert_eq!(answer.status(), 403, "{route}/{method}");
            }
        }
    }
    assert_eq!(gateway.rc.requests().len(), 0);
}

#[tokio::test]
async fn rc_6_5_the_inner_name_decides_and_both_names_must_agree() {
    let gateway = with_session().await;
    let token = gateway.issuer.token("alice");
    for inner in [
        r#"{"method":"login","params":[{"resume":"x"}]}"#,
        r#"{"method":"getRoomRoles","method":"login","params":[]}"#,
        r#"{"$escape":{"method":"login","params":[]}}"#,
        "[",
    ] {
        let asked = gateway
            .post("/api/v1/method.call/getRoomRoles", &token)
            .json(&json!({"message": inner}))
            .send();
        let answer = asked.await.unwrap();
        assert_eq!(answer.status(), 400, "{inner}");
        assert_eq!(slug(answer).await, "bad-request", "{inner}");
    }
    assert_eq!(gateway.rc.requests().len(), 0);

    let answer = call(&gateway, "method.call", "getRoomRoles", json!(["GENERAL"])).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(
        gateway.rc.calls("POST", "/api/v1/method.call/getRoomRoles"),
        1
    );
}

#[tokio::test]
async fn a_tunnelled_body_beyond_the_bound_is_refused() {
    let gateway = with_session().await;
    let answer = call(
        &gateway,
        "method.call",
        "sendMessage",
        json!(["x".repeat(2 << 20)]),
    )
    .await;
    assert_eq!(answer.status(), 413);
    assert_eq!(gateway.rc.requests().len(), 0);
}

#[tokio::test]
async fn cve_2026_33494_ambiguous_targets_are_refused() {
    let gateway = with_session().await;
    let bearer = [format!(
        "Authorization: Bearer {}",
        gateway.issuer.token("alice")
    )];
    for target in [
        "/assets/../api/v1/me",
        "/assets/%2e%2e/api/v1/me",
        "/assets/..;/api/v1/me",
        "/assets%2f..%2fapi/v1/me",
        "/assets/%5c..%5capi",
        "//api/v1/me",
        "/api//v1/login",
        "/api/v1/me%00",
        "/api/v1/%",
        "/api/v1/%ff",
        "/api/v1/%252e%252e/x",
    ] {
        let head = raw::head("GET", target, &bearer);
        let (status, answer) = raw::exchange(gateway.address(), &head).await;
        assert_eq!(status, 400, "{target}: {answer}");
    }
    assert_eq!(gateway.rc.requests().len(), 0);
}

#[tokio::test]
async fn rc_2_5_the_own_user_is_told_without_token_hashes() {
    let gateway = Gateway::with(Settings {
        options: Options {
            rate_limiter: false,
            ..Options::new(Manner::V6)
        },
        ..Settings::default()
    })
    .await;
    let token = gateway.issuer.token("alice");
    let asked = gateway
        .get("/api/v1/users.info?username=alice", &token)
        .header("accept-encoding", "gzip, br")
        .send();
    let answer = asked.await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(
        !text.contains("hashedToken") && !text.contains("resume"),
        "{text}"
    );
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["user"]["username"], "alice");
    assert!(answer["user"]["services"]["email2fa"]["enabled"].is_boolean());

    let itself = gateway
        .client
        .get(format!(
            "{}/api/v1/users.info?username=alice",
            gateway.rc.url()
        ))
        .header("x-user-id", gateway.rc.user("alice").unwrap().id)
        .header("x-auth-token", gateway.rc.live_tokens("alice").concat())
        .send();
    let itself = itself.await.unwrap().text().await.unwrap();
    assert!(itself.contains("hashedToken"), "{itself}");
}

#[tokio::test]
async fn rc_9_rocketchats_own_logout_ends_the_session_by_its_own_token() {
    for tunnelled in [false, true] {
        let gateway = with_session().await;
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
        let answer = if tunnelled {
            call(&gateway, "method.call", "logout", json!([])).await
        } else {
            let asked = gateway.post("/api/v1/logout", &gateway.issuer.token("alice"));
            asked.send().await.unwrap()
        };
        assert_eq!(answer.status(), 200);
        gateway.until_live_tokens("alice", 0).await;
        assert_eq!(gateway.rc.calls("POST", "/api/v1/method.call/logout"), 0);
    }
}

#[tokio::test]
async fn rc_6_6_only_the_websocket_transport_is_there() {
    let gateway = with_session().await;
    let token = gateway.issuer.token("alice");
    for path in [
        "/sockjs/123/abcdefgh/xhr",
        "/sockjs/123/abcdefgh/xhr_streaming",
    ] {
        let answer = gateway.post(path, &token).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(gateway.rc.requests().len(), 0);
    let info = gateway
        .client
        .get(gateway.url("/sockjs/info"))
        .send()
        .await
        .unwrap();
    let info: Value = info.json().await.unwrap();
    assert_eq!(info["websocket"], true);
}

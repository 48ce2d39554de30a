//! RC §5.1 to §5.3: the REST limiter and whom it counts.

use std::time::Duration;

use lookalike::Options;
use serde_json::json;

use crate::support::{Answer, RequestExt as _, Workspace};

async fn ask_from(workspace: &Workspace, header: &str, address: &str) -> Answer {
    workspace
        .get("/api/info")
        .header(header, address)
        .answer()
        .await
}

fn number(answer: &Answer, header: &str) -> u64 {
    answer.header(header).unwrap().parse().unwrap()
}

#[tokio::test]
async fn rc_5_1_ten_calls_a_minute_for_each_address_route_and_method() {
    let workspace = Workspace::start(Options::default()).await;
    for used in 1..=10 {
        let answer = ask_from(&workspace, "X-Forwarded-For", "198.51.100.1").await;
        assert_eq!(answer.status, 200);
        assert_eq!(number(&answer, "x-ratelimit-limit"), 10);
        assert_eq!(number(&answer, "x-ratelimit-remaining"), 10 - used);
    }
    let refused = ask_from(&workspace, "X-Forwarded-For", "198.51.100.1").await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        ask_from(&workspace, "X-Forwarded-For", "198.51.100.2")
            .await
            .status,
        200
    );
    workspace.rc.advance(Duration::from_secs(60));
    assert_eq!(
        ask_from(&workspace, "X-Forwarded-For", "198.51.100.1")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn rc_5_2_the_429_says_how_long_and_its_reset_is_absolute() {
    let workspace = Workspace::start(Options {
        limit_calls: 1,
        ..Options::default()
    })
    .await;
    workspace.get("/api/info").answer().await;
    let refused = workspace.get("/api/info").answer().await;
    let body = refused.with(429);
    let text = body["error"].as_str().unwrap();
    assert!(text.starts_with("Error, too many requests. Please slow down. You must wait "));
    assert!(text.ends_with("[error-too-many-requests]"));
    assert_eq!(body["success"], false);
    let now = workspace
        .rc
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let reset = u128::from(number(&refused, "x-ratelimit-reset"));
    assert!(reset > now && reset <= now + 60_000, "{reset} at {now}");
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    assert_eq!(refused.header("retry-after"), None);
}

#[tokio::test]
async fn rc_5_1_the_bypass_permission_of_the_caller_lifts_the_limit() {
    let workspace = Workspace::start(Options {
        limit_calls: 1,
        ..Options::default()
    })
    .await;
    let service = workspace.service();
    for _ in 0..3 {
        let me = workspace.get("/api/v1/me").by(&service).answer().await;
        assert_eq!(
            (me.status.as_u16(), me.header("x-ratelimit-limit")),
            (200, None)
        );
    }
    workspace.rc.revoke_permission("api-bypass-rate-limit");
    assert_eq!(
        workspace
            .get("/api/v1/me")
            .by(&service)
            .answer()
            .await
            .status,
        200
    );
    assert_eq!(
        workspace
            .get("/api/v1/me")
            .by(&service)
            .answer()
            .await
            .status,
        429
    );
}

#[tokio::test]
async fn rc_5_1_refused_credentials_are_not_counted() {
    let workspace = Workspace::start(Options {
        limit_calls: 1,
        ..Options::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(workspace.get("/api/v1/me").answer().await.status, 401);
    }
}

#[tokio::test]
async fn rc_5_3_real_ip_is_believed_from_anyone_where_no_chain_came() {
    let workspace = Workspace::start(Options {
        limit_calls: 1,
        ..Options::default()
    })
    .await;
    assert_eq!(
        ask_from(&workspace, "X-Real-IP", "198.51.100.1")
            .await
            .status,
        200
    );
    assert_eq!(
        ask_from(&workspace, "X-Real-IP", "198.51.100.1")
            .await
            .status,
        429
    );
    assert_eq!(
        ask_from(&workspace, "X-Real-IP", "198.51.100.2")
            .await
            .status,
        200
    );
    assert_eq!(
        ask_from(&workspace, "X-Forwarded-For", "forged, 198.51.100.3")
            .await
            .status,
        200
    );
    assert_eq!(
        ask_from(&workspace, "X-Forwarded-For", "other, 198.51.100.3")
            .await
            .status,
        429
    );
}

#[tokio::test]
async fn the_echo_route_is_not_limited_and_digests_the_body() {
    let workspace = Workspace::start(Options {
        limit_calls: 1,
        ..Options::default()
    })
    .await;
    workspace.rc.revoke_permission("api-bypass-rate-limit");
    for _ in 0..2 {
        let body = json!("hello");
        let echo = workspace
            .post("/api/v1/gantry-test.echo", &body)
            .by(&workspace.service());
        let echo = echo.answer().await.with(200);
        assert_eq!(echo["length"], 7);
        assert_eq!(echo["method"], "POST");
        assert_eq!(
            echo["sha256"],
            "5aa762ae383fbb727af3c7a36d4940a5b8c40a989452d2304fc958ff3f354e7a"
        );
    }
}

//! The metrics page: every metric that operators are promised, each series once, and numbers that follow what happened.

use std::collections::HashSet;

use serde_json::json;

use crate::support::gateway::Gateway;
use crate::support::socket::Socket;

/// Each metric with its type.
const METRICS: [(&str, &str); 25] = [
    ("gantry_requests", "counter"),
    ("gantry_request_duration_seconds", "histogram"),
    ("gantry_rejections", "counter"),
    ("gantry_token_verifications", "counter"),
    ("gantry_jwks_fetches", "counter"),
    ("gantry_sessions", "gauge"),
    ("gantry_sessions_ended", "counter"),
    ("gantry_exchange_duration_seconds", "histogram"),
    ("gantry_session_lookups", "counter"),
    ("gantry_users_provisioned", "counter"),
    ("gantry_credentials_minted", "counter"),
    ("gantry_credentials_refreshed", "counter"),
    ("gantry_credentials_revoked", "counter"),
    ("gantry_rocketchat_call_duration_seconds", "histogram"),
    ("gantry_upstream_request_duration_seconds", "histogram"),
    ("gantry_websocket_connections", "gauge"),
    ("gantry_ddp_logins", "counter"),
    ("gantry_owed_logouts", "gauge"),
    ("gantry_backchannel_logouts", "counter"),
    ("gantry_filter_decisions", "counter"),
    ("gantry_connections", "gauge"),
    ("gantry_limits_reached", "counter"),
    ("gantry_store_up", "gauge"),
    (
        "gantry_config_last_reload_success_timestamp_seconds",
        "gauge",
    ),
    ("gantry_build_info", "gauge"),
];

/// Something of everything that is counted.
pub(crate) async fn traffic(gateway: &Gateway) {
    let token = gateway.issuer.token("alice");
    for _ in 0..3 {
        gateway.get("/api/v1/me", &token).send().await.unwrap();
    }
    gateway
        .get("/channel/general", &token)
        .send()
        .await
        .unwrap();
    let mut socket = Socket::open(gateway, &token).await;
    socket.connect_ddp().await;
    socket
        .say(r#"{"msg":"method","method":"rooms/get","id":"1","params":[]}"#)
        .await;
    socket.hear_until(|text| text.contains("result")).await;
    socket.0.close(None).await.unwrap();
    socket.closed().await;
    gateway.rc.kill_tokens("alice");
    gateway.get("/api/v1/me", &token).send().await.unwrap();
    for path in [
        "/api/v1/me",
        "/api/v1/login",
        "/api//v1/me",
        "/_gantry/nothing",
    ] {
        let url = gateway.url(path);
        gateway.client.get(url).send().await.unwrap();
    }
    gateway
        .get("/api/v1/me", "no.such.token")
        .send()
        .await
        .unwrap();
    gateway
        .post("/_gantry/logout", &token)
        .send()
        .await
        .unwrap();
    gateway.until_live_tokens("alice", 0).await;
    gateway
        .client
        .post(gateway.url("/_gantry/backchannel-logout"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "logout_token={}",
            gateway.issuer.logout_token(json!({ "sid": "of nobody" }))
        ))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn the_page_holds_every_metric_and_no_series_twice() {
    let gateway = Gateway::start().await;
    traffic(&gateway).await;
    let (status, page) = gateway.admin("/metrics").await;
    assert_eq!(status, 200);
    for (name, kind) in METRICS {
        let described = format!("# TYPE {name} {kind}");
        assert_eq!(
            page.lines().filter(|line| **line == *described).count(),
            1,
            "{described}\n{page}"
        );
        assert!(page.contains(&format!("# HELP {name} ")), "{name}");
        assert!(
            page.lines().any(|line| line.starts_with(name)),
            "{name} has no series"
        );
    }
    let mut series = HashSet::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(series.insert(name), "{name} twice");
        assert!(name.starts_with("gantry_"), "{name}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(page.ends_with("# EOF\n"));
    for personal in ["alice", "example.com", "/api/", "main"] {
        assert!(!page.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn numbers_follow_what_happened() {
    let gateway = Gateway::start().await;
    traffic(&gateway).await;
    for (series, expected) in [
        (
            r#"gantry_requests_total{route="api",status_class="2xx"}"#,
            4.0,
        ),
        (
            r#"gantry_requests_total{route="api",status_class="4xx"}"#,
            3.0,
        ),
        (
            r#"gantry_requests_total{route="page",status_class="2xx"}"#,
            1.0,
        ),
        (
            r#"gantry_requests_total{route="none",status_class="4xx"}"#,
            1.0,
        ),
        (
            r#"gantry_requests_total{route="own",status_class="4xx"}"#,
            1.0,
        ),
        (
            r#"gantry_requests_total{route="own",status_class="2xx"}"#,
            2.0,
        ),
        (r#"gantry_request_duration_seconds_count{route="api"}"#, 7.0),
        (r#"gantry_rejections_total{problem="missing-token"}"#, 1.0),
        (r#"gantry_rejections_total{problem="invalid-token"}"#, 1.0),
        (r#"gantry_rejections_total{problem="not-permitted"}"#, 1.0),
        (r#"gantry_rejections_total{problem="bad-request"}"#, 1.0),
        (r#"gantry_rejections_total{problem="not-found"}"#, 1.0),
        (r#"gantry_token_verifications_total{result="ok"}"#, 1.0),
        (
            r#"gantry_token_verifications_total{result="malformed"}"#,
            1.0,
        ),
        (r#"gantry_jwks_fetches_total{result="ok"}"#, 1.0),
        (r#"gantry_session_lookups_total{result="miss"}"#, 1.0),
        (r#"gantry_users_provisioned_total{result="ok"}"#, 1.0),
        (r#"gantry_credentials_minted_total{result="ok"}"#, 2.0),
        (r#"gantry_credentials_refreshed_total{result="ok"}"#, 1.0),
        // Five that came back and the one that Rocket.Chat refused and got again.
        ("gantry_upstream_request_duration_seconds_count", 6.0),
        (r#"gantry_ddp_logins_total{result="ok"}"#, 1.0),
        (r#"gantry_backchannel_logouts_total{result="ok"}"#, 1.0),
        ("gantry_sessions", 0.0),
        ("gantry_owed_logouts", 0.0),
        ("gantry_websocket_connections", 0.0),
    ] {
        assert_eq!(
            gateway.metric(&format!("{series} ")).await,
            expected,
            "{series}"
        );
    }
    let revoked = r#"gantry_credentials_revoked_total{cause="logout",result="#;
    let (_, page) = gateway.admin("/metrics").await;
    assert!(page.contains(revoked), "{page}");
}

#[tokio::test]
async fn an_issuer_that_rotates_its_keys_is_fetched_again() {
    let gateway = Gateway::start().await;
    let fetches = r#"gantry_jwks_fetches_total{result="ok"} "#;
    gateway.issuer.rotate();
    // Past the least interval between two fetches for an unknown key.
    gateway.hand.advance(std::time::Duration::from_secs(120));
    let token = gateway.issuer.token_with("alice", json!({"sid": "after"}));
    let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(gateway.metric(fetches).await, 2.0);
}

//! What is not applied: a configuration with mistakes changes nothing, and what needs a restart is named.

use serde_json::json;

use crate::reload::stage::{Stage, metric};

const APPLIED_AT: &str = "gantry_config_last_reload_success_timestamp_seconds";

/// A file that is spoilt: everything stays as it was, the log says why, and the mended file is applied.
async fn check_refused(spoil: impl FnOnce(&mut Stage), told: &[&str]) {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let mut socket = stage.socket(&alice).await;
    let applied = metric(&stage.gateway, APPLIED_AT);
    assert!(applied > 1_700_000_000, "{applied}");
    stage
        .gateway
        .hand
        .advance(std::time::Duration::from_secs(5));

    spoil(&mut stage);
    stage.reload("invalid").await;

    let mut parts = vec!["changes nothing"];
    parts.extend(told);
    stage.gateway.log.until_line(&parts).await;
    assert_eq!(stage.status(&alice).await, 200);
    let bob = stage.gateway.issuer.token("bob");
    assert_eq!(stage.status(&bob).await, 200);
    socket.ping().await;
    assert_eq!(stage.gateway.admin("/readyz").await.0, 200);
    assert_eq!(metric(&stage.gateway, APPLIED_AT), applied);

    stage
        .change(|config| config["users"]["provision"] = json!(false))
        .await;
    let carol = stage.gateway.issuer.token("carol");
    assert_eq!(stage.status(&carol).await, 403);
    assert_eq!(metric(&stage.gateway, APPLIED_AT), applied + 5);
    socket.ping().await;
}

#[tokio::test]
async fn every_mistake_is_told_in_one_line_and_nothing_of_the_file_is_applied() {
    let spoil = |stage: &mut Stage| {
        let mut config = stage.config.clone();
        config["users"]["provision"] = json!(false);
        config["sessions"]["grace"] = json!("soon");
        config["listen"]["limits"]["body"] = json!("much");
        stage.write("gantry.yaml", &config.to_string());
    };
    let told = ["sessions.grace", "listen.limits.body", "gantry.yaml:1:"];
    check_refused(spoil, &told).await;
}

#[tokio::test]
async fn a_file_that_was_removed_is_no_reason_to_stop() {
    let spoil = |stage: &mut Stage| std::fs::remove_file(stage.path("gantry.yaml")).unwrap();
    check_refused(spoil, &["cannot be read"]).await;
}

#[tokio::test]
async fn a_half_written_file_is_not_applied() {
    let spoil = |stage: &mut Stage| {
        let text = stage.config.to_string();
        std::fs::write(stage.path("gantry.yaml"), &text[..text.len() / 2]).unwrap();
    };
    check_refused(spoil, &["gantry.yaml"]).await;
}

#[tokio::test]
async fn an_empty_file_is_not_applied() {
    let spoil = |stage: &mut Stage| std::fs::write(stage.path("gantry.yaml"), "").unwrap();
    check_refused(spoil, &["issuers", "listen.public_url"]).await;
}

#[tokio::test]
async fn a_file_of_other_bytes_is_not_applied() {
    let spoil = |stage: &mut Stage| std::fs::write(stage.path("gantry.yaml"), [0xff; 64]).unwrap();
    check_refused(spoil, &["gantry.yaml"]).await;
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_told_and_no_secret_is_logged() {
    let spoil = |stage: &mut Stage| {
        let mut config = stage.config.clone();
        config["admin"]["token_file"] = json!("nowhere");
        stage.write("gantry.yaml", &config.to_string());
    };
    check_refused(spoil, &["admin.token_file", "nowhere"]).await;
}

#[tokio::test]
async fn keys_that_need_a_restart_are_named_and_the_rest_is_applied() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 200);
    let was = stage.config.clone();
    stage
        .change(|config| {
            config["listen"]["address"] = json!("127.0.0.1:1");
            config["listen"]["limits"]["connections"] = json!(3);
            config["admin"]["address"] = json!("127.0.0.1:2");
            config["rocketchat"]["url"] = json!("http://127.0.0.1:3");
            config["rocketchat"]["timeouts"] = json!({ "call": "9s" });
            config["rocketchat"]["minting"] = json!({ "queue": 1 });
            config["sessions"]["store"] = json!("file");
            config["sessions"]["encryption_key"] = json!("00".repeat(32));
            config["sessions"]["scope"] = json!("principal");
            config["filter"] = json!({
                "enabled": true, "secret": "x".repeat(40), "grpc_address": "127.0.0.1:4",
            });
            config["listen"]["trusted_proxies"] = json!(["127.0.0.1/32"]);
            config["telemetry"]["log"]["format"] = json!("text");
            config["users"]["provision"] = json!(false);
        })
        .await;
    let named = [
        "restart to apply",
        "admin.address",
        "filter.grpc_address",
        "listen.address",
        "listen.limits.connections",
        "rocketchat.minting.queue",
        "rocketchat.timeouts.call",
        "rocketchat.url",
        "sessions.encryption_key",
        "sessions.scope",
        "sessions.store",
        "telemetry.log.format",
    ];
    stage.gateway.log.until_line(&named).await;
    let bob = stage.gateway.issuer.token("bob");
    assert_eq!(stage.status(&bob).await, 403, "the rest is applied");
    assert_eq!(stage.status(&alice).await, 200, "where it always went");
    let line = |log: &str| log.matches("restart to apply").count();
    assert_eq!(line(&stage.gateway.log.text()), 1);

    // What waits for a restart is told until it is taken back.
    stage
        .change(|config| config["users"]["provision"] = json!(true))
        .await;
    stage
        .gateway
        .log
        .until_line(&["is in force", "\"keys\":\"users.provision\""])
        .await;
    assert_eq!(line(&stage.gateway.log.text()), 2);
    stage.change(|config| *config = was).await;
    stage
        .gateway
        .log
        .until_line(&["is in force", "filter.enabled"])
        .await;
    assert_eq!(line(&stage.gateway.log.text()), 2);
}

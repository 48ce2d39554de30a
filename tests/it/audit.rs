//! The audit log: who came and went, whatever the level of the log, and without names.

use gantry::config::Config;
use serde_json::Value;

use crate::support::gateway::Gateway;

fn quiet(config: &mut Config) {
    config.telemetry.level = tracing::Level::ERROR;
}

fn silent(config: &mut Config) {
    quiet(config);
    config.telemetry.audit = false;
}

async fn in_and_out(gateway: &Gateway) {
    let token = gateway.issuer.token("alice");
    let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer = gateway.post("/_gantry/logout", &token).send().await;
    assert_eq!(answer.unwrap().status(), 204);
    gateway.until_live_tokens("alice", 0).await;
}

#[tokio::test]
async fn sessions_that_begin_and_end_are_written_whatever_the_level() {
    let gateway = Gateway::configured(quiet).await;
    in_and_out(&gateway).await;
    gateway.log.until_line(&["a session ended"]).await;
    let text = gateway.log.text();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said: Vec<&str> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["a session began", "a session ended"], "{text}");
    let user = gateway.rc.user("alice").unwrap();
    for line in &lines {
        assert_eq!(line["target"], "gantry::audit");
        assert_eq!(line["session.id"], lines[0]["session.id"]);
        assert_eq!(line["rocketchat.user_id"], user.id.as_str());
        assert_eq!(line["issuer"], crate::support::issuer::ISSUER);
    }
    assert_eq!(lines[0].get("cause"), None);
    assert_eq!(lines[1]["cause"], "logout");
    assert_eq!(lines[1]["ended_by"], "client");
    assert!(!text.contains("alice"));
}

#[tokio::test]
async fn it_can_be_left_out() {
    let gateway = Gateway::configured(silent).await;
    in_and_out(&gateway).await;
    let log = gateway.log.clone();
    gateway.running.stop().await;
    assert_eq!(log.text(), "");
}

//! Nothing of a person or of a key is in the log, whatever was asked and whatever went wrong.

use std::time::Duration;

use gantry::config::Config;
use lookalike::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::attacks::injection::upgrade;
use crate::support::gateway::Gateway;

/// A name that stands in no path and no message by chance.
const NAME: &str = "zaphodbeeblebrox";

fn everything(config: &mut Config) {
    config.telemetry.level = tracing::Level::TRACE;
    config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    config.rocketchat.timeouts.response_header = Duration::from_secs(2);
}

/// Requests of every kind, good ones and bad ones.
async fn traffic(gateway: &Gateway, token: &str) {
    let cookie = format!("host_jwt={token}; rc_token=forgedtoken; theme=secrettheme");
    for path in [
        "/api/v1/me",
        "/api/v1/users.info?username=zaphodbeeblebrox&access_token=forgedtoken",
        "/avatar/x",
        "/file-upload/x/y.png?rc_token=forgedtoken",
        "/channel/general?resumeToken=forgedtoken",
        "/api//v1/me?jwt=forgedtoken",
        "/api/v1/login",
        "/_gantry/session",
        "/_gantry/nothing",
        "/websocket",
    ] {
        for verb in ["GET", "POST"] {
            let request = gateway
                .client
                .request(verb.parse().unwrap(), gateway.url(path));
            let request = request
                .bearer_auth(token)
                .header("cookie", &cookie)
                .header("x-auth-token", "forgedtoken")
                .header("content-type", "application/json")
                .body(r#"{"user":"zaphodbeeblebrox","password":"forgedtoken"}"#);
            request.send().await.unwrap();
        }
        let query = gateway
            .client
            .get(gateway.url(&format!("/home?jwt={token}x")));
        query.send().await.unwrap();
        let malformed = gateway
            .get(path, token)
            .header("x-forwarded-for", "forgedtoken");
        malformed.send().await.unwrap();
    }
    for lines in [
        format!("Sec-WebSocket-Protocol: gantry.jwt, {token}\r\n"),
        format!("Sec-WebSocket-Protocol: gantry.jwt, {token}x\r\n"),
        "X: y\r\n".to_owned(),
    ] {
        let mut raw = gateway.raw().await;
        raw.send(upgrade(&lines)).await;
        raw.answer().await;
    }
    let mut raw = gateway.raw().await;
    raw.send(format!("forgedtoken {token}\r\n\r\n")).await;
    raw.rest().await;
}

/// Ways in which Rocket.Chat fails Gantry's own calls, each telling the person's data again.
fn failures() -> Vec<Fault> {
    let taken = json!({
        "success": false,
        "error": "zaphodbeeblebrox@example.com is already in use :( [error-field-unavailable]",
        "errorType": "error-field-unavailable",
        "details": {"field": "zaphodbeeblebrox@example.com"},
    });
    let html = "<p>zaphodbeeblebrox</p>".to_owned();
    vec![
        Fault::times(
            "/api/v1/users.create",
            4,
            FaultKind::Status(400, taken.to_string()),
        ),
        Fault::times(
            "/api/v1/users.createToken",
            2,
            FaultKind::Status(500, html.clone()),
        ),
        Fault::times("/api/v1/users.createToken", 2, FaultKind::Status(200, html)),
        Fault::times("/api/v1/users.createToken", 2, FaultKind::Reset),
        Fault::times("/api/v1/users.createToken", 2, FaultKind::DropAfterHeaders),
        Fault::times(
            "/api/v1/logout",
            2,
            FaultKind::Status(500, "zaphodbeeblebrox".to_owned()),
        ),
        Fault::times("/api/v1/users.info", 2, FaultKind::Reset),
        Fault::times("/api/v1/users.info", 2, FaultKind::DropAfterHeaders),
    ]
}

#[tokio::test]
async fn no_secret_and_nobodys_name_is_in_any_line() {
    let gateway = Gateway::configured(everything).await;
    let token = gateway.issuer.token(NAME);
    for fault in failures() {
        gateway.rc.fault(fault);
        gateway
            .get("/api/v1/rooms.get", &token)
            .send()
            .await
            .unwrap();
        gateway
            .get("/api/v1/rooms.get", &token)
            .send()
            .await
            .unwrap();
    }
    gateway.rc.clear_faults();
    traffic(&gateway, &token).await;
    let mut told = vec![gateway.rc.live_tokens(NAME).remove(0)];
    let established = gateway
        .post("/_gantry/session", &token)
        .send()
        .await
        .unwrap();
    let established: Value = established.json().await.unwrap();
    told.push(established["token"].as_str().unwrap().to_owned());
    // Credentials that Rocket.Chat no longer knows, and an end with its owed logout.
    gateway.rc.kill_tokens(NAME);
    traffic(&gateway, &token).await;
    told.push(gateway.rc.live_tokens(NAME).remove(0));
    gateway.rc.fault(failures().remove(5));
    gateway
        .post("/_gantry/logout", &token)
        .send()
        .await
        .unwrap();
    gateway.get("/api/v1/me", &token).send().await.unwrap();
    let last = "/the/last/path";
    gateway.client.get(gateway.url(last)).send().await.unwrap();
    gateway.log.until_line(&[last]).await;

    let log = gateway.log.text();
    assert!(log.lines().count() > 50, "{log}");
    told.extend([token.clone(), gateway.rc.service_token()]);
    let signature = token.rsplit('.').next().unwrap();
    for secret in [
        "forgedtoken",
        "secrettheme",
        "createtoken-secret",
        NAME,
        signature,
    ] {
        told.push(secret.to_owned());
    }
    for secret in told {
        let line = log.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test]
async fn a_hostile_path_stays_on_its_own_line() {
    let gateway = Gateway::start().await;
    let mut raw = gateway.raw().await;
    let hostile = "/x%0a{\"level\":\"ERROR\"}\"\\\u{e9}";
    raw.send(format!("GET {hostile} HTTP/1.1\r\nHost: x\r\n\r\n"))
        .await;
    assert_eq!(raw.answer().await.unwrap().status, 400);
    gateway.log.until_line(&["malformed-path"]).await;
    for line in gateway.log.text().lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(
            entry["timestamp"].is_string() && entry["level"].is_string(),
            "{line}"
        );
    }
}

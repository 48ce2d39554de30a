//! The status page and its figures: aggregates that follow what happened, and nobody's.

use std::time::Duration;

use http::Method;
use lookalike::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::admin::stage::{Answer, Office};
use crate::support::gateway::Gateway;
use crate::support::world::World;

async fn page(office: &Office, path: &str) -> Answer {
    let answer = office.ask_with(Method::GET, path, &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    answer
}

async fn figures(office: &Office) -> Value {
    page(office, "/status.json").await.json()
}

fn ended(figures: &Value, cause: &str) -> Value {
    let all = figures["sessions"]["ended"].as_array().unwrap();
    let entry = all.iter().find(|entry| entry["cause"] == cause);
    entry.unwrap()["count"].clone()
}

fn total(timed: &Value) -> u64 {
    let buckets = timed["buckets"].as_array().unwrap();
    buckets
        .iter()
        .map(|bucket| bucket["count"].as_u64().unwrap())
        .sum()
}

#[tokio::test]
async fn the_figures_follow_what_happened_and_name_nobody() {
    let office = Office::before(Gateway::start().await);
    let before = figures(&office).await;
    assert_eq!(before["ready"], true);
    assert_eq!(before["sessions"]["live"], 0);
    assert_eq!(total(&before["exchanges"]), 0);
    let token = office.enter("alice").await;
    office.enter("bob").await;
    let socket = office.socket(&token).await;
    let during = figures(&office).await;
    assert_eq!(during["sessions"]["live"], 2);
    assert_eq!(during["sockets"], 1);
    assert_eq!(total(&during["exchanges"]), 2);
    assert!(during["exchanges"]["seconds"].as_f64().unwrap() > 0.0);
    assert!(total(&during["upstream"]) >= 2);
    assert_eq!(ended(&during, "logout"), 0);
    office
        .gateway
        .post("/_gantry/logout", &token)
        .send()
        .await
        .unwrap();
    office.gateway.until_live_tokens("alice", 0).await;
    drop(socket);
    let after = figures(&office).await;
    assert_eq!(after["sessions"]["live"], 1);
    assert_eq!(ended(&after, "logout"), 1);
    assert_eq!(ended(&after, "revoked"), 0);
    for personal in ["alice", "bob", "subject", "main"] {
        assert!(!after.to_string().contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn what_failed_lately_is_told_by_kind() {
    let office = Office::before(Gateway::start().await);
    assert_eq!(figures(&office).await["errors"], json!([]));
    let fault = FaultKind::Status(500, "{}".to_owned());
    let mint = "/api/v1/users.createToken";
    office.gateway.rc.fault(Fault::always(mint, fault));
    let token = office.gateway.issuer.token("alice");
    assert_eq!(office.use_token(&token).await, 502);
    for _ in 0..2 {
        assert_eq!(office.use_token("no.such.token").await, 401);
    }
    let figures = figures(&office).await;
    let errors = figures["errors"].as_array().unwrap();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error["what"].as_str().unwrap(), error["count"].clone()))
        .collect();
    let expected = [("request", 2), ("JWT", 2), ("request", 1), ("minting", 1)];
    assert_eq!(told, expected.map(|(what, count)| (what, json!(count))));
    let newest = errors[0]["secondsAgo"].as_u64().unwrap();
    assert!(newest < 30 && errors[0]["kind"] == "invalid-token");
}

#[tokio::test]
async fn what_is_missing_is_told_with_its_reason() {
    let world = World::plain().await;
    world.rc.stop().await;
    let office = Office::before(world.gantry(|_, _| ()).await);
    let part = async || {
        let figures = figures(&office).await;
        assert_eq!(figures["ready"], false);
        let parts = figures["parts"].as_array().unwrap();
        let rocketchat = parts.iter().find(|part| part["name"] == "rocketchat");
        rocketchat.unwrap()["missing"].as_str().unwrap().to_owned()
    };
    let told = async {
        while part().await == "not yet there" {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), told).await;
    in_time.expect("a reason is told");
    let (_, readyz) = office.gateway.admin("/readyz").await;
    assert!(
        readyz.contains(&format!("rocketchat: {}", part().await)),
        "{readyz}"
    );
}

#[tokio::test]
async fn the_page_may_load_nothing_but_its_own_figures() {
    let office = Office::before(Gateway::start().await);
    let answer = page(&office, "/").await;
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    let (scripts, rest) = policy.split_once("; style-src 'sha256-").unwrap();
    assert!(
        scripts.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(
        rest.ends_with(
            "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
}

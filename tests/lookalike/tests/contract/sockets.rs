//! What the removal of a token does to open sockets (RC §3.6, monolith).

use std::time::Duration;

use lookalike::{Manner, Options};
use serde_json::json;

use crate::ddp_client::DdpClient;
use crate::support::{RequestExt as _, Workspace};

#[tokio::test]
async fn rc_3_6_a_rest_logout_closes_the_sockets_of_that_token_alone() {
    let workspace = Workspace::with_people(Options::default()).await;
    let (first, second) = (
        workspace.log_in("alice").await,
        workspace.log_in("alice").await,
    );
    let mut gone = DdpClient::resumed(&workspace.rc, &first.token).await;
    let mut kept = DdpClient::resumed(&workspace.rc, &second.token).await;
    let mut anonymous = DdpClient::connected(&workspace.rc).await;
    assert_eq!(workspace.rc.sockets(), 3);
    workspace
        .post("/api/v1/logout", &json!({}))
        .by(&first)
        .answer()
        .await
        .with(200);
    gone.closed().await;
    kept.is_open().await;
    anonymous.is_open().await;
    assert_eq!(workspace.rc.sockets(), 2);
}

#[tokio::test]
async fn rc_3_6_sockjs_clients_are_told_to_go_away() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let mut client = DdpClient::framed(&workspace.rc).await;
    client.connect().await;
    client.call("login", json!([{"resume": alice.token}])).await;
    workspace
        .post("/api/v1/logout", &json!({}))
        .by(&alice)
        .answer()
        .await
        .with(200);
    let mut last = String::new();
    while let Some(text) = client.text().await {
        last = text;
    }
    assert_eq!(last, "c[3000,\"Go away!\"]");
}

#[tokio::test]
async fn rc_3_6_deactivation_closes_every_socket_of_the_user() {
    let workspace = Workspace::with_people(Options::default()).await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let mut gone = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let mut kept = DdpClient::resumed(&workspace.rc, &bob.token).await;
    workspace.rc.set_active("alice", false);
    gone.closed().await;
    kept.is_open().await;
}

#[tokio::test]
async fn rc_3_6_a_ddp_logout_keeps_its_own_socket_open_as_nobody() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let mut client = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let mut other = DdpClient::resumed(&workspace.rc, &alice.token).await;
    client
        .subscribe("s", "stream-room-messages", "GENERAL")
        .await;
    let (before, answer) = client.call_all("logout", json!([])).await;
    assert_eq!(answer, json!({"msg": "result", "id": "call-2"}));
    let ended = before
        .iter()
        .find(|message| message["msg"] == "nosub")
        .unwrap();
    assert_eq!(ended["id"], "s");
    assert!(workspace.rc.live_tokens("alice").is_empty());
    assert_eq!(
        client.call("rooms/get", json!([])).await["error"]["error"],
        "error-invalid-user"
    );
    client.is_open().await;
    other.closed().await;
}

#[tokio::test]
async fn rc_3_6_the_expiry_job_closes_nothing() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let mut client = DdpClient::resumed(&workspace.rc, &alice.token).await;
    workspace.rc.advance(Duration::from_secs(91 * 86_400));
    workspace
        .get("/api/v1/me")
        .by(&alice)
        .answer()
        .await
        .with(401);
    client.is_open().await;
    let answer = client.call("rooms/get", json!([])).await;
    assert_eq!(answer["result"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn rc_3_6_the_cap_closes_nothing() {
    let options = Options {
        max_login_tokens: 2,
        ..Options::new(Manner::V87)
    };
    let workspace = Workspace::with_people(options).await;
    let first = workspace.log_in("alice").await;
    let mut client = DdpClient::resumed(&workspace.rc, &first.token).await;
    for _ in 0..2 {
        workspace.rc.advance(Duration::from_secs(1));
        workspace.log_in("alice").await;
    }
    assert!(!workspace.rc.live_tokens("alice").contains(&first.token));
    client.is_open().await;
}

#[tokio::test]
async fn stopping_ends_every_socket() {
    let workspace = Workspace::with_people(Options::default()).await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    workspace.rc.stop().await;
    client.closed().await;
}

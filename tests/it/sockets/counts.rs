//! Logins on sockets are counted, each once, by how they ended.

use std::time::Duration;

use lookalike::LoginFault;
use serde_json::json;

use crate::sockets::stage::{Client, Framing, call};
use crate::support::gateway::Gateway;

async fn logins(gateway: &Gateway, result: &str) -> f64 {
    let series = format!("gantry_ddp_logins_total{{result=\"{result}\"}} ");
    gateway.metric(&series).await
}

async fn client(gateway: &Gateway) -> (Client, String) {
    let token = gateway.issuer.token("alice");
    let client = Client::identified(gateway, Framing::Raw, &token).await;
    // Its credentials are not young any more: refused ones are replaced at once.
    gateway.hand.advance(Duration::from_secs(60));
    (client, token)
}

#[tokio::test]
async fn logins_that_rocketchat_lets_in_are_counted_whoever_asked_for_them() {
    let gateway = Gateway::start().await;
    let (mut client, token) = client(&gateway).await;
    client.say(call("m1", "rooms/get", &json!([]))).await;
    client.all().await;
    client.log_in("1", &token).await;
    client.all().await;
    assert_eq!(logins(&gateway, "ok").await, 2.0);
}

#[tokio::test]
async fn a_login_that_needs_a_second_try_counts_once() {
    let gateway = Gateway::start().await;
    let (mut client, token) = client(&gateway).await;
    gateway.rc.fault_login(LoginFault::Refused);
    client.log_in("1", &token).await;
    client.all().await;
    assert_eq!(logins(&gateway, "ok").await, 1.0);
    assert_eq!(logins(&gateway, "refused").await, 0.0);
}

#[tokio::test]
async fn a_login_that_rocketchat_refuses_counts_as_refused() {
    let gateway = Gateway::start().await;
    let (mut client, token) = client(&gateway).await;
    gateway.rc.fault_login(LoginFault::Refused);
    gateway.rc.fault_login(LoginFault::Refused);
    client.log_in("1", &token).await;
    client.all().await;
    assert_eq!(logins(&gateway, "refused").await, 1.0);
    assert_eq!(logins(&gateway, "ok").await, 0.0);
}

#[tokio::test]
async fn a_refusal_that_ends_the_socket_counts_too() {
    let gateway = Gateway::start().await;
    let (mut client, _) = client(&gateway).await;
    gateway.rc.fault_login(LoginFault::Refused);
    gateway.rc.fault_login(LoginFault::Refused);
    client.say(call("m1", "rooms/get", &json!([]))).await;
    assert_eq!(client.closed().await, Some(1013));
    assert_eq!(logins(&gateway, "refused").await, 1.0);
}

#[tokio::test]
async fn a_login_that_takes_too_long_counts_as_timeout() {
    let gateway =
        Gateway::configured(|config| config.websocket.login_timeout = Duration::from_secs(1)).await;
    let (mut client, token) = client(&gateway).await;
    gateway.rc.fault_login(LoginFault::Silent);
    client.log_in("1", &token).await;
    client.result("1").await;
    assert_eq!(logins(&gateway, "timeout").await, 1.0);
    assert_eq!(logins(&gateway, "ok").await, 0.0);
}

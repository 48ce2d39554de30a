//! Connections of one client.

use std::net::IpAddr;

use crate::limits::stage::{ATTACKER, BOUND, ECHO, attack, attacker, get, reached, until_reached};
use crate::support::gateway::Gateway;
use crate::support::raw::Raw;

/// Is the attacker answered on another connection? It may be closed instead.
async fn is_answered(gateway: &Gateway) -> Option<Raw> {
    let mut raw = attacker(gateway).await;
    raw.send(get(gateway, ECHO)).await;
    let answer = raw.answer().await?;
    assert_eq!(answer.status, 200);
    Some(raw)
}

#[tokio::test]
async fn a_client_over_its_share_is_cut_off_until_it_gives_some_back() {
    let gateway = Gateway::configured(|config| {
        config.listen.limits.connections_per_client = Some(3);
    })
    .await;
    attack(&gateway, async {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(is_answered(&gateway).await.expect("within its share"));
        }
        for _ in 0..20 {
            let mut over = attacker(&gateway).await;
            assert!(over.closes_within(BOUND).await);
        }
        assert_eq!(reached(&gateway, "connections-per-client").await, 20.0);
        held.pop();
        let again = async { while is_answered(&gateway).await.is_none() {} };
        let again = tokio::time::timeout(BOUND, again).await;
        again.expect("a place that was given back is given again");
    })
    .await;
    assert_eq!(reached(&gateway, "connections").await, 0.0);
    let line = ["connections_per_client", "trusted_proxies", "127.0.0.2"];
    gateway.log.until_line(&line).await;
}

#[tokio::test]
async fn no_client_can_take_all_places() {
    let gateway = Gateway::configured(|config| {
        config.listen.limits.connections = 6;
        config.listen.limits.connections_per_client = Some(3);
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(attacker(&gateway).await);
    }
    until_reached(&gateway, "connections-per-client", 47.0).await;
    attack(&gateway, async {}).await;
}

#[tokio::test]
async fn a_proxy_that_carries_everybody_has_no_share() {
    let gateway = Gateway::configured(|config| {
        config.listen.limits.connections_per_client = Some(1);
        config.listen.trusted_proxies = vec![IpAddr::from(ATTACKER).into()];
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(is_answered(&gateway).await.expect("not counted"));
    }
    assert_eq!(reached(&gateway, "connections-per-client").await, 0.0);
}

#[tokio::test]
async fn a_full_house_is_told() {
    let gateway = Gateway::configured(|config| config.listen.limits.connections = 1).await;
    let mut only = gateway.raw().await;
    only.send(get(&gateway, ECHO)).await;
    assert_eq!(only.answer().await.unwrap().status, 200);
    until_reached(&gateway, "connections", 1.0).await;
    drop(only);
    let mut next = gateway.raw().await;
    next.send(get(&gateway, ECHO)).await;
    assert_eq!(next.answer().await.unwrap().status, 200);
}

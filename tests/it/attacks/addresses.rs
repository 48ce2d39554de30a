//! Whose address Rocket.Chat counts by: the peer's, or what a trusted proxy says, and never the client's own word.

use gantry::config::Config;
use lookalike::{Manner, Options};

use crate::attacks::injection::upgrade;
use crate::support::gateway::{Gateway, Settings, slug};

const ECHO: &str = "/api/v1/gantry-test.echo";

fn trust_the_test(config: &mut Config) {
    config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

/// What Rocket.Chat is told when a client claims this chain.
async fn told(gateway: &Gateway, chain: &[&str]) -> Vec<String> {
    gateway.rc.forget_requests();
    let mut request = gateway.get(ECHO, &gateway.issuer.token("alice"));
    for entry in chain {
        request = request.header("x-forwarded-for", *entry);
    }
    let request = request.header("x-real-ip", "203.0.113.9");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let received = gateway.received(ECHO).remove(0);
    let real_ip = received.header_values("x-real-ip");
    assert_eq!(real_ip, received.header_values("x-forwarded-for"));
    real_ip.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn cve_2026_40575_a_stranger_is_its_peer_address_whatever_it_claims() {
    let gateway = Gateway::start().await;
    for chain in [
        &[][..],
        &["198.51.100.7"],
        &["198.51.100.7, 127.0.0.1"],
        &["%%"],
    ] {
        assert_eq!(told(&gateway, chain).await, ["127.0.0.1"], "{chain:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_in_one_entry() {
    let gateway = Gateway::configured(trust_the_test).await;
    for (chain, expected) in [
        (&[][..], "127.0.0.1"),
        (&["198.51.100.7"], "198.51.100.7"),
        (&["203.0.113.1, 198.51.100.7"], "198.51.100.7"),
        (&["203.0.113.1", "198.51.100.7, 127.0.0.2"], "198.51.100.7"),
        (&["2001:db8::7"], "2001:db8::7"),
    ] {
        assert_eq!(told(&gateway, chain).await, [expected], "{chain:?}");
    }
}

#[tokio::test]
async fn cve_2024_47070_a_malformed_chain_of_a_trusted_proxy_denies_everywhere() {
    let gateway = Gateway::configured(trust_the_test).await;
    let token = gateway.issuer.token("alice");
    let before = gateway.rc.requests().len();
    for chain in ["", "unknown", "198.51.100.7:443", "198.51.100.7, x", "a, b"] {
        for path in [ECHO, "/api/info", "/avatar/alice", "/channel/general"] {
            let request = gateway.get(path, &token).header("x-forwarded-for", chain);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 400, "{chain:?} {path}");
            assert_eq!(slug(answer).await, "bad-request");
        }
        let mut raw = gateway.raw().await;
        let lines = format!("Authorization: Bearer {token}\r\nX-Forwarded-For: {chain}\r\n");
        raw.send(upgrade(&lines)).await;
        assert_eq!(raw.answer().await.unwrap().status, 400, "{chain:?}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

/// Statuses of eleven requests of one person, one more than the limiter lets pass.
async fn eleven(gateway: &Gateway, username: &str, address: impl Fn(usize) -> String) -> Vec<u16> {
    let token = gateway.issuer.token(username);
    let mut statuses = Vec::new();
    for round in 0..11 {
        let request = gateway.get("/api/v1/me", &token);
        let request = request.header("x-forwarded-for", address(round));
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    statuses
}

#[tokio::test]
async fn rc_5_1_each_client_behind_a_trusted_proxy_has_its_own_rate_limit() {
    let gateway = Gateway::with(Settings {
        options: Options::new(Manner::V87),
        config: trust_the_test,
    })
    .await;
    let mut expected = vec![200; 10];
    expected.push(429);
    let here = eleven(&gateway, "alice", |_| "198.51.100.1".to_owned()).await;
    assert_eq!(here, expected);
    let there = eleven(&gateway, "bob", |_| "198.51.100.2".to_owned()).await;
    assert_eq!(there, expected);
}

#[tokio::test]
async fn ghsa_wr5q_a_claimed_address_escapes_no_rate_limit() {
    let gateway = Gateway::with(Settings {
        options: Options::new(Manner::V87),
        config: |_| {},
    })
    .await;
    let statuses = eleven(&gateway, "alice", |round| format!("198.51.100.{round}")).await;
    assert_eq!(statuses[10], 429, "{statuses:?}");
}

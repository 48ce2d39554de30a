//! Sockets that nobody is logged in on.

use gantry::config::Config;
use serde_json::json;

use crate::limits::stage::{BOUND, attack, bearer, reached};
use crate::support::gateway::Gateway;
use crate::support::raw::{Answer, Raw};
use crate::support::socket::Socket;

const ATTACKER: &str = "203.0.113.1";
const OTHER: &str = "203.0.113.2";

/// Two of a client, three in all; who the client is, the proxy in front tells.
fn few(config: &mut Config) {
    config.websocket.pending = 3;
    config.websocket.pending_per_client = Some(2);
    config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

async fn open(gateway: &Gateway, client: &str, fields: &str) -> (Raw, Answer) {
    let mut raw = gateway.raw().await;
    raw.send(format!(
        "GET /websocket HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Forwarded-For: {client}\r\n{fields}\r\n"
    ))
    .await;
    let answer = raw.answer().await.unwrap();
    (raw, answer)
}

/// Opens a socket and keeps it.
async fn opened(gateway: &Gateway, client: &str, fields: &str) -> Raw {
    let (raw, answer) = open(gateway, client, fields).await;
    assert_eq!(answer.status, 101);
    raw
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.slug().as_str()), (503, "overloaded"));
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn sockets_that_nobody_is_logged_in_on_are_few_and_known_users_get_in() {
    let gateway = Gateway::configured(few).await;
    let known = format!("Authorization: {}\r\n", bearer(&gateway));
    attack(&gateway, async {
        let _held = [
            opened(&gateway, ATTACKER, "").await,
            opened(&gateway, ATTACKER, "").await,
        ];
        for times in 1..=5 {
            assert_refused(&open(&gateway, ATTACKER, "").await.1);
            let counted = reached(&gateway, "pending-sockets-per-client").await;
            assert_eq!(counted, f64::from(times));
        }
        let _other = opened(&gateway, OTHER, "").await;
        assert_refused(&open(&gateway, OTHER, "").await.1);
        assert_eq!(reached(&gateway, "pending-sockets").await, 1.0);
        // Nothing was asked of Rocket.Chat for those that were refused.
        assert_eq!(gateway.rc.sockets(), 3);
        for client in [ATTACKER, OTHER] {
            opened(&gateway, client, &known).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_gives_the_place_back() {
    let gateway = Gateway::configured(few).await;
    let from = [("x-forwarded-for", ATTACKER)];
    let (mut socket, _) = Socket::with(&gateway, "/websocket", &from).await;
    let _second = opened(&gateway, ATTACKER, "").await;
    socket.connect_ddp().await;
    assert_refused(&open(&gateway, ATTACKER, "").await.1);
    let token = gateway.issuer.token("alice");
    let login =
        json!({ "msg": "method", "method": "login", "id": "in", "params": [{ "resume": token }] });
    socket.say(login.to_string()).await;
    let answer = socket
        .hear_until(|text| text.contains("\"result\"") && text.contains("\"in\""))
        .await;
    assert!(!answer.contains("\"error\""), "{answer}");
    opened(&gateway, ATTACKER, "").await;
}

#[tokio::test]
async fn a_socket_that_closes_gives_its_place_back() {
    let gateway = Gateway::configured(few).await;
    let held = [
        opened(&gateway, ATTACKER, "").await,
        opened(&gateway, ATTACKER, "").await,
    ];
    assert_refused(&open(&gateway, ATTACKER, "").await.1);
    drop(held);
    let again = async { while open(&gateway, ATTACKER, "").await.1.status != 101 {} };
    let again = tokio::time::timeout(BOUND, again).await;
    again.expect("a place that was given back is given again");
}

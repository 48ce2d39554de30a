//! Signs of life: the sides' own pass, and a client that is silent is asked for one.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;

use crate::sockets::played::played;
use crate::sockets::stage::CONNECT;
use crate::sockets::wire::{FIN, PING, PONG, Wire, frame, text};
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;

#[tokio::test]
async fn a_clients_ping_is_answered_by_rocketchat() {
    let (_gateway, mut client, mut server) = played().await;
    client.0.send(Message::Ping("up".into())).await.unwrap();
    assert_eq!(server.frame().await, Message::Ping("up".into()));
    server.0.flush().await.unwrap();
    let answered = client.0.next().await.unwrap().unwrap();
    assert_eq!(answered, Message::Pong("up".into()));
}

#[tokio::test]
async fn rocketchats_ping_is_answered_by_the_client() {
    let (_gateway, mut client, mut server) = played().await;
    server.0.send(Message::Ping("down".into())).await.unwrap();
    let asked = client.0.next().await.unwrap().unwrap();
    assert_eq!(asked, Message::Ping("down".into()));
    client.0.flush().await.unwrap();
    assert_eq!(server.frame().await, Message::Pong("down".into()));
}

#[tokio::test]
async fn a_silent_client_is_asked_and_lives_while_it_answers() {
    let gateway =
        Gateway::configured(|config| config.websocket.ping_interval = Duration::from_secs(1)).await;
    let token = gateway.issuer.token("alice");
    let mut wire = Wire::connected(&gateway, &token).await;
    for _ in 0..3 {
        let asked = wire.frame().await.unwrap();
        assert_eq!(asked, (FIN | PING, b"gantry".to_vec()));
        wire.write(&frame(FIN | PONG, b"gantry")).await;
    }
    wire.write(&text(r#"{"msg":"ping","id":"still here"}"#))
        .await;
    wire.until("still here").await;
}

#[tokio::test]
async fn a_client_that_never_answers_is_gone_and_so_is_its_socket_at_rocketchat() {
    let gateway =
        Gateway::configured(|config| config.websocket.ping_interval = Duration::from_millis(300))
            .await;
    let token = gateway.issuer.token("alice");
    let mut wire = Wire::open(&gateway, &token).await;
    wire.write(&text(CONNECT)).await;
    let mut pings = 0;
    while let Some((first, payload)) = wire.frame().await {
        if first == FIN | PING {
            assert_eq!(payload, b"gantry");
            pings += 1;
        }
    }
    assert_eq!(pings, 1);
    eventually("Rocket.Chat's end is closed", || gateway.rc.sockets() == 0).await;
    // The session is not over with the socket.
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
}

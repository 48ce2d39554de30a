//! A Rocket.Chat that the test plays, message by message, behind a real Gantry.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::sockets::stage::CONNECT;
use crate::support::gateway::Gateway;
use crate::support::socket::Socket;
use crate::support::switchboard::Switchboard;
use crate::support::world::World;

/// Its end of one socket.
pub(super) struct Played(pub(super) WebSocketStream<TcpStream>);

/// A Gantry, the socket of alice on it, and Rocket.Chat's end; `connect` was said and answered.
pub(super) async fn played() -> (Gateway, Socket, Played) {
    let (gateway, mut client, mut server) = opened("/websocket").await;
    client.say(CONNECT).await;
    assert_eq!(server.hear().await["msg"], "connect");
    server
        .say(r#"{"msg":"connected","session":"played"}"#)
        .await;
    client.hear().await;
    (gateway, client, server)
}

/// The same at this path, before anything was said.
pub(super) async fn opened(path: &str) -> (Gateway, Socket, Played) {
    let world = World::plain().await;
    let mut switchboard = Switchboard::before(&world.rc, "/websocket").await;
    let gateway = world
        .gantry(|config, _| config.rocketchat.url = switchboard.url())
        .await;
    gateway.until_ready().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let headers = [("authorization", bearer.as_str())];
    let agreeing = async {
        let mut call = switchboard.next().await;
        call.agree().await;
        WebSocketStream::from_raw_socket(call.stream, Role::Server, None).await
    };
    let ((client, _), server) = tokio::join!(Socket::with(&gateway, path, &headers), agreeing);
    (gateway, client, Played(server))
}

/// What Rocket.Chat answers to this login of alice's.
pub(super) fn result(gateway: &Gateway, login: &Value) -> Value {
    let id = gateway.rc.user("alice").unwrap().id;
    let result = json!({
        "id": id, "token": login["params"][0]["resume"], "type": "resume",
        "tokenExpires": { "$date": 1_999_999_999_000_u64 },
    });
    json!({ "msg": "result", "id": login["id"], "result": result })
}

impl Played {
    pub(super) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next frame of the client's.
    pub(super) async fn frame(&mut self) -> Message {
        self.0.next().await.unwrap().unwrap()
    }

    /// The next message of the client's.
    pub(super) async fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.frame().await {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Hears a login and lets it in.
    pub(super) async fn log_in(&mut self, gateway: &Gateway) {
        let login = self.hear().await;
        assert_eq!(login["method"], "login");
        self.say(&result(gateway, &login).to_string()).await;
        self.say(&json!({ "msg": "updated", "methods": [login["id"]] }).to_string())
            .await;
    }
}

//! Sockets go through Gantry, which logs in on them.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::filter::asking::Sent;
use crate::gateways::ingress::Program;
use crate::gateways::stage::Stage;
use crate::support::socket::Socket;

pub(crate) async fn a_socket_is_logged_in_and_ends_with_its_session(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    for path in ["/websocket", "/sockjs/000/abcdefgh/websocket"] {
        let url = format!("ws://{}{path}", stage.ingress.address());
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        headers.insert("x-auth-token", token.parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut socket = Socket(socket);
        let framed = path.starts_with("/sockjs");
        let say = |text: Value| match framed {
            true => json!([text.to_string()]).to_string(),
            false => text.to_string(),
        };
        socket
            .say(say(
                json!({ "msg": "connect", "version": "1", "support": ["1"] }),
            ))
            .await;
        let call = json!({ "msg": "method", "id": "m1", "method": "rooms/get", "params": [] });
        socket.say(say(call)).await;
        let heard = socket
            .hear_until(|text| text.contains("m1") && text.contains("result"))
            .await;
        assert!(!heard.contains("error"), "{heard}");
        let said = stage.gateway.rc.socket_texts().concat().concat();
        assert!(
            said.contains(&stage.auth_token()) && !said.contains(&token),
            "{said}"
        );
        for received in stage.gateway.received(path) {
            stage.check_identity(&received);
        }

        let release = Sent::new("POST", "/_gantry/release").bearer(&token);
        stage.post(&release, "").await;
        assert_eq!(socket.closed().await, Some(4401), "{path}");
        stage.alice().await;
    }
}

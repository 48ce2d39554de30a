//! A WebSocket client that speaks enough DDP to tell that somebody is there.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::gateway::Gateway;

/// Far above what any answer here needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open socket.
pub(crate) struct Socket<S = MaybeTlsStream<TcpStream>>(pub(crate) WebSocketStream<S>);

impl Socket {
    /// Opens `/websocket` with this bearer.
    pub(crate) async fn open(gateway: &Gateway, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self::with(gateway, "/websocket", &[("authorization", &bearer)])
            .await
            .0
    }

    /// Opens a socket with these headers; the handshake's answer comes with it.
    pub(crate) async fn with(
        gateway: &Gateway,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (Self, HeaderMap) {
        let url = format!("ws://{}{path}", gateway.address());
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let (socket, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
        (Self(socket), answer.headers().clone())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Opens a socket over a connection, with this bearer.
    pub(crate) async fn over(stream: S, path: &str, token: &str) -> Self {
        let mut request = format!("ws://chat.example.com{path}")
            .into_client_request()
            .unwrap();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        request.headers_mut().insert("authorization", bearer);
        let opened = tokio_tungstenite::client_async(request, stream).await;
        Self(opened.unwrap().0)
    }

    /// Says a text.
    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    /// Says a text, unless the other side has closed meanwhile, which shows when it is heard.
    pub(crate) async fn try_say(&mut self, text: impl Into<String>) {
        let _closed = self.0.send(Message::text(text.into())).await;
    }

    /// The next text.
    pub(crate) async fn hear(&mut self) -> String {
        let heard = timeout(PATIENCE, async {
            loop {
                match self.0.next().await.unwrap().unwrap() {
                    Message::Text(text) => return text.to_string(),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
        heard.await.expect("something is said")
    }

    /// Hears texts until one satisfies.
    pub(crate) async fn hear_until(&mut self, mut is_it: impl FnMut(&str) -> bool) -> String {
        loop {
            let heard = self.hear().await;
            if is_it(&heard) {
                return heard;
            }
        }
    }

    /// Greets in raw DDP and waits for the answer.
    pub(crate) async fn connect_ddp(&mut self) {
        let greeting = json!({ "msg": "connect", "version": "1", "support": ["1"] });
        self.say(greeting.to_string()).await;
        let is_connected = |text: &str| {
            serde_json::from_str::<Value>(text).is_ok_and(|said| said["msg"] == "connected")
        };
        self.hear_until(is_connected).await;
    }

    /// Is somebody there? Asks and waits for the answer, in raw DDP.
    pub(crate) async fn ping(&mut self) {
        self.say(r#"{"msg":"ping","id":"there?"}"#).await;
        self.hear_until(|text| text.contains("there?")).await;
    }

    /// Listens, for however long it takes, until the other side closes; the code of its close frame, if one came.
    pub(crate) async fn closed_told(&mut self, mut hear: impl FnMut(&str)) -> Option<u16> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(Message::Text(text))) => hear(&text),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Waits until the other side closes; the code of its close frame, if one came.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        self.closed_hearing(&mut String::new()).await
    }

    /// As [`Socket::closed`], with the texts before it.
    pub(crate) async fn closed_hearing(&mut self, heard: &mut String) -> Option<u16> {
        let closed = timeout(PATIENCE, async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(frame))) => {
                        return frame.map(|frame| frame.code.into());
                    }
                    Some(Ok(Message::Text(text))) => heard.push_str(&text),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        });
        closed.await.expect("the socket is closed")
    }
}

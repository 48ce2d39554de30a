//! A DDP client as browsers and SDKs have it, over both framings.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use lookalike::Lookalike;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far above what any answer takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection, raw or in SockJS framing.
pub(crate) struct DdpClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    framed: bool,
    calls: u32,
    /// Messages that came in a SockJS array after one that was taken.
    waiting: Vec<Value>,
}

impl DdpClient {
    /// Opens `/websocket`, without a word said.
    pub(crate) async fn raw(rc: &Lookalike) -> Self {
        Self::open(rc, "/websocket", &[]).await
    }

    /// Opens a SockJS socket, without a word said but the server's `o`.
    pub(crate) async fn framed(rc: &Lookalike) -> Self {
        let mut client = Self::open(rc, "/sockjs/123/abcdefgh/websocket", &[]).await;
        client.framed = true;
        assert_eq!(client.text().await.as_deref(), Some("o"));
        client
    }

    /// Opens a path with extra headers in the handshake.
    pub(crate) async fn open(rc: &Lookalike, path: &str, headers: &[(&str, &str)]) -> Self {
        let url = format!("{}{path}", rc.url().replace("http:", "ws:"));
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await.unwrap();
        Self {
            socket,
            framed: false,
            calls: 0,
            waiting: Vec::new(),
        }
    }

    /// Opens `/websocket` and connects.
    pub(crate) async fn connected(rc: &Lookalike) -> Self {
        let mut client = Self::raw(rc).await;
        client.connect().await;
        client
    }

    /// Opens `/websocket`, connects and resumes.
    pub(crate) async fn resumed(rc: &Lookalike, token: &str) -> Self {
        let mut client = Self::connected(rc).await;
        let answer = client.call("login", json!([{"resume": token}])).await;
        assert!(answer.get("error").is_none(), "{answer}");
        client
    }

    pub(crate) async fn connect(&mut self) {
        let support = json!(["1", "pre2", "pre1"]);
        self.send(&json!({"msg": "connect", "version": "1", "support": support}))
            .await;
        self.until(|message| message["msg"] == "connected").await;
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let text = if self.framed {
            json!([text]).to_string()
        } else {
            text
        };
        self.send_text(&text).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next text; `None` once the socket is closed.
    pub(crate) async fn text(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next.expect("the server answers in time")? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next DDP message; `None` once the socket is closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        if !self.waiting.is_empty() {
            return Some(self.waiting.remove(0));
        }
        let text = self.text().await?;
        if !self.framed {
            return Some(serde_json::from_str(&text).unwrap());
        }
        let Some(array) = text.strip_prefix('a') else {
            assert!(text == "h" || text.starts_with('c'), "{text}");
            return if text == "h" {
                Box::pin(self.next()).await
            } else {
                None
            };
        };
        let texts: Vec<String> = serde_json::from_str(array).unwrap();
        self.waiting = texts
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        Some(self.waiting.remove(0))
    }

    /// The first message that fits, and all that came before it.
    pub(crate) async fn until_all(&mut self, fits: impl Fn(&Value) -> bool) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let message = self.next().await.expect("the socket stays open");
            if fits(&message) {
                return (before, message);
            }
            before.push(message);
        }
    }

    /// The first message that fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        self.until_all(fits).await.1
    }

    /// Sends a method call and takes its result message.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.call_all(method, params).await.1
    }

    /// Sends a method call and takes its result message, with all that came before it.
    pub(crate) async fn call_all(&mut self, method: &str, params: Value) -> (Vec<Value>, Value) {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        self.send(&json!({"msg": "method", "id": id, "method": method, "params": params}))
            .await;
        self.until_all(|message| message["msg"] == "result" && message["id"] == *id)
            .await
    }

    /// Subscribes under an id; the message that answers it.
    pub(crate) async fn subscribe(&mut self, id: &str, name: &str, event: &str) -> Value {
        let params = json!([event, {"useCollection": false, "args": []}]);
        self.send(&json!({"msg": "sub", "id": id, "name": name, "params": params}))
            .await;
        self.until(|message| {
            (message["msg"] == "ready" && message["subs"] == json!([id]))
                || (message["msg"] == "nosub" && message["id"] == id)
        })
        .await
    }

    /// The next event of a stream.
    pub(crate) async fn event(&mut self, stream: &str) -> Value {
        let message =
            self.until(|message| message["msg"] == "changed" && message["collection"] == stream);
        message.await["fields"].clone()
    }

    /// Waits until the server has closed the socket.
    pub(crate) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Proves that the socket is open: a ping is answered.
    pub(crate) async fn is_open(&mut self) {
        self.send(&json!({"msg": "ping", "id": "open?"})).await;
        self.until(|message| message["msg"] == "pong" && message["id"] == "open?")
            .await;
    }
}

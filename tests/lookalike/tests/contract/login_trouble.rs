//! Trouble with logins on sockets (RC §6.3: the three parts of an answer come in no fixed order), and broken frames (RC §6.1).

use lookalike::{Latch, LoginFault, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ddp_client::DdpClient;
use crate::support::{Credentials, Workspace};

/// A connection that meets the fault with its first login.
async fn met(fault: LoginFault) -> (Workspace, DdpClient, Credentials) {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    workspace.rc.fault_login(fault);
    let client = DdpClient::connected(&workspace.rc).await;
    (workspace, client, alice)
}

async fn log_in(client: &mut DdpClient, id: &str, token: &str) {
    let params = json!([{"resume": token}]);
    let login = json!({"msg": "method", "id": id, "method": "login", "params": params});
    client.send(&login).await;
}

/// What kinds of messages come until the answer to a ping.
async fn kinds(client: &mut DdpClient) -> Vec<Value> {
    client.send(&json!({"msg": "ping"})).await;
    let (before, _) = client.until_all(|message| message["msg"] == "pong").await;
    before
        .iter()
        .map(|message| message["msg"].clone())
        .collect()
}

#[tokio::test]
async fn rc_6_3_the_parts_of_a_logins_answer_come_in_any_order() {
    for (fault, order) in [
        (LoginFault::ResultFirst, vec!["result", "updated", "added"]),
        (LoginFault::ResultLast, vec!["updated", "added", "result"]),
        (
            LoginFault::Twice,
            vec!["added", "result", "updated", "result", "updated"],
        ),
    ] {
        let (_workspace, mut client, alice) = met(fault).await;
        log_in(&mut client, "1", &alice.token).await;
        assert_eq!(kinds(&mut client).await, order);
        log_in(&mut client, "2", &alice.token).await;
        assert_eq!(
            kinds(&mut client).await,
            ["removed", "added", "result", "updated"],
            "a fault meets one login"
        );
    }
}

#[tokio::test]
async fn rc_6_3_a_refused_login_leaves_the_socket_open_and_nobody_logged_in() {
    let (_workspace, mut client, alice) = met(LoginFault::Refused).await;
    let params = json!([{"resume": alice.token}]);
    let refused = client.call("login", params.clone()).await;
    assert_eq!(refused["error"]["error"], 403);
    let anonymous = client.call("rooms/get", json!([])).await;
    assert_eq!(anonymous["error"]["error"], "error-invalid-user");
    assert_eq!(
        client.call("login", params).await["result"]["id"],
        *alice.user_id
    );
}

#[tokio::test]
async fn a_held_login_is_answered_once_the_latch_opens_and_what_follows_waits_behind_it() {
    let latch = Latch::new();
    let (workspace, mut client, alice) = met(LoginFault::Held(latch.clone())).await;
    log_in(&mut client, "1", &alice.token).await;
    latch.until_arrived(1).await;
    client.send(&json!({"msg": "ping"})).await;
    let mut other = DdpClient::resumed(&workspace.rc, &alice.token).await;
    other.is_open().await;
    latch.open();
    let (before, _) = client.until_all(|message| message["msg"] == "pong").await;
    assert!(
        before
            .iter()
            .any(|message| message["result"]["id"] == *alice.user_id)
    );
}

#[tokio::test]
async fn a_silent_login_ends_with_its_socket() {
    let (workspace, mut client, alice) = met(LoginFault::Silent).await;
    log_in(&mut client, "1", &alice.token).await;
    let mut other = DdpClient::resumed(&workspace.rc, &alice.token).await;
    other.is_open().await;
    drop(client);
    while workspace.rc.sockets() > 1 {
        other.is_open().await;
    }
}

#[tokio::test]
async fn a_login_cut_short_ends_the_connection_in_the_middle_of_a_frame() {
    let (workspace, client, alice) = met(LoginFault::CutShort).await;
    drop(client);
    let mut wire = Wire::open(&workspace).await;
    wire.send(1, br#"{"msg":"connect","version":"1","support":["1"]}"#)
        .await;
    let login = json!({"msg": "method", "id": "1", "method": "login",
                       "params": [{"resume": alice.token}]});
    wire.send(1, login.to_string().as_bytes()).await;
    let text = wire.until_end().await;
    assert!(text.contains(r#""msg":"added""#), "{text}");
    assert!(!text.contains(&alice.token), "half of the result: {text}");
    assert!(!text.ends_with('}'), "{text}");
}

#[tokio::test]
async fn rc_6_1_a_frame_with_a_reserved_bit_ends_the_connection_for_no_extension_was_agreed_on() {
    let workspace = Workspace::with_people(Options::default()).await;
    for reserved in [0x40, 0x20, 0x10] {
        let mut wire = Wire::open(&workspace).await;
        wire.send(reserved | 1, br#"{"msg":"ping"}"#).await;
        let text = wire.until_end().await;
        assert!(!text.contains("pong") && !text.contains("error"), "{text}");
        assert!(
            wire.last.contains(&1002_u16.to_be_bytes()),
            "a protocol error"
        );
    }
}

#[tokio::test]
async fn rc_6_1_no_extension_is_agreed_on_though_one_is_offered() {
    let workspace = Workspace::with_people(Options::default()).await;
    let wire = Wire::open(&workspace).await;
    assert!(wire.head.starts_with("HTTP/1.1 101"), "{}", wire.head);
    assert!(
        !wire
            .head
            .to_lowercase()
            .contains("sec-websocket-extensions")
    );
}

/// A WebSocket by hand, for what a good client cannot send or read.
struct Wire {
    stream: TcpStream,
    head: String,
    last: Last,
}

/// The bytes of the answer.
#[derive(Default)]
struct Last(Vec<u8>);

impl Last {
    fn contains(&self, bytes: &[u8]) -> bool {
        self.0.windows(bytes.len()).any(|window| window == bytes)
    }
}

impl Wire {
    async fn open(workspace: &Workspace) -> Self {
        let mut stream = TcpStream::connect(workspace.rc.address()).await.unwrap();
        let request = "GET /websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        Self {
            stream,
            head: String::from_utf8(head).unwrap(),
            last: Last::default(),
        }
    }

    /// Sends one whole masked frame with these low bits in its first byte.
    async fn send(&mut self, first: u8, text: &[u8]) {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        let mut frame = vec![0x80 | first];
        if length < 126 {
            frame.push(0x80 | length);
        } else {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        }
        // A mask of zeros leaves the text as it is.
        frame.extend([0; 4]);
        frame.extend(text);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// All that comes until the far end hangs up.
    async fn until_end(&mut self) -> String {
        // A reset after the last bytes is an end as well.
        let _ = self.stream.read_to_end(&mut self.last.0).await;
        String::from_utf8_lossy(&self.last.0).into_owned()
    }
}

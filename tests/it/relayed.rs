//! What passes through an open socket, against a Rocket.Chat that the test plays: every byte, in order, no more than fits, and no
//! frame of ours inside another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;
use crate::support::socket::Socket;
use crate::support::switchboard::{Call, Switchboard};
use crate::support::world::World;

const MIB: usize = 1024 * 1024;
/// The close frame of code 4401.
const SESSION_ENDED: [u8; 4] = [0x88, 0x02, 0x11, 0x31];

async fn staged() -> (Gateway, Switchboard) {
    let world = World::plain().await;
    let rocketchat = Switchboard::before(&world.rc, "/websocket").await;
    let gateway = world
        .gantry(|config, _| config.rocketchat.url = rocketchat.url())
        .await;
    gateway.until_ready().await;
    (gateway, rocketchat)
}

/// A client's socket and Rocket.Chat's end of it.
async fn pair(gateway: &Gateway, rocketchat: &mut Switchboard) -> (Socket, TcpStream) {
    let token = gateway.issuer.token("alice");
    let agreeing = async {
        let mut call = rocketchat.next().await;
        call.agree().await;
        call.stream
    };
    tokio::join!(Socket::open(gateway, &token), agreeing)
}

async fn server(stream: TcpStream) -> WebSocketStream<TcpStream> {
    let config = WebSocketConfig::default().max_frame_size(Some(64 * MIB));
    WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await
}

/// A client that reads bytes; the head of its 101 is behind it.
async fn raw_pair(gateway: &Gateway, rocketchat: &mut Switchboard) -> (TcpStream, TcpStream) {
    let (mut client, mut call) = raw_asked(gateway, rocketchat, b"").await;
    call.agree().await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));
    (client, call.stream)
}

async fn raw_asked(
    gateway: &Gateway,
    rocketchat: &mut Switchboard,
    early: &[u8],
) -> (TcpStream, Call) {
    let token = gateway.issuer.token("alice");
    let mut client = TcpStream::connect(gateway.address()).await.unwrap();
    let head = format!(
        "GET /websocket HTTP/1.1\r\nhost: chat\r\nauthorization: Bearer {token}\r\nconnection: Upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    client
        .write_all(&[head.as_bytes(), early].concat())
        .await
        .unwrap();
    (client, rocketchat.next().await)
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A message that nobody has to look into, of exactly this size.
fn message_of(size: usize) -> String {
    let frame = r#"{"x":""}"#.len();
    let filling: String = (0..size - frame)
        .map(|at| char::from(b'a' + (at % 23) as u8))
        .collect();
    format!(r#"{{"x":"{filling}"}}"#)
}

async fn log_out(gateway: &Gateway) {
    let token = gateway.issuer.token("alice");
    let answer = gateway
        .post("/_gantry/logout", &token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn large_messages_pass_both_ways_whole() {
    let (gateway, mut rocketchat) = staged().await;
    let (mut socket, stream) = pair(&gateway, &mut rocketchat).await;
    let mut server = server(stream).await;
    // As much as a client's message may have by default, and more than is ever held of Rocket.Chat's.
    let up = message_of(MIB);
    let down = message_of(8 * MIB);
    let (sent, heard) = tokio::join!(socket.0.send(Message::text(up.clone())), server.next(),);
    sent.unwrap();
    assert!(heard.unwrap().unwrap() == Message::text(up));
    let (sent, heard) = tokio::join!(server.send(Message::text(down.clone())), socket.0.next(),);
    sent.unwrap();
    assert!(heard.unwrap().unwrap() == Message::text(down));
}

#[tokio::test]
async fn a_slow_reader_holds_up_the_sender_and_loses_nothing() {
    let (gateway, mut rocketchat) = staged().await;
    let (mut client, mut stream) = raw_pair(&gateway, &mut rocketchat).await;
    const WHOLE: usize = 64 * MIB;
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    let sender = tokio::spawn(async move {
        let mut frame = vec![0x81, 127];
        frame.extend_from_slice(&(WHOLE as u64).to_be_bytes());
        stream.write_all(&frame).await.unwrap();
        let piece: Vec<u8> = (0..MIB).map(|at| (at % 251) as u8).collect();
        while counted.load(Ordering::Relaxed) < WHOLE {
            stream.write_all(&piece).await.unwrap();
            counted.fetch_add(piece.len(), Ordering::Relaxed);
        }
        stream
    });
    let (mut last, mut same) = (0, 0);
    eventually("the sender has to wait", || {
        let now = accepted.load(Ordering::Relaxed);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same > 50
    })
    .await;
    // What the kernel's buffers of two connections hold, and one chunk of ours.
    assert!(
        last < 40 * MIB,
        "{last} bytes were taken though nobody read"
    );
    client.read_exact(&mut [0; 10]).await.unwrap();
    let mut read = 0;
    let mut buffer = vec![0; 64 * 1024];
    while read < WHOLE {
        let got = client.read(&mut buffer).await.unwrap();
        assert_ne!(got, 0, "closed after {read}");
        for (at, byte) in buffer[..got].iter().enumerate() {
            assert_eq!(usize::from(*byte), (read + at) % MIB % 251);
        }
        read += got;
    }
    assert_eq!(read, WHOLE);
    drop(sender.await.unwrap());
}

#[tokio::test]
async fn a_clients_close_reaches_rocketchat_and_is_answered() {
    let (gateway, mut rocketchat) = staged().await;
    let (mut socket, stream) = pair(&gateway, &mut rocketchat).await;
    let mut server = server(stream).await;
    let goodbye = CloseFrame {
        code: 1000.into(),
        reason: "enough".into(),
    };
    socket.0.close(Some(goodbye.clone())).await.unwrap();
    let heard = server.next().await.unwrap().unwrap();
    assert_eq!(heard, Message::Close(Some(goodbye)));
    // The answer to it is on its way when the stream ends.
    assert!(server.next().await.is_none());
    drop(server);
    assert_eq!(socket.closed().await, Some(1000));
    eventually("the socket is forgotten", || {
        gateway
            .running
            .metrics()
            .page()
            .contains("gantry_websocket_connections 0")
    })
    .await;
}

#[tokio::test]
async fn rocketchats_close_reaches_the_client_with_its_own_code() {
    let (gateway, mut rocketchat) = staged().await;
    let (mut socket, stream) = pair(&gateway, &mut rocketchat).await;
    let mut server = server(stream).await;
    let goodbye = CloseFrame {
        code: 1012.into(),
        reason: "restarting".into(),
    };
    server.send(Message::text("last words")).await.unwrap();
    server.close(Some(goodbye)).await.unwrap();
    drop(server);
    assert_eq!(socket.hear().await, "last words");
    assert_eq!(socket.closed().await, Some(1012));
}

#[tokio::test]
async fn a_connection_that_breaks_on_one_side_is_closed_on_the_other() {
    let (gateway, mut rocketchat) = staged().await;
    let (client, mut stream) = raw_pair(&gateway, &mut rocketchat).await;
    drop(client);
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
    let (mut client, stream) = raw_pair(&gateway, &mut rocketchat).await;
    drop(stream);
    assert_eq!(client.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn an_ended_session_is_told_between_two_frames() {
    let (gateway, mut rocketchat) = staged().await;
    let (mut client, mut stream) = raw_pair(&gateway, &mut rocketchat).await;
    let message = b"\x81\x05hello";
    stream.write_all(message).await.unwrap();
    client.read_exact(&mut [0; 7]).await.unwrap();
    log_out(&gateway).await;
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, SESSION_ENDED);
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn an_ended_session_is_never_told_inside_a_frame() {
    let (gateway, mut rocketchat) = staged().await;
    let (mut client, mut stream) = raw_pair(&gateway, &mut rocketchat).await;
    // A frame of 1000 bytes, of which ten come.
    let begun = b"\x81\x7e\x03\xe80123456789";
    stream.write_all(begun).await.unwrap();
    client.read_exact(&mut [0; 14]).await.unwrap();
    log_out(&gateway).await;
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_session_that_ends_before_rocketchat_agrees_closes_the_socket_at_once() {
    let (gateway, mut rocketchat) = staged().await;
    let (mut client, mut call) = raw_asked(&gateway, &mut rocketchat, b"").await;
    log_out(&gateway).await;
    call.agree().await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, SESSION_ENDED);
}

#[tokio::test]
async fn ghsa_xq2h_p299_vjwv_nothing_of_the_client_goes_up_before_rocketchat_agreed() {
    let (gateway, mut rocketchat) = staged().await;
    let early = b"GET /api/v1/me HTTP/1.1\r\nhost: x\r\n\r\n";
    let (mut client, mut call) = raw_asked(&gateway, &mut rocketchat, early).await;
    call.answer(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")
        .await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 403 "));
    let mut got = Vec::new();
    call.stream.read_to_end(&mut got).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&got), "");
    // With agreement it does, as the first thing.
    let early = b"\x81\x87\0\0\0\0{\"x\":1}";
    let (_client, mut call) = raw_asked(&gateway, &mut rocketchat, early).await;
    call.agree().await;
    let mut got = [0; 13];
    call.stream.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, early);
}

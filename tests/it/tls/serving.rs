//! What passes under TLS, and what does not begin.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::support::gateway::Gateway;
use crate::support::http::{json as read, request, whole};
use crate::support::socket::Socket;
use crate::tls::stage::{self, Authority, FAR, Papers, shake_hands};

const ECHO: &str = "/api/v1/gantry-test.echo";

#[tokio::test]
async fn http_1_1_and_http_2_are_agreed_on_and_served() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    let token = gateway.issuer.token("alice");

    let stream = papers.connect(&gateway, "http/1.1").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut connection = stage::http1(stream).await;
    let sent = request(&gateway, ECHO, &token, whole("one"));
    let (status, said) = read(connection.send_request(sent).await.unwrap()).await;
    assert_eq!((status.as_u16(), &said["username"]), (200, &json!("alice")));

    let stream = papers.connect(&gateway, "h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut connection = stage::http2(stream).await;
    let sent = request(&gateway, ECHO, &token, whole("two"));
    let (status, said) = read(connection.send_request(sent).await.unwrap()).await;
    assert_eq!((status.as_u16(), &said["username"]), (200, &json!("alice")));

    let received = gateway.received(ECHO);
    assert_eq!(received.len(), 2);
    for request in received {
        assert_eq!(request.header("x-forwarded-proto"), Some("https"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn both_versions_are_spoken_and_a_large_answer_passes_whole() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    let token = gateway.issuer.token("alice");
    for version in [&TLS12, &TLS13] {
        let client = papers.client(&[version], None);
        let stream = shake_hands(&gateway, client).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let mut connection = stage::http1(stream).await;
        let path = "/api/v1/gantry-test.stream?chunks=64&size=65536";
        let sent = http::Request::get(path)
            .header("host", stage::NAME)
            .header("authorization", format!("Bearer {token}"))
            .body(whole(""))
            .unwrap();
        let answer = connection.send_request(sent).await.unwrap();
        let body = http_body_util::BodyExt::collect(answer.into_body()).await;
        assert_eq!(body.unwrap().to_bytes().len(), 64 * 65536);
    }
}

#[tokio::test]
async fn a_protocol_that_nobody_speaks_here_is_refused_in_the_handshake() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    let mut client = papers.client(stage::BOTH, None);
    client.alpn_protocols = vec![b"spdy/3".to_vec()];
    assert!(shake_hands(&gateway, client).await.is_err());
}

#[tokio::test]
async fn sockets_carry_frames_larger_than_any_buffer_and_end_with_their_session() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    // Where the path does not tell the framing, the first words do.
    for (name, path) in [("alice", "/websocket"), ("bob", "/websocket?a=b")] {
        let token = gateway.issuer.token(name);
        let stream = papers.connect(&gateway, "http/1.1").await;
        let mut socket = Socket::over(stream, path, &token).await;
        socket.connect_ddp().await;
        // More than TLS and the network take at once, so that something has to wait on both sides.
        let large = "x".repeat(900_000);
        socket
            .say(json!({ "msg": "ping", "id": large }).to_string())
            .await;
        socket.hear_until(|text| text.contains(&large)).await;
        socket.ping().await;
        let logout = request(&gateway, "/_gantry/logout", &token, whole(""));
        let stream = papers.connect(&gateway, "http/1.1").await;
        let answer = stage::http1(stream).await.send_request(logout).await;
        assert!(answer.unwrap().status().is_success());
        assert_eq!(socket.closed().await, Some(4401));
    }
}

#[tokio::test]
async fn plain_http_on_the_port_gets_no_answer_of_http() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    let sent = b"GET /api/v1/gantry-test.echo HTTP/1.1\r\nhost: chat.example.com\r\n\r\n";
    stream.write_all(sent).await.unwrap();
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert_eq!(gateway.received(ECHO).len(), 0);
}

#[tokio::test]
async fn a_handshake_that_stalls_is_closed_and_gives_its_place_back() {
    let papers = Papers::new();
    let gateway = papers
        .configured(papers.files(), |config| {
            config.listen.limits.header_timeout = Duration::from_millis(200);
            config.listen.limits.connections = 1;
        })
        .await;
    let mut stalling = TcpStream::connect(gateway.address()).await.unwrap();
    // The first bytes of a handshake's record, and then nothing.
    stalling.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    let mut answer = Vec::new();
    let closed = stalling.read_to_end(&mut answer);
    let closed = tokio::time::timeout(Duration::from_secs(60), closed).await;
    let _ended = closed.expect("the connection is closed");
    let stream = papers.connect(&gateway, "http/1.1").await;
    let mut connection = stage::http1(stream).await;
    let token = gateway.issuer.token("alice");
    let sent = request(&gateway, ECHO, &token, whole("one"));
    assert_eq!(connection.send_request(sent).await.unwrap().status(), 200);
    until_counted(&gateway, "timeout", 1.0).await;
}

/// Waits until this many handshakes ended so.
async fn until_counted(gateway: &Gateway, result: &str, count: f64) {
    let series = format!("gantry_tls_handshakes_total{{result=\"{result}\"}}");
    let counted = async {
        while gateway.metric(&series).await < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), counted).await;
    in_time.unwrap_or_else(|_| panic!("{result} is counted"));
    assert_eq!(gateway.metric(&series).await, count);
}

#[tokio::test]
async fn handshakes_are_counted_by_how_they_ended() {
    let papers = Papers::new();
    let ours = Authority::new();
    let gateway = papers.guarded(&ours, false).await;
    let shown = ours.issue(7, FAR);
    let good = papers.client(stage::BOTH, Some(&shown));
    shake_hands(&gateway, good).await.unwrap();
    until_counted(&gateway, "ok", 1.0).await;

    drop(TcpStream::connect(gateway.address()).await.unwrap());
    until_counted(&gateway, "closed", 1.0).await;

    let mut plain = TcpStream::connect(gateway.address()).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until_counted(&gateway, "no_tls", 1.0).await;

    let none = papers.client(stage::BOTH, None);
    let _told_later = shake_hands(&gateway, none).await;
    until_counted(&gateway, "client_certificate", 1.0).await;
    let strange = papers.client(stage::BOTH, Some(&Authority::new().issue(8, FAR)));
    let _told_later = shake_hands(&gateway, strange).await;
    until_counted(&gateway, "client_certificate", 2.0).await;

    // One that believes another authority than the one of our certificate.
    let disbelieving = Papers::new().client(stage::BOTH, Some(&shown));
    assert!(shake_hands(&gateway, disbelieving).await.is_err());
    until_counted(&gateway, "refused_by_client", 1.0).await;

    let mut other = papers.client(stage::BOTH, Some(&shown));
    other.alpn_protocols = vec![b"spdy/3".to_vec()];
    assert!(shake_hands(&gateway, other).await.is_err());
    until_counted(&gateway, "incompatible", 1.0).await;
}

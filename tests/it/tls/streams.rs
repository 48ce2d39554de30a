//! WebSockets over a stream of an HTTP/2 connection (RFC 8441), under TLS and without: the same gate, the same relay, the same end.

use std::time::Duration;

use gantry::config::Config;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::support::eventually::eventually;
use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL};
use crate::support::http::{Pieces, h2c, request, whole};
use crate::support::socket::Socket;
use crate::support::switchboard::Switchboard;
use crate::support::world::World;
use crate::tls::stage::{self, Papers};

const RAW: &str = "/websocket";
const ECHO: &str = "/api/v1/gantry-test.echo";

type Connection = SendRequest<Pieces>;
type Streamed = Socket<TokioIo<Upgraded>>;

/// What asks for a stream, with these fields besides.
fn asking(path: &str, protocol: &str, fields: &[(&str, &str)]) -> Request<Pieces> {
    let mut asking = Request::connect(format!("https://chat.example.com{path}"))
        .version(Version::HTTP_2)
        .body(whole(""))
        .unwrap();
    let protocol = Protocol::from(protocol);
    asking.extensions_mut().insert(protocol);
    for (name, value) in fields {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        asking.headers_mut().append(name, value.parse().unwrap());
    }
    asking
}

/// Asks for a socket with these fields and whatever a client sends always.
async fn ask(
    connection: &mut Connection,
    path: &str,
    fields: &[(&str, &str)],
) -> Response<Incoming> {
    let fields = [&[("sec-websocket-version", "13")], fields].concat();
    let asking = asking(path, "websocket", &fields);
    connection.send_request(asking).await.unwrap()
}

/// The socket that was agreed to.
async fn agreed(answer: Response<Incoming>) -> Streamed {
    assert_eq!(answer.status(), 200, "{answer:?}");
    for absent in ["sec-websocket-accept", "upgrade", "connection"] {
        assert!(!answer.headers().contains_key(absent), "{answer:?}");
    }
    let stream = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    Socket(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
}

async fn open(connection: &mut Connection, path: &str, token: &str) -> Streamed {
    let bearer = format!("Bearer {token}");
    agreed(ask(connection, path, &[("authorization", &bearer)]).await).await
}

/// The end of a refusal's problem type, with its status.
async fn refusal(answer: Response<Incoming>) -> (StatusCode, String) {
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    let slug = problem["type"].as_str().unwrap().rsplit('/').next();
    (status, slug.unwrap().to_owned())
}

/// A connection that has seen the server's settings.
async fn settled(mut connection: Connection, gateway: &Gateway) -> Connection {
    let url = gateway.url("/_gantry/boot.js");
    let sent = Request::get(url).body(whole("")).unwrap();
    connection.send_request(sent).await.unwrap();
    connection
}

async fn plain() -> (Gateway, Connection) {
    let gateway = Gateway::start().await;
    let connection = settled(h2c(&gateway).await, &gateway).await;
    (gateway, connection)
}

/// A login on the socket, the credentials swapped in and out, a frame larger than any window, another socket and a request beside it, and
/// the end.
async fn check_life(gateway: &Gateway, mut connection: Connection) {
    let token = gateway.issuer.token("alice");
    let mut socket = agreed(ask(&mut connection, RAW, &[("origin", PUBLIC_URL)]).await).await;
    socket.connect_ddp().await;
    let login =
        json!({ "msg": "method", "method": "login", "id": "l", "params": [{ "resume": token }] });
    socket.say(login.to_string()).await;
    let said = socket.hear_until(|text| text.contains("\"id\":\"l\"") && text.contains("result"));
    let said: Value = serde_json::from_str(&said.await).unwrap();
    let stand_in = said["result"]["token"].as_str().unwrap().to_owned();
    let live = gateway.rc.live_tokens("alice");
    assert_eq!(live.len(), 1);
    assert!(stand_in != live[0] && stand_in != token);

    let large = "x".repeat(900_000);
    socket
        .say(json!({ "msg": "ping", "id": large }).to_string())
        .await;
    socket.hear_until(|text| text.contains(&large)).await;

    let path = "/sockjs/1/abcdefgh/websocket";
    let fields = [("x-auth-token", &*stand_in)];
    let mut other = agreed(ask(&mut connection, path, &fields).await).await;
    assert_eq!(other.hear().await, "o");
    let sent = request(gateway, ECHO, &token, whole("one"));
    assert_eq!(connection.send_request(sent).await.unwrap().status(), 200);
    assert_eq!(gateway.metric("gantry_websocket_connections").await, 2.0);

    let logout = request(gateway, "/_gantry/logout", &token, whole(""));
    let answer = connection.send_request(logout).await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(other.closed().await, Some(4401));
    // The connection is there for others still.
    let sent = request(gateway, ECHO, &gateway.issuer.token("bob"), whole("two"));
    assert_eq!(connection.send_request(sent).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_socket_lives_and_ends_over_a_stream_without_tls() {
    let (gateway, connection) = plain().await;
    check_life(&gateway, connection).await;
}

#[tokio::test]
async fn a_socket_lives_and_ends_over_a_stream_under_tls() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    let stream = papers.connect(&gateway, "h2").await;
    let connection = settled(stage::http2(stream).await, &gateway).await;
    check_life(&gateway, connection).await;
}

#[tokio::test]
async fn rocket_chat_is_asked_as_ever_and_an_announced_jwt_stays_here() {
    let (gateway, mut connection) = plain().await;
    let token = gateway.issuer.token("alice");
    let offers = format!("gantry.jwt, {token}");
    let fields = [
        ("sec-websocket-protocol", &*offers),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("x-auth-token", "theirs"),
    ];
    let answer = ask(&mut connection, RAW, &fields[..2]).await;
    assert_eq!(answer.headers()["sec-websocket-protocol"], "gantry.jwt");
    agreed(answer).await.connect_ddp().await;

    let upgrade = &gateway.received(RAW)[0];
    assert_eq!(upgrade.method, "GET");
    assert!(upgrade.upgrade);
    let live = gateway.rc.live_tokens("alice");
    assert_eq!(upgrade.header_values("x-auth-token"), [&*live[0]]);
    for absent in ["sec-websocket-protocol", "sec-websocket-extensions"] {
        assert_eq!(upgrade.header(absent), None);
    }
    assert!(!format!("{upgrade:?}").contains(&token));
    // Who shows a JWT and an auth token of somebody's is looked at as over HTTP/1.1.
    let answer = ask(&mut connection, RAW, &fields[2..]).await;
    assert_eq!(refusal(answer).await.1, "invalid-token");
}

#[tokio::test]
async fn pages_of_others_get_no_socket_for_a_cookie() {
    let (gateway, mut connection) = plain().await;
    let cookie = format!("host_jwt={}", gateway.issuer.token("alice"));
    for foreign in ["https://evil.example", "null"] {
        let fields = [("cookie", &*cookie), ("origin", foreign)];
        let answer = ask(&mut connection, RAW, &fields).await;
        assert_eq!(refusal(answer).await.1, "invalid-token", "{foreign}");
    }
    assert_eq!(gateway.received(RAW).len(), 0);
    let fields = [("cookie", &*cookie), ("origin", HOST_PAGE)];
    let mut socket = agreed(ask(&mut connection, RAW, &fields).await).await;
    socket.connect_ddp().await;
}

#[tokio::test]
async fn what_is_no_proper_beginning_of_a_socket_opens_nothing() {
    let (gateway, mut connection) = plain().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let bearer = ("authorization", &*bearer);
    let version = ("sec-websocket-version", "13");
    for (path, protocol, fields) in [
        (ECHO, "websocket", &[bearer, version][..]),
        ("/channel/general", "websocket", &[bearer, version]),
        ("/assets/logo.png", "websocket", &[version]),
        ("/_gantry/session", "websocket", &[bearer, version]),
        ("/_gantry/filter/nginx", "websocket", &[bearer, version]),
        ("//websocket", "websocket", &[bearer, version]),
        (RAW, "websocket", &[bearer]),
        (RAW, "websocket", &[bearer, ("sec-websocket-version", "8")]),
        (RAW, "connect-udp", &[bearer, version]),
        (RAW, "", &[bearer, version]),
    ] {
        let asking = asking(path, protocol, fields);
        let answer = connection.send_request(asking).await.unwrap();
        let refused = (StatusCode::BAD_REQUEST, "bad-request".to_owned());
        assert_eq!(refusal(answer).await, refused, "{path} {protocol}");
    }
    // A tunnel to somewhere else is not what this is (RFC 9110 §9.3.6).
    let tunnel = Request::connect("evil.example:443").version(Version::HTTP_2);
    let answer = connection.send_request(tunnel.body(whole("")).unwrap());
    assert_eq!(answer.await.unwrap().status(), 400);
    for path in [ECHO, RAW, "/channel/general", "/assets/logo.png"] {
        assert_eq!(gateway.received(path).len(), 0, "{path}");
    }
}

#[tokio::test]
async fn an_answer_that_agrees_to_something_else_opens_no_stream() {
    let world = World::plain().await;
    let mut board = Switchboard::before(&world.rc, RAW).await;
    let url = board.url();
    let gateway = world.gantry(|config, _| config.rocketchat.url = url).await;
    gateway.until_ready().await;
    let mut connection = settled(h2c(&gateway).await, &gateway).await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let accept =
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n";
    for said in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        format!("{accept}\r\n"),
        format!("{accept}sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
    ] {
        let fields = [("authorization", &*bearer)];
        let answered = async {
            let mut call = board.next().await;
            call.answer(said.as_bytes()).await;
            call
        };
        let (answer, _call) = tokio::join!(ask(&mut connection, RAW, &fields), answered);
        let refused = (StatusCode::BAD_GATEWAY, "upstream-invalid".to_owned());
        assert_eq!(refusal(answer).await, refused, "{said}");
    }
    // A refusal passes as it is.
    let fields = [("authorization", &*bearer)];
    let answered = async {
        let mut call = board.next().await;
        let said = "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone";
        call.answer(said.as_bytes()).await;
        call
    };
    let (answer, _call) = tokio::join!(ask(&mut connection, RAW, &fields), answered);
    assert_eq!(answer.status(), 404);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "none");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_socket_with_it_and_nothing_else() {
    let (gateway, mut connection) = plain().await;
    let token = gateway.issuer.token("alice");
    let mut stays = open(&mut connection, RAW, &token).await;
    stays.connect_ddp().await;
    let mut goes = open(&mut connection, RAW, &token).await;
    goes.connect_ddp().await;
    assert_eq!(gateway.rc.sockets(), 2);
    drop(goes);
    eventually("Rocket.Chat has one socket less", || {
        gateway.rc.sockets() == 1
    })
    .await;
    stays.ping().await;
}

#[tokio::test]
async fn a_connection_with_nothing_but_a_socket_is_not_idle() {
    fn hasty(config: &mut Config) {
        config.listen.limits.idle_timeout = Duration::from_secs(1);
    }
    let gateway = Gateway::configured(hasty).await;
    let mut connection = settled(h2c(&gateway).await, &gateway).await;
    let mut socket = open(&mut connection, RAW, &gateway.issuer.token("alice")).await;
    socket.connect_ddp().await;
    // Two others come and are closed for being idle, one after the other.
    for _ in 0..2 {
        let mut idle = TcpStream::connect(gateway.address()).await.unwrap();
        let sent = b"GET /_gantry/boot.js HTTP/1.1\r\nhost: chat.example.com\r\n\r\n";
        idle.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        idle.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 "));
    }
    socket.ping().await;
    // Once the socket is over, so is the connection.
    drop(socket);
    eventually("the connection is closed", || connection.is_closed()).await;
}

#[tokio::test]
async fn a_service_that_stops_says_so_on_every_stream() {
    let (gateway, mut connection) = plain().await;
    let token = gateway.issuer.token("alice");
    let mut first = open(&mut connection, RAW, &token).await;
    let mut second = open(&mut connection, RAW, &token).await;
    first.connect_ddp().await;
    second.connect_ddp().await;
    let stopping = tokio::spawn(gateway.running.stop());
    assert_eq!(first.closed().await, Some(1001));
    assert_eq!(second.closed().await, Some(1001));
    drop((first, second));
    stopping.await.unwrap();
}

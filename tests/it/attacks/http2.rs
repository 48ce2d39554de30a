//! HTTP/2 with prior knowledge: cookie crumbs, heads made to burst, floods of resets, streams that stand still.

use std::time::Duration;

use bytes::Bytes;
use gantry::config::Config;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, begin, field, frame, kinds,
    request,
};
use crate::support::gateway::Gateway;

const ECHO: &str = "/api/v1/gantry-test.echo";
/// How long a closing that is due may take.
const BOUND: Duration = Duration::from_secs(20);

/// A GET with these further fields by a well-behaved client.
async fn get(
    gateway: &Gateway,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<Response<Bytes>, hyper::Error> {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::get(format!("http://x{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = client
        .send_request(request.body(Empty::<Bytes>::new()).unwrap())
        .await?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    drop(client);
    connection.abort();
    Ok(Response::from_parts(head, body))
}

#[tokio::test]
async fn crumbs_are_one_cookie_without_the_clients_credentials() {
    let gateway = Gateway::start().await;
    let jwt = format!("host_jwt={}", gateway.issuer.token("alice"));
    let crumbs = [
        ("cookie", "a=1"),
        ("cookie", jwt.as_str()),
        ("cookie", "rc_token=forged"),
        ("cookie", "b=2"),
        ("x_user_id", "forged"),
    ];
    let answer = get(&gateway, ECHO, &crumbs).await.unwrap();
    assert_eq!(answer.status(), 200);
    let request = gateway.received(ECHO).remove(0);
    assert_eq!(request.header_values("cookie"), ["a=1; b=2"]);
    assert_eq!(request.header_values("host"), ["chat.example.com"]);
    assert!(!format!("{request:?}").contains("forged"));
}

#[tokio::test]
async fn two_different_tokens_in_crumbs_are_refused() {
    let gateway = Gateway::start().await;
    let jwts = ["alice", "bob"].map(|name| format!("host_jwt={}", gateway.issuer.token(name)));
    let crumbs = [("cookie", jwts[0].as_str()), ("cookie", jwts[1].as_str())];
    let answer = get(&gateway, ECHO, &crumbs).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(gateway.received(ECHO).len(), 0);
}

#[tokio::test]
async fn cve_2026_47774_a_bomb_of_crumbs_is_refused() {
    let gateway = Gateway::start().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let mut bomb = vec![("cookie", "a=1"); 1000];
    bomb.push(("authorization", bearer.as_str()));
    let answer = get(&gateway, ECHO, &bomb).await.unwrap();
    assert_eq!(answer.status(), 431);
    assert!(String::from_utf8_lossy(answer.body()).contains("/too-large"));
    bomb.drain(..900);
    assert_eq!(get(&gateway, ECHO, &bomb).await.unwrap().status(), 200);
    assert_eq!(gateway.received(ECHO).len(), 1);
}

#[tokio::test]
async fn a_head_of_too_many_bytes_gets_no_further() {
    let gateway = Gateway::start().await;
    let long = "x".repeat(100 * 1024);
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let fields = [("authorization", bearer.as_str()), ("x-long", &long)];
    if let Ok(answer) = get(&gateway, ECHO, &fields).await {
        assert_eq!(answer.status(), 431);
    }
    assert_eq!(gateway.received(ECHO).len(), 0);
    assert_eq!(
        get(&gateway, ECHO, &fields[..1]).await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let gateway = Gateway::start().await;
    let mut raw = begin(&gateway, &[]).await;
    raw.send(frame(HEADERS, END_STREAM, 1, &request("GET", ECHO, "x")))
        .await;
    let more = frame(CONTINUATION, 0, 1, &field("x-long", &"x".repeat(16_000)));
    // A gigabyte would be taken by a server that holds what it is sent, or counts no frames.
    let mut frames = 0;
    while frames < 64 * 1024 && raw.send(&more).await {
        frames += 1;
    }
    assert!(frames < 64 * 1024);
    raw.rest().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let answer = get(&gateway, ECHO, &[("authorization", &bearer)]).await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn cve_2023_44487_a_flood_of_resets_ends_the_connection() {
    let gateway = Gateway::start().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let mut raw = begin(&gateway, &[]).await;
    let fields = request("GET", ECHO, &bearer);
    let mut flood = Vec::new();
    for number in 0..5000 {
        let stream = 2 * number + 1;
        flood.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    raw.send(&flood).await;
    let came = raw.rest().await;
    assert!(
        kinds(&came).contains(&GOAWAY) || came.is_empty(),
        "{:?}",
        kinds(&came)
    );
    let reached = gateway.received(ECHO).len();
    assert!(reached < 1000, "{reached} of 5000 went upstream");
    let answer = get(&gateway, ECHO, &[("authorization", &bearer)]).await;
    assert_eq!(answer.unwrap().status(), 200);
}

fn one_second(config: &mut Config) {
    config.listen.limits.header_timeout = Duration::from_millis(200);
    config.listen.limits.idle_timeout = Duration::from_millis(200);
    config.listen.limits.body_timeout = Duration::from_secs(1);
    config.listen.limits.send_timeout = Duration::from_secs(1);
    config.rocketchat.timeouts.response_header = Duration::from_secs(1);
    config.rocketchat.timeouts.call = Duration::from_secs(2);
    config.rocketchat.minting.queue_timeout = Duration::from_secs(1);
}

#[tokio::test]
async fn cve_2026_49975_streams_that_stand_still_end_the_connection() {
    let gateway = Gateway::configured(one_second).await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    // No window for any byte of an answer (RFC 9113 §6.5.2).
    let no_window = [0, 4, 0, 0, 0, 0];
    for (settings, method, path, flags) in [
        (
            &no_window[..],
            "GET",
            "/api/v1/gantry-test.stream",
            END_HEADERS | END_STREAM,
        ),
        // A body that is judged and never comes.
        (&[], "POST", "/api/v1/method.call/x", END_HEADERS),
        // A head that is begun and never ended.
        (&[], "GET", ECHO, END_STREAM),
        (&[], "", "", 0),
    ] {
        let mut raw = begin(&gateway, settings).await;
        if !path.is_empty() {
            raw.send(frame(HEADERS, flags, 1, &request(method, path, &bearer)))
                .await;
        }
        let closed = tokio::time::timeout(BOUND, raw.rest()).await;
        assert!(closed.is_ok(), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_no_path_is_refused_on_a_stream_too() {
    let gateway = Gateway::start().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let before = gateway.rc.requests().len();
    for path in ["/assets/%2e%2e/api/v1/me", "//api/v1/me", "/api/v1/me%00"] {
        let answer = get(&gateway, path, &[("authorization", &bearer)]).await;
        assert_eq!(answer.unwrap().status(), 400, "{path}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

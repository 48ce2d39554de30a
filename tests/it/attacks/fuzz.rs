//! Random bytes on the public listener: whatever comes, the server goes on and blames nobody else for it.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::support::gateway::Gateway;

/// Connections in one run: enough to meet every pair of pieces below now and then.
const CASES: u32 = 256;

/// Pieces that requests are made of, and some that they are not.
fn piece(token: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let known = vec![
        "GET ",
        "POST ",
        "PUT ",
        "OPTIONS ",
        "CONNECT ",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "/",
        "/api/v1/me",
        "/api/v1/method.call/login",
        "/api/v1/gantry-test.echo",
        "/websocket",
        "/_gantry/session",
        "/_gantry/logout",
        "?",
        "#",
        "%2e%2e",
        "//",
        ";",
        "\\",
        "*",
        "http://x/",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        " HTTP/2.0\r\n",
        "Host: x\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Connection: upgrade\r\n",
        "Connection: x-auth-token\r\n",
        "Upgrade: websocket\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Sec-WebSocket-Version: 13\r\n",
        "Expect: 100-continue\r\n",
        "Cookie: host_jwt=",
        "Origin: https://chat.example.com\r\n",
        "Content-Type: application/json\r\n",
        "X-Forwarded-For: ",
        "Trailer: x\r\n",
        "Content-Encoding: gzip\r\n",
        "\r\n",
        "\n",
        "\r",
        "\0",
        ":",
        " ",
        "5\r\nabcde\r\n",
        "0\r\n\r\n",
        "{\"message\":\"{}\"}",
        "\u{feff}",
    ];
    let head =
        |line: &str| format!("{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n");
    let heads = vec![
        head("GET /api/v1/me"),
        head("POST /api/v1/gantry-test.echo"),
        head("POST /api/v1/method.call/x"),
        head("GET /websocket"),
        head("GET /avatar/a"),
        format!("Authorization: Bearer {token}\r\n"),
        token.to_owned(),
    ];
    prop_oneof![
        4 => prop::sample::select(known).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => prop::sample::select(heads).prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..64),
        1 => "\\PC{0,20}".prop_map(String::into_bytes),
    ]
}

/// The statuses and problems of what is answered to these bytes.
async fn answers(gateway: &Gateway, bytes: &[u8]) -> Vec<(u16, String)> {
    let mut raw = gateway.raw().await;
    raw.send(bytes).await;
    raw.finish().await;
    let mut answers = Vec::new();
    // What follows a 101, or speaks HTTP/2, is no HTTP/1.1 any more.
    while let Some(answer) = raw.next_http1().await {
        let upgraded = answer.status == 101;
        answers.push((answer.status, answer.slug()));
        if upgraded {
            break;
        }
    }
    answers
}

#[test]
fn no_bytes_break_the_server() {
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(Gateway::start());
    let token = gateway.issuer.token("alice");
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let pieces = prop::collection::vec(piece(&token), 1..12);
    let result = TestRunner::new(config).run(&pieces, |pieces| {
        let bytes = pieces.concat();
        for (status, slug) in runtime.block_on(answers(&gateway, &bytes)) {
            prop_assert!(status < 500, "{status} {slug} to {}", bytes.escape_ascii());
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // Some of the bytes were a logout of the host session; another one of the same person is not touched by it.
    let other = gateway
        .issuer
        .token_with("alice", serde_json::json!({"sid": "other"}));
    let alive = runtime.block_on(async {
        gateway
            .get("/api/v1/me", &other)
            .send()
            .await
            .unwrap()
            .status()
    });
    assert_eq!(alive, 200);
}

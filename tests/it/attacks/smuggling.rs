//! Bytes that two hops could cut into different requests: refused, or cut in one way with the connection closed behind them.

use lookalike::{Fault, FaultKind, Latch};

use crate::attacks::injection::upgrade;
use crate::support::gateway::Gateway;

const ECHO: &str = "/api/v1/gantry-test.echo";

/// Whatever an attack hides would ask for this.
const HIDDEN: &str = "/api/v1/hidden";

fn bearer(gateway: &Gateway) -> String {
    format!(
        "Authorization: Bearer {}\r\n",
        gateway.issuer.token("alice")
    )
}

/// A whole request for the hidden path, believed if it were ever read as one.
fn hidden(gateway: &Gateway) -> String {
    format!(
        "GET {HIDDEN} HTTP/1.1\r\nHost: x\r\n{}\r\n",
        bearer(gateway)
    )
}

/// Sends and waits for the end: the statuses of all answers. Nothing hidden may have gone upstream.
async fn statuses(gateway: &Gateway, bytes: String) -> Vec<u16> {
    let mut raw = gateway.raw().await;
    raw.send(bytes).await;
    let mut statuses = Vec::new();
    while let Some(answer) = raw.answer().await {
        statuses.push(answer.status);
    }
    assert_eq!(gateway.received(HIDDEN).len(), 0);
    statuses
}

#[tokio::test]
async fn ghsa_xq2h_two_framings_hide_no_request_and_end_the_connection() {
    let gateway = Gateway::start().await;
    let (bearer, hidden) = (bearer(&gateway), hidden(&gateway));
    let chunked = "Transfer-Encoding: chunked\r\n";
    let length = format!("Content-Length: {}\r\n", 5 + hidden.len());
    for framings in [format!("{chunked}{length}"), format!("{length}{chunked}")] {
        let statuses = statuses(
            &gateway,
            format!("POST {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}{framings}\r\n0\r\n\r\n{hidden}"),
        )
        .await;
        assert_eq!(statuses, [400], "{framings}");
    }
    assert_eq!(gateway.received(ECHO).len(), 0);
}

#[tokio::test]
async fn two_framings_sent_ahead_of_their_turn_hide_no_request_either() {
    let (gateway, tap) = Gateway::tapped().await;
    let (bearer, hidden) = (bearer(&gateway), hidden(&gateway));
    let first = format!("GET /_gantry/session HTTP/1.1\r\nHost: x\r\n{bearer}\r\n");
    let framings = format!(
        "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n",
        5 + hidden.len()
    );
    let second =
        format!("POST {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}{framings}\r\n0\r\n\r\n{hidden}");
    assert_eq!(statuses(&gateway, first + &second).await, [200, 200]);
    assert!(
        !tap.sent_with(ECHO)
            .to_lowercase()
            .contains("content-length: ")
    );
}

#[tokio::test]
async fn cve_2026_2835_odd_framings_are_refused() {
    let gateway = Gateway::start().await;
    let (bearer, hidden) = (bearer(&gateway), hidden(&gateway));
    for framing in [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length : 5\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "\x00X: a\r\n",
    ] {
        let statuses = statuses(
            &gateway,
            format!("POST {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}{framing}\r\n0\r\n\r\n{hidden}"),
        )
        .await;
        assert!(
            statuses.is_empty() || statuses == [400],
            "{framing:?} {statuses:?}"
        );
    }
    assert_eq!(gateway.received(ECHO).len(), 0);
}

#[tokio::test]
async fn cve_2026_2835_http_1_0_knows_no_transfer_encoding() {
    let gateway = Gateway::start().await;
    let (bearer, hidden) = (bearer(&gateway), hidden(&gateway));
    let request = format!(
        "POST {ECHO} HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n{bearer}Transfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\n{hidden}"
    );
    let statuses = statuses(&gateway, request).await;
    assert!(statuses.is_empty() || statuses == [400], "{statuses:?}");
    assert_eq!(gateway.received(ECHO).len(), 0);
}

#[tokio::test]
async fn odd_chunk_sizes_end_the_connection() {
    let gateway = Gateway::start().await;
    let (bearer, hidden) = (bearer(&gateway), hidden(&gateway));
    for chunk in [
        "0x3\r\nabc\r\n",
        "-1\r\n",
        "FFFFFFFFFFFFFFFFF\r\nabc\r\n",
        "3\nabc\n",
        "\r\n3\r\nabc\r\n",
        "3 3\r\nabc\r\n",
    ] {
        let statuses = statuses(
            &gateway,
            format!(
                "POST {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n{hidden}"
            ),
        )
        .await;
        assert!(statuses.len() <= 1, "{chunk:?} {statuses:?}");
        assert!(
            statuses.iter().all(|status| *status == 400),
            "{chunk:?} {statuses:?}"
        );
    }
}

#[tokio::test]
async fn cve_2025_4366_a_body_left_unread_is_no_next_request() {
    let gateway = Gateway::start().await;
    let (bearer, hidden) = (bearer(&gateway), hidden(&gateway));
    let filling = "x".repeat(512 * 1024);
    for (path, status) in [
        ("/api/v1/users.createToken", 403),
        ("/api//v1/me", 400),
        ("/_gantry/nothing", 404),
        ("/websocket", 400),
    ] {
        for body in [hidden.clone(), format!("{filling}{hidden}")] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\n{bearer}Content-Length: {}\r\n\r\n",
                body.len()
            );
            let mut raw = gateway.raw().await;
            raw.send(&head).await;
            assert_eq!(raw.answer().await.unwrap().status, status, "{path}");
            // The connection is either closed or reads the body as one.
            raw.send(&body).await;
            raw.send(format!(
                "GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{bearer}\r\n"
            ))
            .await;
            if let Some(next) = raw.answer().await {
                assert_eq!(next.status, 200, "{path}");
            }
            assert!(raw.answer().await.is_none());
            assert_eq!(gateway.received(HIDDEN).len(), 0, "{path}");
        }
    }
}

#[tokio::test]
async fn requests_of_two_people_on_one_connection_stay_apart() {
    let gateway = Gateway::start().await;
    let mut all = String::new();
    let people = ["alice", "bob", "alice", "carol", "bob"];
    for (number, person) in people.iter().enumerate() {
        let token = gateway.issuer.token(person);
        let body = "x".repeat(number);
        all += &format!(
            "POST {ECHO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {number}\r\n\r\n{body}"
        );
    }
    let mut raw = gateway.raw().await;
    raw.send(all).await;
    for (number, person) in people.iter().enumerate() {
        let answer = raw.answer().await.unwrap();
        let echoed: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(echoed["username"], *person);
        assert_eq!(echoed["length"], number);
    }
}

#[tokio::test]
async fn ghsa_xq2h_nothing_but_the_handshake_goes_up_before_rocketchat_agreed() {
    let (gateway, tap) = Gateway::tapped().await;
    let latch = Latch::new();
    gateway
        .rc
        .fault(Fault::always("/websocket", FaultKind::Hold(latch.clone())));
    // What a frame that Rocket.Chat would take says.
    let early = "\0\0\0\0{\"x\":1}";
    let mut raw = gateway.raw().await;
    let request = upgrade(&bearer(&gateway));
    raw.send([request.as_bytes(), b"\x81\x87", early.as_bytes()].concat())
        .await;
    gateway.rc.until_called("GET", "/websocket", 1).await;
    let sent = tap.sent_with("GET /websocket");
    assert!(
        sent.ends_with("\r\n\r\n") && !sent.contains(early),
        "{sent}"
    );
    latch.open();
    assert_eq!(raw.answer().await.unwrap().status, 101);
    crate::support::eventually::eventually("the early bytes after the 101", || {
        tap.sent_with("GET /websocket").ends_with(early)
    })
    .await;
}

#[tokio::test]
async fn ghsa_xq2h_an_upgrade_that_rocketchat_refuses_leaves_ordinary_http() {
    let (gateway, tap) = Gateway::tapped().await;
    let refusal = "{\"error\":\"not now\"}".to_owned();
    gateway
        .rc
        .fault(Fault::always("/websocket", FaultKind::Status(400, refusal)));
    let bearer = bearer(&gateway);
    let mut raw = gateway.raw().await;
    let next = format!("GET /api/v1/users.createToken HTTP/1.1\r\nHost: x\r\n{bearer}\r\n");
    raw.send(upgrade(&bearer) + &next).await;
    let answer = raw.answer().await.unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, b"{\"error\":\"not now\"}");
    // What follows is judged as any request is.
    assert_eq!(raw.answer().await.unwrap().slug(), "not-permitted");
    assert!(
        !tap.sent_with("GET /websocket")
            .contains("users.createToken")
    );
}

#[tokio::test]
async fn only_a_proper_handshake_on_a_socket_path_is_an_upgrade() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    let proper = upgrade(&bearer);
    for (part, instead) in [
        ("Connection: Upgrade\r\n", ""),
        ("Connection: Upgrade\r\n", "Connection: keep-alive\r\n"),
        ("Upgrade: websocket\r\n", ""),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"),
        (
            "Sec-WebSocket-Version: 13\r\n",
            "Sec-WebSocket-Version: 8\r\n",
        ),
        ("Sec-WebSocket-Version: 13\r\n", ""),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("GET ", "POST "),
        ("HTTP/1.1", "HTTP/1.0"),
        (
            "Connection: Upgrade\r\n",
            "Connection: Upgrade\r\nContent-Length: 3\r\n",
        ),
    ] {
        let odd = proper.replacen(part, instead, 1);
        assert_ne!(odd, proper, "{part}");
        let mut raw = gateway.raw().await;
        raw.send(odd + "abc").await;
        let answer = raw.answer().await.unwrap();
        assert_eq!(answer.slug(), "bad-request", "{part:?} as {instead:?}");
    }
    assert_eq!(gateway.received("/websocket").len(), 0);

    // Elsewhere the wish to upgrade goes no further.
    let mut raw = gateway.raw().await;
    raw.send(proper.replacen("/websocket", "/api/v1/me", 1))
        .await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    let request = gateway.received("/api/v1/me").remove(0);
    assert!(!request.upgrade && request.header("connection").is_none());
}

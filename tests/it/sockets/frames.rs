//! Frames that break a rule end the socket with the code that says which, and nothing of them reaches Rocket.Chat.

use serde_json::json;

use crate::sockets::stage::{BOTH, Client, Framing, call, told};
use crate::sockets::wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, TEXT, Wire, frame, head, text};
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;

/// Every one of these ends a socket with this code.
async fn check(code: u16, all: &[(&str, Vec<u8>)]) {
    let gateway = Gateway::configured(|config| config.websocket.max_message = 64 * 1024).await;
    let token = gateway.issuer.token("alice");
    for (what, bytes) in all {
        let mut wire = Wire::connected(&gateway, &token).await;
        let before = told(&gateway).len();
        wire.write(bytes).await;
        assert_eq!(wire.close_code().await, Some(code), "{what}");
        drop(wire);
        eventually("Rocket.Chat's end is closed", || gateway.rc.sockets() == 0).await;
        assert_eq!(told(&gateway).len(), before, "{what}");
    }
}

fn of(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

#[tokio::test]
async fn a_message_above_the_limit_is_1009_before_it_has_come() {
    let part = vec![b' '; 40 * 1024];
    check(
        1009,
        &[
            ("a head that promises it", head(FIN | TEXT, 64 * 1024 + 1)),
            (
                "a head that promises everything",
                head(FIN | TEXT, usize::MAX >> 1),
            ),
            (
                "fragments that add up to it",
                of(&[frame(TEXT, &part), head(FIN | CONTINUATION, part.len())]),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_1007() {
    check(
        1007,
        &[
            (
                "a broken character",
                frame(FIN | TEXT, b"{\"msg\":\"\xff\"}"),
            ),
            ("a surrogate", frame(FIN | TEXT, b"\"\xed\xa0\x80\"")),
            ("a long form", frame(FIN | TEXT, b"\"\xc0\xaf\"")),
            ("half a character", frame(FIN | TEXT, b"\"\xc3")),
            (
                "fragments",
                of(&[
                    frame(TEXT, b"{\"msg\":\"\xc3"),
                    frame(FIN | CONTINUATION, b"(\"}"),
                ]),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_binary_message_is_1003() {
    check(
        1003,
        &[
            ("whole", frame(FIN | BINARY, b"{\"msg\":\"ping\"}")),
            ("begun", frame(BINARY, b"{")),
            ("empty", frame(FIN | BINARY, b"")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_frame_that_breaks_rfc_6455_is_1002() {
    let mut unmasked = vec![FIN | TEXT, 14];
    unmasked.extend_from_slice(b"{\"msg\":\"ping\"}");
    let not_shortest = [&[FIN | TEXT, 0x80 | 126, 0, 2, 1, 2, 3, 4][..], b"xx"].concat();
    let negative = [&[FIN | TEXT, 0xff, 0x80][..], &[0; 11]].concat();
    check(
        1002,
        &[
            ("unmasked", unmasked),
            ("reserved bit 1", frame(FIN | 0x40 | TEXT, b"x")),
            ("reserved bit 2", frame(FIN | 0x20 | TEXT, b"x")),
            ("reserved bit 3 on a ping", frame(FIN | 0x10 | PING, b"x")),
            ("a reserved data opcode", frame(FIN | 0x3, b"x")),
            ("a reserved control opcode", frame(FIN | 0xb, b"x")),
            ("a ping in fragments", frame(PING, b"x")),
            ("a ping that is too long", frame(FIN | PING, &[b'x'; 126])),
            ("a length not in its shortest form", not_shortest),
            ("a length with its first bit set", negative),
            ("a continuation of nothing", frame(FIN | CONTINUATION, b"x")),
            (
                "a text inside another",
                of(&[frame(TEXT, b"{"), frame(FIN | TEXT, b"}")]),
            ),
            ("a close of one byte", frame(FIN | CLOSE, b"x")),
            (
                "a close code of nobody's",
                frame(FIN | CLOSE, &1005_u16.to_be_bytes()),
            ),
            (
                "a close reason that is no text",
                frame(FIN | CLOSE, b"\x03\xe8\xff"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn sockjs_frames_that_are_none_are_1002() {
    for broken in [
        "{}",
        "[1]",
        "[\"a\"",
        " [\"a\"]",
        "[[\"a\"]]",
        "null",
        "a[\"x\"]",
    ] {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, Framing::SockJs, &token).await;
        client.write(vec![broken.to_owned()]).await;
        assert_eq!(client.closed().await, Some(1002), "{broken}");
        assert_eq!(told(&gateway).len(), 1, "{broken}");
    }
}

#[tokio::test]
async fn what_follows_a_broken_frame_is_not_heard() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut wire = Wire::connected(&gateway, &token).await;
    let behind = text(&call("m1", "public-settings/get", &json!([])));
    wire.write(&of(&[frame(FIN | BINARY, b"x"), behind])).await;
    assert_eq!(wire.close_code().await, Some(1003));
    assert_eq!(told(&gateway).len(), 1);
}

#[tokio::test]
async fn the_largest_message_that_is_allowed_passes() {
    for framing in BOTH {
        let gateway = Gateway::configured(|config| config.websocket.max_message = 64 * 1024).await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        let text = "x".repeat(60 * 1024);
        client.say(call("m1", "rooms/get", &json!([text]))).await;
        client.result("m1").await;
        let told = told(&gateway);
        assert_eq!(told[2]["params"][0], *text);
    }
}

//! One message in many pieces: fragments, control frames between them, TCP segments of one byte.

use serde_json::json;

use crate::sockets::stage::{CONNECT, answers, call, login, logins, names, told};
use crate::sockets::wire::{CONTINUATION, FIN, Frame, PING, PONG, TEXT, Wire, frame, text};
use crate::support::gateway::Gateway;

/// A message in fragments of so many bytes.
fn fragments(message: &str, size: usize) -> Vec<Vec<u8>> {
    let pieces: Vec<&[u8]> = message.as_bytes().chunks(size).collect();
    let last = pieces.len() - 1;
    let frames = pieces.iter().enumerate().map(|(number, piece)| {
        let opcode = if number == 0 { TEXT } else { CONTINUATION };
        let fin = if number == last { FIN } else { 0 };
        frame(fin | opcode, piece)
    });
    frames.collect()
}

/// Frames until a text that holds this; that one is the last.
async fn until(wire: &mut Wire, mention: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        let frame = wire.frame().await.expect("something is said");
        let found = String::from_utf8_lossy(&frame.1).contains(mention);
        frames.push(frame);
        if found {
            return frames;
        }
    }
}

#[tokio::test]
async fn a_login_in_fragments_is_the_same_login() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for size in [1, 7, 40] {
        let mut wire = Wire::connected(&gateway, &token).await;
        wire.write(&fragments(&login("l1", &token), size).concat())
            .await;
        let result = wire.until("\"l1\"").await;
        let real = gateway.rc.live_tokens("alice").pop().unwrap();
        assert!(!result.contains(&real));
        assert_eq!(logins(&gateway), [real]);
        assert_eq!(told(&gateway).len(), 2);
    }
}

#[tokio::test]
async fn a_denied_method_in_fragments_is_denied() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for size in [1, 3, 29] {
        let mut wire = Wire::connected(&gateway, &token).await;
        let denied = call("d1", "createToken", &json!(["x"]));
        wire.write(&fragments(&denied, size).concat()).await;
        let result = wire.until("\"d1\"").await;
        assert!(result.contains("[403]"), "{result}");
        assert_eq!(told(&gateway).len(), 1);
    }
}

#[tokio::test]
async fn control_frames_between_fragments_are_answered_at_once() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut wire = Wire::connected(&gateway, &token).await;
    let message = call("m1", "public-settings/get", &json!(["ü🚀"]));
    let parts = fragments(&message, 5);
    let (last, before) = parts.split_last().unwrap();
    for (number, part) in before.iter().enumerate() {
        wire.write(part).await;
        let payload = [number as u8];
        wire.write(&frame(FIN | PING, &payload)).await;
        wire.write(&frame(FIN | PONG, b"unasked")).await;
        let (first, answered) = wire.frame().await.unwrap();
        assert_eq!((first, answered.as_slice()), (FIN | PONG, &payload[..]));
    }
    assert_eq!(told(&gateway).len(), 1);
    wire.write(last).await;
    wire.until("\"m1\"").await;
    let heard = gateway.rc.socket_texts().pop().unwrap();
    assert_eq!(heard[1], message);
}

#[tokio::test]
async fn a_conversation_byte_by_byte_is_the_same_conversation() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut wire = Wire::open(&gateway, &token).await;
    let said = [
        text(CONNECT),
        text(&login("l1", &token)),
        frame(FIN | PING, b"in between"),
        text(&call("d1", "createToken", &json!([]))),
        fragments(&call("m1", "rooms/get", &json!([])), 11).concat(),
        text(&call("m2", "rooms/get", &json!([]))),
    ]
    .concat();
    for byte in said.chunks(1) {
        wire.write(byte).await;
    }
    let frames = until(&mut wire, "\"methods\":[\"m2\"]").await;
    let texts: Vec<serde_json::Value> = frames
        .iter()
        .filter(|(first, _)| *first == FIN | TEXT)
        .map(|(_, payload)| serde_json::from_slice(payload).unwrap())
        .filter(|said: &serde_json::Value| said.get("msg").is_some())
        .collect();
    for id in ["l1", "d1", "m1", "m2"] {
        assert_eq!(answers(&texts, id), [1, 1], "{id} {texts:?}");
    }
    let pong = (FIN | PONG, b"in between".to_vec());
    assert!(frames.contains(&pong));
    let expected = [
        "connect",
        "method login",
        "method rooms/get",
        "method rooms/get",
    ];
    assert_eq!(names(&told(&gateway)), expected);
    let real = gateway.rc.live_tokens("alice").pop().unwrap();
    let down: Vec<u8> = frames
        .into_iter()
        .flat_map(|(_, payload)| payload)
        .collect();
    assert!(!String::from_utf8_lossy(&down).contains(&real));
}

//! Where our own words go down: between Rocket.Chat's messages, never inside one.

use super::harness::*;
use crate::ddp::CloseCode;
use crate::ddp::frame::{Opcode, Sender};

const DENIED: &str = r#"{"msg":"method","method":"createToken","id":"7","params":[]}"#;

#[test]
fn an_answer_waits_for_the_end_of_a_message_in_any_number_of_parts() {
    let mut talk = Talk::logged_in();
    let message = [
        part(Opcode::Text, None, b"{\"a\":"),
        framed(Opcode::Ping, None, b""),
        part(Opcode::Continuation, None, b"1"),
        framed(Opcode::Continuation, None, b"}"),
    ]
    .concat();
    for split in 3..message.len() {
        talk.wires.down.clear();
        talk.hear_bytes(&message[..split]).unwrap();
        assert!(talk.wires.down.len() <= split);
        talk.say(DENIED);
        assert_eq!(talk.wires.down, message[..talk.wires.down.len()]);
        let next = server("{\"b\":2}");
        talk.hear_bytes(&[&message[split..], &next].concat())
            .unwrap();
        let down = frames(&talk.wires.down, Sender::Server);
        let texts: Vec<_> = down
            .iter()
            .filter(|(opcode, _)| *opcode == Opcode::Text)
            .map(|(_, text)| String::from_utf8_lossy(text))
            .collect();
        assert_eq!(texts[0], "{\"a\":1}");
        assert!(texts[1].contains("Not here."), "{texts:?}");
        assert_eq!(texts[2], r#"{"msg":"updated","methods":["7"]}"#);
        assert_eq!(texts[3], "{\"b\":2}");
    }
}

#[test]
fn a_client_that_only_provokes_refusals_is_not_read_any_more() {
    let mut talk = Talk::logged_in();
    let frame = server(SUB);
    talk.hear_bytes(&frame[..10]).unwrap();
    let denied = client(DENIED);
    let mut asked = 0;
    while !talk.conversation.holds_client() {
        assert_eq!(talk.offer(&mut denied.clone()), Ok(denied.len()));
        asked += 1;
        assert!(asked < 1000);
    }
    assert!(asked > 100);
    assert_eq!(talk.offer(&mut denied.clone()), Ok(0));
    assert!(talk.conversation.waiting.len() < 80 * 1024);
    talk.hear_bytes(&frame[10..]).unwrap();
    assert!(!talk.conversation.holds_client());
    assert_eq!(talk.conversation.waiting.capacity(), 0);
    assert_eq!(talk.went_down().len(), 1 + 2 * asked);
}

#[test]
fn many_refusals_in_one_sockjs_frame_wait_their_turn_too() {
    use crate::ddp::{Framing, Identity};
    let mut talk = Talk::connected(Framing::SockJs, Identity::Anonymous);
    let frame = server("a[\"{}\"]");
    talk.hear_bytes(&frame[..5]).unwrap();
    let empty = crate::ddp::sockjs::to_server(vec!["\"\""; 1000]);
    for _ in 0..100 {
        if talk.conversation.holds_client() {
            break;
        }
        let mut bytes = client(&empty);
        let length = bytes.len();
        assert_eq!(talk.offer(&mut bytes), Ok(length));
    }
    assert!(!talk.conversation.backlog.is_empty());
    assert!(talk.conversation.waiting.len() < 80 * 1024);
    talk.hear_bytes(&frame[5..]).unwrap();
    assert!(!talk.conversation.holds_client());
    assert_eq!(talk.went_down().len() % 1000, 1);
}

#[test]
fn nothing_waits_for_a_message_that_is_still_looked_into() {
    let mut talk = Talk::logged_in();
    talk.say(r#"{"msg":"sub","id":"5","name":"userData"}"#);
    let message = server(SUB);
    talk.hear_bytes(&message[..20]).unwrap();
    assert!(talk.wires.down.is_empty());
    assert!(talk.conversation.farewell(CloseCode::GoingAway).is_some());
    talk.say(DENIED);
    talk.hear_bytes(&message[20..]).unwrap();
    let down = talk.went_down();
    assert!(down[0].contains("Not here.") && down[2] == SUB, "{down:?}");
}

#[test]
fn nothing_is_said_behind_a_close_frame() {
    let mut talk = Talk::logged_in();
    let start = part(Opcode::Text, None, b"{");
    talk.hear_bytes(&start).unwrap();
    talk.say(DENIED);
    let close = framed(Opcode::Close, None, b"\x03\xe8");
    talk.hear_bytes(&close).unwrap();
    talk.say(DENIED);
    assert_eq!(talk.wires.down, [start, close].concat());
    assert_eq!(talk.conversation.farewell(CloseCode::Internal), None);
}

#[test]
fn a_broken_close_frame_leaves_room_for_ours() {
    let mut talk = Talk::logged_in();
    let close = framed(Opcode::Close, None, b"\x03");
    assert!(talk.hear_bytes(&close).is_err());
    assert!(talk.wires.down.is_empty());
    assert!(talk.conversation.farewell(CloseCode::Internal).is_some());
}

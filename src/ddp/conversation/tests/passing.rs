//! What passes unchanged, and what the frames may be.

use super::harness::*;
use crate::ddp::frame::{Opcode, Sender};
use crate::ddp::{CloseCode, Conversation, Framing, Identity, Violation};

#[test]
fn frames_that_need_no_change_go_up_as_they_came_and_in_one_piece() {
    let mut talk = Talk::logged_in();
    let chunk = [client(SEND), client(SUB), client(SEND)].concat();
    assert_eq!(talk.offer(&mut chunk.clone()), Ok(chunk.len()));
    assert_eq!(talk.wires.up, chunk);
    assert_eq!(talk.wires.ups, [chunk.len()]);
}

#[test]
fn a_message_in_parts_goes_up_whole_with_its_own_mask() {
    let mut talk = Talk::logged_in();
    let (start, end) = SEND.as_bytes().split_at(20);
    let mut parts = [
        part(Opcode::Text, Some(KEY), start),
        framed(Opcode::Ping, Some([9; 4]), b"alive"),
        part(Opcode::Continuation, Some([1; 4]), b""),
        framed(Opcode::Continuation, Some([2; 4]), end),
    ]
    .concat();
    talk.offer(&mut parts).unwrap();
    let ping = framed(Opcode::Ping, Some([9; 4]), b"alive");
    assert_eq!(talk.wires.up, [ping, client(SEND)].concat());
}

#[test]
fn odd_json_passes_byte_for_byte() {
    let mut talk = Talk::logged_in();
    for message in [
        "{\"msg\" : \"method\" , \"params\" : [ ] , \"id\":\"\\u0031\", \"method\":\"x\"}",
        r#"{"msg":"sub","id":7,"name":"n"}"#,
        r#"{"msg":"sub","name":"n"}"#,
        r#"{"server_id":"0"}"#,
        r#"{"msg":"ping"}"#,
        r#"{"msg":"pong","id":{"a":1}}"#,
        r#"{"msg":"unsub","id":"s1"}"#,
        r#"{"msg":"whatever","x":"\ud800","y":1e999999,"z":-0.00}"#,
        r#"{"msg":"method","method":"x","id":"1","params":["\udead",123456789012345678901234567890]}"#,
        "{}",
    ] {
        talk.say(message);
        assert_eq!(talk.went_up(), [message]);
    }
    assert!(talk.wires.down.is_empty());
}

#[test]
fn what_rocket_chat_says_passes_as_it_came() {
    let mut talk = Talk::logged_in();
    let bytes = [
        server(r#"{"server_id":"0"}"#),
        part(Opcode::Text, None, b"{\"a\":"),
        framed(Opcode::Ping, None, b"p"),
        framed(Opcode::Continuation, None, b"1}"),
        server(&"x".repeat(70_000)),
        framed(Opcode::Close, None, b"\x03\xe8bye"),
    ]
    .concat();
    for size in [1, 2, 7, 1000, bytes.len()] {
        let mut talk = Talk::logged_in();
        for chunk in bytes.chunks(size) {
            talk.hear_bytes(chunk).unwrap();
        }
        assert!(talk.wires.down == bytes, "in pieces of {size}");
    }
    talk.hear_bytes(&bytes[..3]).unwrap();
    assert_eq!(talk.wires.down, bytes[..3], "a part passes at once");
}

#[test]
fn broken_frames_end_the_socket_with_the_fitting_code() {
    for (frame, violation, code) in [
        (server("{}"), Violation::ClientFrame, 1002),
        (
            framed(Opcode::Continuation, Some(KEY), b"{}"),
            Violation::ClientFrame,
            1002,
        ),
        (vec![0xc1], Violation::ClientFrame, 1002),
        (
            [part(Opcode::Text, Some(KEY), b"{"), client("{}")].concat(),
            Violation::ClientFrame,
            1002,
        ),
        (
            framed(Opcode::Close, Some(KEY), &999_u16.to_be_bytes()),
            Violation::ClientFrame,
            1002,
        ),
        (
            framed(Opcode::Binary, Some(KEY), b"{}"),
            Violation::Binary,
            1003,
        ),
        (
            framed(Opcode::Text, Some(KEY), b"\"\xff\""),
            Violation::NotUtf8,
            1007,
        ),
        (
            framed(Opcode::Text, Some(KEY), &[b' '; MAX_MESSAGE + 1]),
            Violation::TooLarge,
            1009,
        ),
    ] {
        let mut talk = Talk::logged_in();
        assert_eq!(talk.offer(&mut frame.clone()), Err(violation));
        assert_eq!(violation.code().number(), code);
        assert!(talk.wires.up.is_empty(), "{violation}");
    }
    for frame in [client("{}"), framed(Opcode::Binary, None, b"x")] {
        let mut talk = Talk::logged_in();
        assert_eq!(talk.hear_bytes(&frame), Err(Violation::ServerFrame));
        assert!(talk.wires.down.is_empty());
    }
}

#[test]
fn the_limit_counts_all_parts_and_is_known_before_they_come() {
    let mut talk = Talk::logged_in();
    let mut first = part(Opcode::Text, Some(KEY), &[b' '; MAX_MESSAGE - 1]);
    talk.offer(&mut first).unwrap();
    let second = framed(Opcode::Continuation, Some(KEY), b"{}");
    assert_eq!(
        talk.offer(&mut second[..6].to_vec()),
        Err(Violation::TooLarge)
    );
    let mut talk = Talk::logged_in();
    let mut whole = framed(Opcode::Text, Some(KEY), &[b' '; MAX_MESSAGE]);
    assert!(talk.offer(&mut whole).is_ok());
}

#[test]
fn after_a_close_frame_nothing_counts() {
    let mut talk = Talk::logged_in();
    let close = framed(Opcode::Close, Some(KEY), b"\x03\xe8");
    let mut bytes = [close.clone(), client(SEND), vec![0xff; 30]].concat();
    let length = bytes.len();
    assert_eq!(talk.offer(&mut bytes), Ok(length));
    assert_eq!(talk.wires.up, close);
    let close = framed(Opcode::Close, None, b"\x03\xe8");
    talk.hear_bytes(&[close.clone(), vec![0xff; 30]].concat())
        .unwrap();
    assert_eq!(talk.wires.down, close);
    assert_eq!(talk.conversation.farewell(CloseCode::GoingAway), None);
    assert!(!talk.conversation.ping(&mut talk.wires));
}

#[test]
fn a_farewell_begins_only_where_a_frame_may() {
    let mut talk = Talk::logged_in();
    let farewell = |talk: &Talk| talk.conversation.farewell(CloseCode::SessionEnded);
    assert_eq!(farewell(&talk), Some([0x88, 2, 0x11, 0x31]));
    let frame = part(Opcode::Text, None, b"{\"a\":1");
    talk.hear_bytes(&frame[..1]).unwrap();
    assert!(farewell(&talk).is_some(), "a head that has not gone down");
    talk.hear_bytes(&frame[1..4]).unwrap();
    assert_eq!(farewell(&talk), None);
    talk.hear_bytes(&frame[4..]).unwrap();
    assert!(farewell(&talk).is_some(), "between two parts");
}

#[test]
fn our_ping_goes_down_and_its_pong_goes_nowhere() {
    let mut talk = Talk::logged_in();
    assert!(talk.conversation.ping(&mut talk.wires));
    let ping = std::mem::take(&mut talk.wires.down);
    let [(Opcode::Ping, payload)] = &frames(&ping, Sender::Server)[..] else {
        panic!("{ping:02x?}");
    };
    let pong = framed(Opcode::Pong, Some(KEY), payload);
    let other = framed(Opcode::Pong, Some(KEY), b"other");
    let bytes = [client(SEND), pong, other.clone(), client(SUB)].concat();
    for size in [1, 5, bytes.len()] {
        for chunk in bytes.chunks(size) {
            talk.offer(&mut chunk.to_vec()).unwrap();
        }
        let expected = [client(SEND), other.clone(), client(SUB)].concat();
        assert_eq!(std::mem::take(&mut talk.wires.up), expected);
    }
    let frame = server("{}");
    talk.hear_bytes(&frame[..3]).unwrap();
    assert!(!talk.conversation.ping(&mut talk.wires));
    assert_eq!(talk.wires.down, frame[..3]);
}

#[test]
fn a_conversation_at_rest_holds_no_buffers_and_is_small() {
    assert!(size_of::<Conversation>() <= 640);
    for framing in [Framing::Raw, Framing::SockJs] {
        let mut talk = Talk::connected(framing, Identity::Identified);
        let bytes = talk.frame_of_client(SEND);
        for byte in &bytes {
            talk.offer(&mut [*byte]).unwrap();
        }
        talk.grant();
        talk.hear(&result(1)).unwrap();
        talk.hear(&updated(1)).unwrap();
        talk.hear_bytes(&server("{}")[..1]).unwrap();
        let conversation = &talk.conversation;
        assert!(!conversation.holds_client() && !conversation.login.is_owed());
        assert_eq!(conversation.up.room() + conversation.down.room(), 0);
        assert_eq!(conversation.waiting.capacity(), 0);
        assert_eq!(conversation.backlog.capacity(), 0);
    }
}

#[test]
fn what_is_gathered_is_not_shown() {
    let mut talk = Talk::logged_in();
    let (login, result) = (client(LOGIN), server(&result(2)));
    talk.say(LOGIN);
    talk.grant();
    talk.hear_bytes(&result[..result.len() - 1]).unwrap();
    talk.offer(&mut login[..login.len() - 1].to_vec()).unwrap();
    let shown = format!("{:?} {:?}", talk.conversation, talk.conversation.login);
    assert!(
        !shown.contains(TOKEN) && !shown.contains("shown"),
        "{shown}"
    );
}

//! What the client sees of a login, and that the auth token is never part of it.

use super::harness::*;
use crate::ddp::frame::Opcode;
use crate::ddp::{Framing, Identity, Violation};

/// A conversation whose client's login, with this raw id, has been sent up.
fn sent(id: &str) -> Talk {
    let mut talk = Talk::anonymous();
    talk.say(&LOGIN.replace("\"1\"", id));
    talk.grant();
    talk.wires = Default::default();
    talk
}

fn good(number: u32, result: &str) -> String {
    format!(
        r#"{{"msg":"result","id":"{}","result":{result}}}"#,
        own_id(number)
    )
}

#[test]
fn the_result_holds_the_stand_in_and_all_else_as_it_was() {
    let mut talk = sent(r#""\u0031\/x""#);
    talk.hear(&good(
        1,
        r#"{"x":1.5,"id":"u1","token":"T","tokenExpires":{"$date":4000},"type":"resume","y":[]}"#,
    ))
    .unwrap();
    talk.hear(&updated(1)).unwrap();
    assert_eq!(
        talk.went_down(),
        [
            concat!(
                r#"{"msg":"result","id":"\u0031\/x","result":{"x":1.5,"id":"u1","token":"stand-in","#,
                r#""tokenExpires":{"$date":4000},"type":"resume","y":[]}}"#
            ),
            r#"{"msg":"updated","methods":["\u0031\/x"]}"#,
        ]
    );
}

#[test]
fn the_token_never_expires_later_than_the_session_and_always_says_when() {
    for (expires, seen) in [
        (r#","tokenExpires":{"$date":9000}"#, 5000),
        (r#","tokenExpires":{"$date":4999}"#, 4999),
        (r#","tokenExpires":{"$date":"soon"}"#, 5000),
        (r#","tokenExpires":{"$date":null}"#, 5000),
        (r#","tokenExpires":"2030-01-01""#, 5000),
        (r#","tokenExpires":null"#, 5000),
        ("", 5000),
    ] {
        let mut talk = sent("\"1\"");
        talk.hear(&good(1, &format!(r#"{{"id":"u1","token":"T"{expires}}}"#)))
            .unwrap();
        let down = talk.went_down();
        let wanted = format!(r#""tokenExpires":{{"$date":{seen}}}"#);
        assert!(down[0].contains(&wanted), "{down:?}");
    }
    let mut talk = sent("\"1\"");
    talk.hear(&good(1, r#"{"id":"u1"}"#)).unwrap();
    assert!(talk.went_down()[0].contains(r#""token":"stand-in""#));
}

#[test]
fn another_user_than_the_credentials_name_ends_the_socket() {
    for result in [
        r#"{"id":"u2","token":"T"}"#,
        r#"{"token":"T"}"#,
        r#"{"id":["u1"],"token":"T"}"#,
    ] {
        let mut talk = sent("\"1\"");
        assert_eq!(talk.hear(&good(1, result)), Err(Violation::AnotherUser));
        assert!(talk.wires.down.is_empty());
    }
    for result in ["null", "[]"] {
        let mut talk = sent("\"1\"");
        assert_eq!(
            talk.hear(&good(1, result)),
            Err(Violation::ServerUnreadable)
        );
    }
}

#[test]
fn a_token_that_stands_elsewhere_too_ends_the_socket() {
    for message in [
        good(
            1,
            &format!(r#"{{"id":"u1","token":"T","again":"{TOKEN}"}}"#),
        ),
        format!(r#"{{"msg":"added","fields":{{"x":"{TOKEN}"}}}}"#),
        format!(r#"{{"msg":"error","offendingMessage":{{"x":"{TOKEN}"}}}}"#),
        error(1, &format!("\"{TOKEN}\"")),
    ] {
        let mut talk = sent("\"1\"");
        assert_eq!(talk.hear(&message), Err(Violation::TokenDown), "{message}");
        assert!(talk.wires.down.is_empty());
        assert_eq!(Violation::TokenDown.code().number(), 1011);
    }
}

#[test]
fn an_updated_that_comes_first_follows_the_result() {
    let mut talk = sent("\"1\"");
    let other = r#"{"msg":"updated","methods":["5"]}"#;
    talk.hear(&updated(1)).unwrap();
    talk.hear(other).unwrap();
    talk.hear(&result(1)).unwrap();
    let down = talk.went_down();
    assert_eq!(down[0], other);
    assert!(down[1].contains("stand-in"));
    assert_eq!(down[2], r#"{"msg":"updated","methods":["1"]}"#);
}

#[test]
fn only_our_id_is_changed_among_the_updated() {
    let mut talk = sent("\"1\"");
    talk.hear(&result(1)).unwrap();
    talk.went_down();
    let several = format!(r#"{{"msg":"updated","methods":["5","{}","6"]}}"#, own_id(1));
    talk.hear(&several).unwrap();
    assert_eq!(
        talk.went_down(),
        [r#"{"msg":"updated","methods":["5","1","6"]}"#]
    );
    let mut talk = Talk::identified();
    talk.say(SEND);
    talk.grant();
    talk.hear(&several).unwrap();
    assert_eq!(
        talk.went_down(),
        [r#"{"msg":"updated","methods":["5","6"]}"#]
    );
}

#[test]
fn an_answer_given_twice_reaches_the_client_once() {
    let answers = [
        result(1),
        result(1),
        updated(1),
        updated(1),
        result(1),
        error(1, "403"),
    ];
    let mut talk = sent("\"1\"");
    for answer in &answers {
        talk.hear(answer).unwrap();
    }
    talk.hear(&result(7)).unwrap();
    talk.hear(SEND).unwrap();
    let down = talk.went_down();
    assert_eq!(down.len(), 3);
    assert_eq!(down[1..], [r#"{"msg":"updated","methods":["1"]}"#, SEND]);
    assert!(talk.conversation.asks().is_none());
}

#[test]
fn an_answer_given_again_much_later_never_reaches_the_client_however_it_is_split() {
    let again = server(&error(1, "500"));
    for split in 0..again.len() {
        let mut talk = Talk::logged_in();
        let (first, second) = again.split_at(split);
        talk.hear_bytes(first).unwrap();
        let heard = talk.hear_bytes(second);
        match heard {
            Ok(()) => assert!(talk.wires.down.is_empty(), "at {split}"),
            Err(violation) => assert_eq!(violation, Violation::AnsweredAgain, "at {split}"),
        }
        assert!(talk.wires.down.len() <= split, "at {split}");
    }
}

#[test]
fn a_message_that_only_mentions_an_id_of_ours_passes() {
    let nosub = format!(r#"{{"msg":"nosub","id":"{}"}}"#, own_id(1));
    for mut talk in [sent("\"1\""), Talk::logged_in()] {
        talk.hear(&nosub).unwrap();
        assert_eq!(talk.went_down(), [nosub.as_str()]);
    }
}

#[test]
fn sockjs_answers_are_swapped_inside_their_array() {
    let quote = crate::ddp::sockjs::quote;
    for identity in [Identity::Anonymous, Identity::Identified] {
        let mut talk = Talk::connected(Framing::SockJs, identity);
        talk.say(if identity == Identity::Anonymous {
            LOGIN
        } else {
            SEND
        });
        talk.grant();
        let ping = r#""{\"msg\":\"p\u0069ng\"}""#;
        let array = format!("a[{ping},{},{}]", quote(&result(1)), quote(&updated(1)));
        let whole = [server("h"), server(&array), server("h")].concat();
        talk.hear_bytes(&whole).unwrap();
        let down = talk.went_down();
        if identity == Identity::Identified {
            assert_eq!(down, ["h", &format!("a[{ping}]"), "h"]);
            continue;
        }
        assert!(down[1].starts_with(&format!(r#"a[{ping},"{{\"msg\":\"result\""#)));
        assert!(down[1].contains(r#"\"token\":\"stand-in\""#));
        assert!(down[1].ends_with(r#""{\"msg\":\"updated\",\"methods\":[\"1\"]}"]"#));
        assert_eq!(down.len(), 3);
    }
    let mut talk = Talk::connected(Framing::SockJs, Identity::Identified);
    talk.say(SEND);
    talk.grant();
    talk.hear(&result(1)).unwrap();
    talk.hear(&updated(1)).unwrap();
    assert!(talk.wires.down.is_empty(), "an empty array is not sent");
}

#[test]
fn the_token_is_found_in_passing_over_every_split() {
    let text = format!(r#"{{"msg":"changed","fields":"{TOKEN}"}}"#);
    let whole = server(&text);
    let (start, end) = text.as_bytes().split_at(40);
    let parts = [
        part(Opcode::Text, None, start),
        framed(Opcode::Pong, None, b"between"),
        part(Opcode::Continuation, None, b""),
        framed(Opcode::Continuation, None, end),
    ]
    .concat();
    // A control frame between the parts may go down whole before the rest is looked through.
    let pong_ends = parts.len() - framed(Opcode::Continuation, None, end).len() - 2;
    for (bytes, harmless) in [(&whole, 0), (&parts, pong_ends)] {
        for split in 0..bytes.len() {
            let mut talk = Talk::logged_in();
            let (first, second) = bytes.split_at(split);
            let heard = talk
                .hear_bytes(first)
                .and_then(|()| talk.hear_bytes(second));
            assert_eq!(heard, Err(Violation::TokenDown), "at {split}");
            let most = split.max(harmless);
            assert!(
                talk.wires.down.len() <= most,
                "nothing that completes it, at {split}"
            );
        }
        let mut talk = Talk::logged_in();
        let heard = bytes.iter().try_for_each(|byte| talk.hear_bytes(&[*byte]));
        assert_eq!(heard, Err(Violation::TokenDown));
    }
    let mut talk = Talk::logged_in();
    let ping = framed(Opcode::Ping, None, TOKEN.as_bytes());
    assert_eq!(talk.hear_bytes(&ping), Err(Violation::TokenDown));
}

#[test]
fn secrets_are_scrubbed_from_the_first_call_that_may_bring_them() {
    let secret = r#"{"msg":"result","id":"5","result":"SECRET"}"#;
    for call in [
        r#"{"msg":"method","method":"getUserData","id":"5","params":[]}"#,
        r#"{"msg":"sub","id":"5","name":"userData"}"#,
    ] {
        let mut talk = Talk::logged_in();
        talk.hear(secret).unwrap();
        assert_eq!(talk.went_down(), [secret]);
        talk.say(call);
        assert_eq!(talk.went_up(), [call]);
        let odd = r#"{ "msg" : "changed", "x":1.50 }"#;
        for heard in [secret, odd, secret] {
            talk.hear(heard).unwrap();
        }
        let clean = secret.replace("SECRET", "gone");
        assert_eq!(talk.went_down(), [&clean, odd, &clean]);
        let heard = talk.hear("UNREADABLE");
        assert_eq!(heard, Err(Violation::ServerUnreadable));
        assert!(talk.wires.down.is_empty());
    }
}

#[test]
fn what_is_looked_into_has_a_limit_and_what_passes_has_none() {
    let huge = server(&format!("\"{}\"", "x".repeat(4 * 1024 * 1024)));
    let mut talk = Talk::logged_in();
    talk.hear_bytes(&huge).unwrap();
    assert!(talk.wires.down == huge);
    let mut talk = sent("\"1\"");
    assert_eq!(talk.hear_bytes(&huge[..20]), Err(Violation::ServerTooLarge));
    assert_eq!(Violation::ServerTooLarge.code().number(), 1011);
}

//! What is refused, and how.

use super::harness::*;
use crate::ddp::{Ask, Framing, Identity, Violation};

const NOT_LOGGED_IN: &str = concat!(
    r#""error":{"isClientSafe":true,"error":403,"reason":"You must be logged in to do this.","#,
    r#""message":"You must be logged in to do this. [403]","errorType":"Meteor.Error"}}"#
);

const DENIED: &str = concat!(
    r#""error":{"isClientSafe":true,"error":"denied","reason":"Not here.","#,
    r#""message":"Not here. [denied]","errorType":"Meteor.Error"}}"#
);

/// Never goes up, is answered with an error message of this reason, and the socket stays open.
fn unread(message: &str, reason: &str) {
    for mut talk in [Talk::logged_in(), Talk::anonymous(), Talk::identified()] {
        talk.say(message);
        assert!(talk.wires.up.is_empty(), "{message}");
        let answer = format!(r#"{{"msg":"error","reason":"{reason}"}}"#);
        assert_eq!(talk.went_down(), [answer], "{message}");
        assert!(talk.conversation.asks().is_none());
        talk.say(r#"{"msg":"ping"}"#);
        assert!(!talk.wires.up.is_empty(), "{message}");
    }
}

#[test]
fn what_is_no_message_without_doubt_is_a_parse_error() {
    for message in [
        "",
        "x",
        "[]",
        "null",
        "7",
        "\"method\"",
        "{\"msg\":\"ping\"",
        "{\"msg\":\"ping\"}{}",
        "\u{feff}{\"msg\":\"ping\"}",
        r#"{"msg":["method"],"method":"x","id":"1"}"#,
        r#"{"msg":null}"#,
        r#"{"msg":1}"#,
        r#"{"msg":"\ud800"}"#,
        r#"{"msg":"ping","msg":"method"}"#,
        r#"{"msg":"ping","\u006dsg":"method"}"#,
        r#"{"msg":"method","method":"x","method":"login","id":"1"}"#,
        r#"{"msg":"sub","name":"x","n\u0061me":"y","id":"1"}"#,
        r#"{"msg":"method","method":"x","id":"1","id":"2"}"#,
        r#"{"msg":"method","method":"x","id":"1","params":[],"params":["bad"]}"#,
        r#"{"msg":"ping","method":["login"]}"#,
        r#"{"msg":"ping","name":{}}"#,
        r#"{"$escape":{"msg":"method","method":"login"}}"#,
        r#"{"msg":"ping","\u0024type":"x"}"#,
        r#"{"msg":"ping","$":1}"#,
        r#"{"__proto__":{"msg":"method","method":"login","id":"1"}}"#,
        r#"{"msg":"ping","__pr\u006fto__":{}}"#,
    ] {
        unread(message, "Parse error");
    }
}

#[test]
fn a_text_that_nests_to_the_ground_is_refused_and_not_climbed() {
    let nested = |depth: usize| {
        let params = "[".repeat(depth) + &"]".repeat(depth);
        format!(r#"{{"msg":"method","method":"x","id":"1","params":{params}}}"#)
    };
    unread(&nested(64), "Parse error");
    unread(&nested(1900), "Parse error");
    let mut talk = Talk::logged_in();
    talk.say(&nested(63));
    assert_eq!(talk.went_up(), [nested(63)]);
    let text = format!(r#"{{"msg":"ping","x":"\"{}"}}"#, "[".repeat(1000));
    talk.say(&text);
    assert_eq!(talk.went_up(), [text]);
}

#[test]
fn methods_and_subscriptions_without_their_parts_are_malformed() {
    for message in [
        r#"{"msg":"method","method":"x","id":7}"#,
        r#"{"msg":"method","method":"x"}"#,
        r#"{"msg":"method","id":"1"}"#,
        r#"{"msg":"method","method":["login"],"id":"1"}"#,
        r#"{"msg":"method","method":"","id":"1"}"#,
        r#"{"msg":"method","method":"log\ud800in","id":"1"}"#,
        r#"{"m\u0073g":"meth\u006fd","method":null,"id":"1"}"#,
    ] {
        unread(message, "Malformed method invocation");
    }
    for message in [
        r#"{"msg":"sub","id":"1"}"#,
        r#"{"msg":"sub","id":"1","name":["x"]}"#,
        r#"{"msg":"sub","name":"denied"}"#,
    ] {
        unread(message, "Malformed subscription");
    }
}

#[test]
fn an_id_that_is_ours_is_malformed() {
    for id in [own_id(1), own_id(99), own_id(1).replace('g', "\\u0067")] {
        let message = format!(r#"{{"msg":"method","method":"x","id":"{id}","params":[]}}"#);
        unread(&message, "Malformed method invocation");
    }
}

#[test]
fn a_denied_method_is_answered_and_never_goes_up() {
    for message in [
        r#"{"msg":"method","method":"createToken","id":"7\u0030","params":[]}"#,
        r#"{"id":"7\u0030","params":[],"method":"cr\u0065ateToken","msg":"meth\u006fd"}"#,
        r#"{"msg":"method","method":"byParams","id":"7\u0030","params":["bad"]}"#,
    ] {
        for mut talk in [Talk::logged_in(), Talk::anonymous(), Talk::identified()] {
            talk.say(message);
            assert!(talk.wires.up.is_empty(), "{message}");
            assert!(talk.conversation.asks().is_none());
            assert_eq!(
                talk.went_down(),
                [
                    format!(r#"{{"msg":"result","id":"7\u0030",{DENIED}"#),
                    r#"{"msg":"updated","methods":["7\u0030"]}"#.to_owned(),
                ]
            );
        }
    }
}

#[test]
fn a_denied_subscription_is_answered_and_never_goes_up() {
    let mut talk = Talk::logged_in();
    talk.say(r#"{"msg":"sub","id":7,"name":"d\u0065nied"}"#);
    assert!(talk.wires.up.is_empty());
    let nosub = format!(r#"{{"msg":"nosub","id":7,{DENIED}"#);
    assert_eq!(talk.went_down(), [nosub]);
    talk.say(r#"{"msg":"sub","id":"8","name":"login"}"#);
    assert!(talk.wires.up.is_empty());
    assert_eq!(talk.went_down().len(), 1);
}

#[test]
fn nobody_gets_further_than_what_logging_in_takes() {
    let mut talk = Talk::anonymous();
    talk.say(SEND);
    talk.say(SUB);
    assert!(talk.wires.up.is_empty());
    assert_eq!(
        talk.went_down(),
        [
            format!(r#"{{"msg":"result","id":"5",{NOT_LOGGED_IN}"#),
            r#"{"msg":"updated","methods":["5"]}"#.to_owned(),
            format!(r#"{{"msg":"nosub","id":"s1",{NOT_LOGGED_IN}"#),
        ]
    );
    for message in [
        r#"{"msg":"method","method":"boot","id":"1","params":[]}"#,
        r#"{"msg":"sub","name":"boot","id":"1"}"#,
        r#"{"msg":"ping"}"#,
        r#"{"msg":"pong"}"#,
        r#"{"msg":"unsub","id":"1"}"#,
    ] {
        talk.say(message);
        assert_eq!(talk.went_up(), [message]);
    }
    assert!(!talk.conversation.logged_in());
    assert!(Talk::identified().conversation.logged_in());
    assert!(Talk::logged_in().conversation.logged_in());
}

#[test]
fn a_logout_is_answered_and_ends_the_session() {
    let logout = r#"{"msg":"method","method":"logout","id":"9","params":[]}"#;
    for mut talk in [Talk::logged_in(), Talk::identified()] {
        let mut bytes = [client(logout), client(SEND)].concat();
        assert_eq!(talk.offer(&mut bytes), Ok(client(logout).len()));
        assert!(talk.wires.up.is_empty());
        assert!(matches!(talk.conversation.asks(), Some(Ask::End)));
        assert!(talk.conversation.asks().is_none());
        assert!(talk.conversation.holds_client());
        let answers = [
            r#"{"msg":"result","id":"9"}"#,
            r#"{"msg":"updated","methods":["9"]}"#,
        ];
        assert_eq!(talk.went_down(), answers);
    }
    let mut talk = Talk::anonymous();
    talk.say(logout);
    assert!(talk.conversation.asks().is_none());
    assert!(!talk.conversation.holds_client());
    assert_eq!(talk.went_down().len(), 2);
}

#[test]
fn sockjs_messages_that_pass_go_up_in_a_frame_of_their_own_beside_denied_ones() {
    let mut talk = Talk::connected(Framing::SockJs, Identity::Identified);
    talk.say(SEND);
    talk.grant();
    talk.hear(&result(1)).unwrap();
    talk.hear(&updated(1)).unwrap();
    talk.wires = Wires::default();
    let denied = r#""{\"msg\":\"method\",\"method\":\"createToken\",\"id\":\"1\"}""#;
    let (one, two) = (r#""{\"msg\":\"pi\u006eg\"}""#, r#""{\"msg\":\"pong\"}""#);
    let all = format!("[ {one},{two} ]");
    talk.offer(&mut client(&all)).unwrap();
    assert_eq!(talk.went_up(), [all], "as it came");
    talk.offer(&mut client(&format!("[{one},{denied},{two},\"\\ud800\"]")))
        .unwrap();
    assert_eq!(talk.went_up(), [format!("[{one},{two}]")]);
    let down = talk.went_down();
    assert_eq!(down.len(), 3);
    assert!(down[0].starts_with(r#"a["{\"msg\":\"result\",\"id\":\"1\",\"error\":"#));
    assert_eq!(down[1], r#"a["{\"msg\":\"updated\",\"methods\":[\"1\"]}"]"#);
    assert_eq!(
        down[2],
        r#"a["{\"msg\":\"error\",\"reason\":\"Parse error\"}"]"#
    );
    talk.offer(&mut client(one)).unwrap();
    assert_eq!(talk.went_up(), [one], "one string without an array");
    talk.offer(&mut client("")).unwrap();
    assert_eq!(talk.went_up(), [""]);
}

#[test]
fn broken_sockjs_framing_ends_the_socket() {
    for frame in ["{\"msg\":\"ping\"}", " [\"{}\"]", "[1]", "[\"{}\"", "x"] {
        let mut talk = Talk::connected(Framing::SockJs, Identity::Identified);
        assert_eq!(talk.offer(&mut client(frame)), Err(Violation::SockJs));
        assert_eq!(Violation::SockJs.code().number(), 1002);
        assert!(talk.wires.up.is_empty());
    }
}

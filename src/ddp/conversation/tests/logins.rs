//! How a login comes about, fails, and what waits for it.

use super::harness::*;
use crate::ddp::{Ask, Framing, Identity, Refusal, Violation};

const NO_LOGIN: &str = concat!(
    r#"{"msg":"result","id":"1","error":{"isClientSafe":true,"error":403,"#,
    r#""reason":"Log in at the host application; its token is the only way in.","#,
    r#""message":"Log in at the host application; its token is the only way in. [403]","#,
    r#""errorType":"Meteor.Error"}}"#
);

const LOGGED_OUT: &str = concat!(
    r#"{"msg":"result","id":"1","error":{"isClientSafe":true,"error":403,"#,
    r#""reason":"You've been logged out by the server. Please log in again.","#,
    r#""message":"You've been logged out by the server. Please log in again. [403]","#,
    r#""errorType":"Meteor.Error"}}"#
);

const UPDATED: &str = r#"{"msg":"updated","methods":["1"]}"#;

fn claimed(talk: &mut Talk) -> String {
    match talk.conversation.asks() {
        Some(Ask::Claim(bearer)) => bearer.reveal().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_login_asks_who_that_is_and_ours_goes_up_in_its_place() {
    let mut talk = Talk::anonymous();
    talk.say(r#"{"msg":"method","method":"log\u0069n","id":"1","params":[{"r\u0065sume":"sh\u006fwn"}]}"#);
    assert_eq!(claimed(&mut talk), "shown");
    assert!(talk.conversation.asks().is_none(), "asked once");
    assert!(talk.conversation.holds_client() && !talk.conversation.awaits_login());
    assert!(talk.wires.up.is_empty() && talk.wires.down.is_empty());
    talk.grant();
    assert_eq!(talk.went_up(), [our_login(1)]);
    assert!(talk.conversation.holds_client() && talk.conversation.awaits_login());
    assert!(!talk.conversation.logged_in());
    talk.hear(&result(1)).unwrap();
    assert!(!talk.conversation.holds_client() && !talk.conversation.awaits_login());
    assert!(talk.conversation.logged_in());
}

#[test]
fn only_a_resume_of_one_string_is_a_login() {
    let long = format!(r#"[{{"resume":"{}"}}]"#, "x".repeat(16 * 1024 + 1));
    for params in [
        r#"[{"user":{"username":"a"},"password":"b"}]"#,
        r#"[{"resume":"a","password":"b"}]"#,
        r#"[{"resume":"a","resume":"b"}]"#,
        r#"[{"resume":"a"},{}]"#,
        r#"[{"resume":"a"},null]"#,
        r#"[{"resume":{"$gt":""}}]"#,
        r#"[{"resume":["a"]}]"#,
        r#"[{"resume":null}]"#,
        r#"[{"resume":7}]"#,
        r#"[{"resume":""}]"#,
        r#"[{"resume":"\ud800"}]"#,
        r#"[["a"]]"#,
        r#"["a"]"#,
        r#"[{"$escape":{"resume":"a"}}]"#,
        r#"[{}]"#,
        "[]",
        r#"{"resume":"a"}"#,
        "null",
        &long,
    ] {
        let mut talk = Talk::anonymous();
        let message = format!(r#"{{"msg":"method","method":"login","id":"1","params":{params}}}"#);
        if message.len() > MAX_MESSAGE {
            assert!(crate::ddp::swap::resume(serde_json::from_str(params).ok()).is_none());
            continue;
        }
        talk.say(&message);
        assert_eq!(talk.went_down(), [NO_LOGIN, UPDATED], "{params}");
        assert!(talk.wires.up.is_empty() && talk.conversation.asks().is_none());
    }
    let mut talk = Talk::anonymous();
    talk.say(r#"{"msg":"method","method":"login","id":"1"}"#);
    assert_eq!(talk.went_down(), [NO_LOGIN, UPDATED]);
}

#[test]
fn what_stands_behind_a_login_is_left_and_taken_later() {
    let mut talk = Talk::anonymous();
    let login = client(LOGIN);
    let rest = [client(SEND), client(SUB)].concat();
    let mut bytes = [login.clone(), rest.clone()].concat();
    assert_eq!(talk.offer(&mut bytes), Ok(login.len()));
    assert_eq!(bytes[login.len()..], rest, "what is left is as it was");
    assert_eq!(talk.offer(&mut bytes[login.len()..]), Ok(0));
    talk.grant();
    assert_eq!(talk.offer(&mut bytes[login.len()..]), Ok(0));
    talk.hear(&result(1)).unwrap();
    talk.went_up();
    assert_eq!(talk.offer(&mut bytes[login.len()..]), Ok(rest.len()));
    assert_eq!(talk.went_up(), [SEND, SUB]);
}

#[test]
fn a_second_login_waits_for_the_first() {
    let mut talk = Talk::anonymous();
    let second = LOGIN.replace("\"1\"", "\"2\"").replace("shown", "other");
    let login = client(LOGIN);
    let mut bytes = [login.clone(), client(&second)].concat();
    assert_eq!(talk.offer(&mut bytes), Ok(login.len()));
    assert_eq!(claimed(&mut talk), "shown");
    talk.grant();
    talk.hear(&result(1)).unwrap();
    talk.offer(&mut bytes[login.len()..]).unwrap();
    assert_eq!(claimed(&mut talk), "other");
    talk.grant();
    assert_eq!(talk.went_up(), [our_login(1), our_login(2)]);
    talk.hear(&updated(1)).unwrap();
    talk.hear(&result(2)).unwrap();
    let down = talk.went_down();
    assert!(down[0].contains(r#""id":"1""#) && down[2].contains(r#""id":"2""#));
    assert_eq!(down[1], UPDATED);
}

#[test]
fn sockjs_messages_behind_a_login_wait_in_order() {
    let mut talk = Talk::connected(Framing::SockJs, Identity::Anonymous);
    let quoted = [r#"{"msg":"ping"}"#, LOGIN, SEND, "x", SUB].map(crate::ddp::sockjs::quote);
    talk.offer(&mut client(&format!("[{}]", quoted.join(","))))
        .unwrap();
    let framed = |message: &str| format!("[{}]", crate::ddp::sockjs::quote(message));
    assert_eq!(talk.went_up(), [framed(r#"{"msg":"ping"}"#)]);
    talk.grant();
    assert_eq!(talk.went_up(), [framed(&our_login(1))]);
    assert_eq!(talk.offer(&mut client("[]")), Ok(0));
    talk.hear(&result(1)).unwrap();
    assert_eq!(talk.went_up(), [framed(SEND), framed(SUB)]);
    assert!(!talk.conversation.holds_client());
    let down = talk.went_down();
    assert!(down[0].starts_with(r#"a["{\"msg\":\"result\",\"id\":\"1\",\"result\""#));
    assert!(down[1].contains("Parse error"), "behind the login's answer");
}

#[test]
fn an_identified_client_is_logged_in_when_it_first_needs_it() {
    for message in [SEND, SUB] {
        let mut talk = Talk::identified();
        talk.say(r#"{"msg":"ping"}"#);
        talk.say(r#"{"msg":"method","method":"boot","id":"0","params":[]}"#);
        assert_eq!(talk.went_up().len(), 2);
        assert!(talk.conversation.asks().is_none());
        let mut bytes = [client(message), client(r#"{"msg":"ping"}"#)].concat();
        let taken = talk.offer(&mut bytes).unwrap();
        assert_eq!(taken, client(message).len());
        assert!(matches!(talk.conversation.asks(), Some(Ask::Current)));
        assert!(talk.wires.up.is_empty());
        talk.grant();
        assert_eq!(talk.went_up(), [our_login(1)]);
        let added = r#"{"msg":"added","collection":"users","id":"u1","fields":{}}"#;
        for heard in [added, &result(1), added, &updated(1), added] {
            talk.hear(heard).unwrap();
        }
        assert_eq!(talk.went_up(), [message]);
        assert_eq!(talk.went_down(), [added; 3], "nothing of the login");
        talk.say(SEND);
        assert_eq!(talk.went_up(), [SEND]);
    }
}

#[test]
fn an_identified_client_may_log_in_itself_before_and_after() {
    let mut talk = Talk::identified();
    talk.log_in(1);
    assert!(talk.went_down()[0].contains("stand-in"));
    talk.say(SEND);
    talk.log_in(2);
    assert!(talk.went_down()[0].contains("stand-in"));
    talk.say(SEND);
    assert!(!talk.conversation.holds_client());
    assert_eq!(talk.went_up(), [&our_login(1), SEND, &our_login(2), SEND]);
}

#[test]
fn a_refused_claim_is_answered_as_rocket_chat_would() {
    let mut talk = Talk::anonymous();
    talk.say(LOGIN);
    talk.refuse(Refusal::Token).unwrap();
    assert_eq!(talk.went_down(), [LOGGED_OUT, UPDATED]);
    assert!(!talk.conversation.holds_client() && !talk.conversation.logged_in());
    for (refusal, code) in [
        (Refusal::NotPermitted, "403"),
        (Refusal::Overloaded, "\"gantry-overloaded\""),
        (Refusal::Unavailable, "\"gantry-unavailable\""),
    ] {
        talk.say(LOGIN);
        talk.refuse(refusal).unwrap();
        let down = talk.went_down();
        assert!(down[0].contains(&format!(r#""error":{code},"#)), "{down:?}");
        assert_eq!(down[1], UPDATED);
    }
    assert!(talk.wires.up.is_empty());
    talk.say(SEND);
    assert_eq!(talk.went_down().len(), 2, "still nobody");
}

#[test]
fn a_need_that_is_refused_ends_the_socket() {
    for refusal in [Refusal::Token, Refusal::Overloaded, Refusal::Unavailable] {
        let mut talk = Talk::identified();
        talk.say(SEND);
        assert_eq!(talk.refuse(refusal), Err(Violation::LoginFailed));
        assert_eq!(Violation::LoginFailed.code().number(), 1013);
        assert!(talk.wires.up.is_empty());
    }
}

#[test]
fn the_first_403_is_not_seen_and_a_fresh_token_tried() {
    for order in [[0, 1], [1, 0]] {
        let mut talk = Talk::anonymous();
        talk.say(LOGIN);
        claimed(&mut talk);
        talk.grant();
        let refusal = [error(1, "403"), updated(1)];
        talk.hear(&refusal[order[0]]).unwrap();
        talk.hear(&refusal[order[1]]).unwrap();
        assert!(matches!(talk.conversation.asks(), Some(Ask::Fresh)));
        assert!(talk.conversation.holds_client() && !talk.conversation.awaits_login());
        assert!(talk.wires.down.is_empty());
        talk.grant();
        assert_eq!(talk.went_up(), [our_login(1), our_login(2)]);
        talk.hear(&result(2)).unwrap();
        talk.hear(&updated(2)).unwrap();
        let down = talk.went_down();
        assert!(down[0].contains("stand-in") && down[1] == UPDATED && down.len() == 2);
    }
}

#[test]
fn the_second_403_and_every_other_error_is_the_clients() {
    let mut talk = Talk::anonymous();
    talk.say(LOGIN);
    talk.grant();
    talk.hear(&error(1, "403")).unwrap();
    talk.grant();
    talk.hear(&error(2, "403")).unwrap();
    talk.hear(&updated(1)).unwrap();
    talk.hear(&updated(2)).unwrap();
    let seen = |code: &str| error(0, code).replace(&own_id(0), "1");
    assert_eq!(talk.went_down(), [seen("403"), UPDATED.to_owned()]);
    assert!(!talk.conversation.holds_client() && !talk.conversation.logged_in());
    for code in ["\"too-many-requests\"", "\"403\"", "401", "null"] {
        let mut talk = Talk::anonymous();
        talk.say(LOGIN);
        claimed(&mut talk);
        talk.grant();
        talk.hear(&error(1, code)).unwrap();
        assert!(talk.conversation.asks().is_none());
        assert_eq!(talk.went_down(), [seen(code)]);
    }
}

#[test]
fn a_need_that_rocket_chat_refuses_ends_the_socket() {
    let mut talk = Talk::identified();
    talk.say(SEND);
    talk.grant();
    talk.hear(&error(1, "403")).unwrap();
    talk.grant();
    assert_eq!(talk.hear(&error(2, "403")), Err(Violation::LoginFailed));
    let mut talk = Talk::identified();
    talk.say(SEND);
    talk.grant();
    let busy = error(1, "\"too-many-requests\"");
    assert_eq!(talk.hear(&busy), Err(Violation::LoginFailed));
    assert!(talk.wires.down.is_empty());
}

#[test]
fn no_fresh_token_is_the_clients_answer_too() {
    let mut talk = Talk::anonymous();
    talk.say(LOGIN);
    talk.grant();
    talk.hear(&error(1, "403")).unwrap();
    talk.refuse(Refusal::Token).unwrap();
    talk.hear(&updated(1)).unwrap();
    assert_eq!(talk.went_down(), [LOGGED_OUT, UPDATED]);
}

#[test]
fn a_login_that_is_not_answered_in_time_fails_and_its_late_answer_goes_nowhere() {
    let mut talk = Talk::anonymous();
    talk.say(LOGIN);
    talk.grant();
    talk.time_out().unwrap();
    let down = talk.went_down();
    assert!(down[0].contains(r#""error":"gantry-timeout","#) && down[1] == UPDATED);
    assert!(!talk.conversation.awaits_login() && !talk.conversation.holds_client());
    talk.say(LOGIN);
    claimed(&mut talk);
    talk.hear(&result(1)).unwrap();
    talk.hear(&updated(1)).unwrap();
    assert!(talk.wires.down.is_empty() && talk.conversation.holds_client());
    talk.grant();
    talk.time_out().unwrap();
    talk.went_down();
    talk.say(LOGIN);
    talk.grant();
    talk.hear(&error(2, "500")).unwrap();
    assert!(talk.wires.down.is_empty() && talk.conversation.awaits_login());
    talk.hear(&result(3)).unwrap();
    assert!(talk.went_down()[0].contains("stand-in"));
    let mut talk = Talk::identified();
    talk.say(SEND);
    talk.grant();
    assert_eq!(talk.time_out(), Err(Violation::LoginFailed));
}

#[test]
fn answers_that_never_come_are_not_waited_for_without_end() {
    let mut talk = Talk::anonymous();
    for number in 1..100 {
        talk.say(LOGIN);
        talk.grant();
        talk.hear(&result(number)).unwrap();
    }
    talk.went_down();
    talk.hear(&updated(1)).unwrap();
    talk.hear(&result(2)).unwrap();
    assert!(talk.wires.down.is_empty());
    talk.hear(&updated(99)).unwrap();
    assert_eq!(talk.went_down(), [UPDATED]);
}

#[test]
fn no_login_goes_up_before_connect_for_it_would_come_back_with_its_token() {
    let message = r#"{"msg":"error","reason":"Must connect first"}"#;
    let mut talk = Talk::new(Framing::Raw, Identity::Identified);
    for said in [LOGIN, SEND, SUB] {
        talk.say(said);
        assert_eq!(talk.went_down(), [message]);
        assert!(talk.wires.up.is_empty() && talk.conversation.asks().is_none());
    }
    talk.say(CONNECT);
    talk.say(SEND);
    assert!(matches!(talk.conversation.asks(), Some(Ask::Current)));
}

#[test]
fn answers_that_nothing_asked_for_change_nothing() {
    let mut talk = Talk::logged_in();
    talk.grant();
    talk.refuse(Refusal::Token).unwrap();
    talk.time_out().unwrap();
    assert!(talk.wires.up.is_empty() && talk.wires.down.is_empty());
    talk.say(SEND);
    assert_eq!(talk.went_up(), [SEND]);
}

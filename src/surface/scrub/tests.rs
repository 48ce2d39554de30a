//! Tests of scrubbed answers.

use http::header::HeaderValue;
use serde_json::json;

use super::*;

fn cleaned(scrub: Scrub, body: &str) -> Option<String> {
    let body = scrub.clean(body.as_bytes()).unwrap();
    body.map(|body| String::from_utf8(body).unwrap())
}

#[test]
fn rc_9_secrets_go_and_everything_else_stays_in_its_order() {
    let body = r#"{"user":{"_id":"u","services":{"password":{"exists":true},"resume":{"loginTokens":[{"hashedToken":"h"}]},"totp":{"enabled":true,"secret":"s"},"iframe":{"token":"i"},"loginToken":{"token":"l"},"github":{"id":1}},"name":"Ann","n":1.5},"success":true}"#;
    let expected = r#"{"user":{"_id":"u","services":{"password":{"exists":true},"github":{"id":1}},"name":"Ann","n":1.5},"success":true}"#;
    assert_eq!(cleaned(Scrub::Users, body).as_deref(), Some(expected));
}

#[test]
fn every_user_of_a_list_is_scrubbed() {
    let body = r#"{"users":[{"services":{"resume":{}}},{"name":"b"},{"services":{"iframe":1}}]}"#;
    let expected = r#"{"users":[{"services":{}},{"name":"b"},{"services":{}}]}"#;
    assert_eq!(cleaned(Scrub::Users, body).as_deref(), Some(expected));
}

#[test]
fn me_keeps_the_state_of_the_second_factor_and_no_more_of_it() {
    let as_documented = r#"{"services":{"totp":{"enabled":true},"password":{"exists":true}}}"#;
    assert_eq!(cleaned(Scrub::Me, as_documented), None);
    let talkative = r#"{"services":{"totp":{"enabled":true,"secret":"s","hashedBackup":["h"]}}}"#;
    let expected = r#"{"services":{"totp":{"enabled":true}}}"#;
    assert_eq!(cleaned(Scrub::Me, talkative).as_deref(), Some(expected));
    let odd = r#"{"services":{"totp":"s","a":1}}"#;
    assert_eq!(
        cleaned(Scrub::Me, odd).as_deref(),
        Some(r#"{"services":{"a":1}}"#)
    );
}

#[test]
fn the_result_of_a_tunnelled_method_is_scrubbed_inside_its_string() {
    let inner =
        json!({"msg":"result","id":"1","result":{"services":{"resume":{"loginTokens":[]}}}});
    let body = json!({"message": inner.to_string(), "success": true}).to_string();
    let clean = cleaned(Scrub::MethodResult, &body).unwrap();
    let outer: Value = serde_json::from_str(&clean).unwrap();
    assert_eq!(outer["success"], true);
    assert_eq!(
        outer["message"],
        r#"{"msg":"result","id":"1","result":{"services":{}}}"#
    );
}

#[test]
fn an_answer_without_secrets_is_not_rewritten() {
    for (scrub, body) in [
        (Scrub::Users, r#"{ "user" : { "name":"Ann" } }"#),
        (
            Scrub::Users,
            r#"{"user":{"services":{"password":{"exists":true}}}}"#,
        ),
        (
            Scrub::Users,
            r#"{"user":{"bio":"my services resume here"}}"#,
        ),
        (
            Scrub::MethodResult,
            r#"{"message":"{\"result\":\"services\"}"}"#,
        ),
        (Scrub::MethodResult, r#"{"error":"services"}"#),
        (Scrub::Me, "plain text"),
        (Scrub::Me, ""),
    ] {
        assert_eq!(cleaned(scrub, body), None, "{body}");
    }
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    assert_eq!(
        Scrub::Users.clean(br#"{"services":{"resume":"#),
        Err(Unreadable)
    );
    assert_eq!(
        Scrub::Users.clean(&vec![b' '; MAX_ANSWER + 1]),
        Err(Unreadable)
    );
    let deep = format!(
        r#"{{"services":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(Scrub::Users.clean(deep.as_bytes()), Err(Unreadable));
    let broken = br#"{"message":"{\"services\":"}"#;
    assert_eq!(Scrub::MethodResult.clean(broken), Err(Unreadable));
}

#[test]
fn the_plan_follows_type_and_coding() {
    let check = |fields: &[(&'static str, &'static str)], expected| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        assert_eq!(Scrub::plan(&headers), expected, "{fields:?}");
    };
    check(&[], Plan::Read);
    check(
        &[("content-type", "application/json; charset=utf-8")],
        Plan::Read,
    );
    check(&[("content-type", "Application/Problem+JSON")], Plan::Read);
    check(&[("content-type", "text/html")], Plan::Pass);
    check(
        &[
            ("content-type", "application/json"),
            ("content-encoding", "br"),
        ],
        Plan::Refuse,
    );
}

#[test]
fn rc_6_4_a_change_of_the_own_record_is_told_without_token_hashes() {
    let event = br#"{"msg":"changed","collection":"stream-notify-user","id":"id","fields":{"eventName":"u/userData","args":[{"type":"updated","diff":{"services.resume.loginTokens":[{"hashedToken":"h"}],"services.totp.secret":"s","services.email2fa.enabled":true,"status":"away"},"unset":{"services.loginToken":1}}]}}"#;
    let clean = super::event(event).unwrap().unwrap();
    let clean: Value = serde_json::from_slice(&clean).unwrap();
    let told = &clean["fields"]["args"][0];
    assert_eq!(
        told["diff"],
        json!({"services.email2fa.enabled": true, "status": "away"})
    );
    assert_eq!(told["unset"], json!({}));
    assert_eq!(clean["fields"]["eventName"], "u/userData");
    assert!(super::event(b"{\"msg\":\"ping\"}").unwrap().is_none());
    assert!(super::event(b"{\"services.resume\":").is_err());
}

#[test]
fn subscriptions_to_the_own_record_are_known_and_doubtful_ones_are_taken_for_such() {
    let raw = |params: &str| RawValue::from_string(params.to_owned()).unwrap();
    for (name, params, expected) in [
        ("stream-notify-user", r#"["u/userData",false]"#, true),
        ("stream-notify-user", r#"["u/\u0075serData"]"#, true),
        ("stream-notify-user", "[]", true),
        ("stream-notify-user", r#"[["u/userData"]]"#, true),
        ("stream-notify-user", r#"["u/notification"]"#, false),
        ("userData", "[]", true),
        ("stream-room-messages", r#"["u/userData"]"#, false),
    ] {
        let found = may_tell_secrets(name, Some(&raw(params)));
        assert_eq!(found, expected, "{name} {params}");
    }
    assert!(may_tell_secrets("stream-notify-user", None));
}

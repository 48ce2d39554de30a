//! Tests of reading a tunnelled method.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const PATH: &str = "/api/v1/method.call/getRoomRoles";

fn method(path: &str, body: &str) -> Result<String, Denial> {
    read(path, body.as_bytes(), |call| {
        call.method.clone().into_owned()
    })
}

/// The body as clients send it, around an inner text.
fn tunnelled(inner: &str) -> String {
    json!({ "message": inner }).to_string()
}

fn refused(path: &str, body: &str) {
    assert_eq!(method(path, body), Err(Denial::Unreadable), "{body}");
}

#[test]
fn the_inner_name_is_read_with_its_parameters() {
    let inner = r#"{"msg":"method","id":"7","method":"getRoomRoles","params":["GENERAL"]}"#;
    let params = read(PATH, tunnelled(inner).as_bytes(), |call| {
        (
            call.method.clone().into_owned(),
            call.params.map(|raw| raw.get().to_owned()),
        )
    });
    assert_eq!(
        params,
        Ok(("getRoomRoles".to_owned(), Some("[\"GENERAL\"]".to_owned())))
    );
}

#[test]
fn order_blanks_and_missing_parts_do_not_matter() {
    let bodies = [
        "{ \"message\" : \"{ \\\"params\\\" : [ ] , \\\"method\\\" : \\\"getRoomRoles\\\" }\" }",
        "{\"message\":\"{\\\"method\\\":\\\"getRoomRoles\\\",\\\"randomSeed\\\":\\\"x\\\"}\"}",
    ];
    for body in bodies {
        assert_eq!(method(PATH, body), Ok("getRoomRoles".to_owned()), "{body}");
    }
}

#[test]
fn escapes_inside_names_are_undone_before_judging() {
    let inner = r#"{"m\u0065thod":"log\u0069n","params":[]}"#;
    assert_eq!(
        method("/api/v1/method.call/login", &tunnelled(inner)),
        Ok("login".to_owned())
    );
    let body = tunnelled(inner).replace("message", r"m\u0065ssage");
    assert_eq!(
        method("/api/v1/method.call/login", &body),
        Ok("login".to_owned())
    );
}

#[test]
fn url_and_body_must_name_the_same_method() {
    let inner = r#"{"msg":"method","method":"login","params":[{"user":{"username":"a"}}]}"#;
    for path in [
        PATH,
        "/api/v1/method.call/",
        "/api/v1/method.call/Login",
        "/api/v1/method.call",
    ] {
        refused(path, &tunnelled(inner));
    }
    let inner = r#"{"msg":"method","method":"banner/dismiss","params":[]}"#;
    let path = "/api/v1/method.call/banner:dismiss";
    assert_eq!(
        method(path, &tunnelled(inner)),
        Ok("banner/dismiss".to_owned())
    );
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    for inner in [
        r#"{"method":"getRoomRoles","method":"login"}"#,
        r#"{"method":"login","m\u0065thod":"getRoomRoles"}"#,
        r#"{"method":"getRoomRoles","params":[],"params":[1]}"#,
        r#"{"msg":"method","method":"getRoomRoles","msg":"method"}"#,
    ] {
        refused(PATH, &tunnelled(inner));
    }
    let inner = r#"{\"method\":\"getRoomRoles\"}"#;
    refused(
        PATH,
        &format!(r#"{{"message":"{inner}","message":"{inner}"}}"#),
    );
    refused(
        PATH,
        &format!(r#"{{"message":"{inner}","m\u0065ssage":"{inner}"}}"#),
    );
}

#[test]
fn keys_that_ejson_would_turn_into_others_are_refused() {
    for inner in [
        r#"{"$escape":{"method":"login","params":[]}}"#,
        r#"{"method":"getRoomRoles","$escape":{"method":"login"}}"#,
        r#"{"method":"getRoomRoles","__proto__":{"method":"login"}}"#,
        r#"{"method":{"$escape":"login"}}"#,
        r#"{"method":["login"]}"#,
        r#"{"method":null}"#,
        r#"{"method":""}"#,
        r#"{"msg":"method"}"#,
    ] {
        refused(PATH, &tunnelled(inner));
    }
}

#[test]
fn what_is_not_one_message_is_refused() {
    for body in [
        "",
        "x",
        "{}",
        "[]",
        "null",
        "\"message\"",
        "message=%7B%7D",
        r#"["{\"method\":\"getRoomRoles\"}"]"#,
        r#"{"message":{"method":"getRoomRoles"}}"#,
        r#"{"message":["{\"method\":\"getRoomRoles\"}"]}"#,
        r#"{"message":"{\"method\":\"getRoomRoles\"}","x":1}"#,
        r#"{"message":"{\"method\":\"getRoomRoles\"}"} {}"#,
        r#"{"message":"{\"method\":\"getRoomRoles\"} {}"}"#,
        r#"{"message":"{\"method\":\"getRoomRoles\""#,
        r#"{"message":"[\"getRoomRoles\"]"}"#,
        r#"{"message":""}"#,
        "\u{feff}{\"message\":\"{\\\"method\\\":\\\"getRoomRoles\\\"}\"}",
    ] {
        refused(PATH, body);
    }
}

#[test]
fn a_text_that_nests_to_the_ground_is_refused_and_not_climbed() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = open.repeat(20_000) + "1" + &close.repeat(20_000);
        refused(
            PATH,
            &tunnelled(&format!(r#"{{"method":"getRoomRoles","params":[{deep}]}}"#)),
        );
        refused(PATH, &format!(r#"{{"message":{deep}}}"#));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(body in "\\PC{0,80}", path in "/\\PC{0,20}") {
        let _ = method(&path, &body);
        let _ = method(&path, &tunnelled(&body));
    }

    #[test]
    fn whatever_is_accepted_is_what_a_json_reader_sees(
        name in "[a-zA-Z:.]{1,10}",
        params in "(\\[[0-9,\\[\\]]{0,8}\\]|\"[a-z\\\\\"]{0,6}\"|\\{\\})",
    ) {
        let inner = format!(r#"{{"msg":"method","method":"{name}","params":{params}}}"#);
        let path = format!("/api/v1/method.call/{name}");
        let seen = serde_json::from_str::<serde_json::Value>(&inner)
            .map(|value| value["method"].as_str().unwrap().to_owned());
        prop_assert_eq!(method(&path, &tunnelled(&inner)).ok(), seen.ok());
    }
}

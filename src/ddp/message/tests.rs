//! Tests of reading a client's message.

use super::*;

fn shown(text: &str) -> String {
    match read(text) {
        Ok(Said::Connect) => "connect".to_owned(),
        Ok(Said::Other) => "other".to_owned(),
        Ok(Said::Method(call)) => format!("method {}", call.name),
        Ok(Said::Sub(call)) => format!("sub {}", call.name),
        Err(unread) => unread.reason().to_owned(),
    }
}

#[test]
fn a_message_is_known_by_its_kind_and_name_with_escapes_undone() {
    for (text, expected) in [
        (r#"{"msg":"connect","version":"1"}"#, "connect"),
        (r#"{"m\u0073g":"c\u006fnnect"}"#, "connect"),
        (
            r#"{"msg":"method","method":"log\u0069n","id":"1"}"#,
            "method login",
        ),
        (
            r#" { "id" : "1" , "method" : "x" , "msg" : "method" } "#,
            "method x",
        ),
        (r#"{"msg":"sub","id":"1","name":"a\/b"}"#, "sub a/b"),
        (r#"{"msg":"Method","method":"login","id":"1"}"#, "other"),
        (r#"{"method":"login","id":"1"}"#, "other"),
        (r#"{"msg":"connect","method":1}"#, "Parse error"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn plain_names_are_not_copied() {
    let text = r#"{"msg":"method","method":"x","id":"1"}"#;
    let Ok(Said::Method(call)) = read(text) else {
        panic!("a method");
    };
    assert!(matches!(call.name, Cow::Borrowed("x")));
}

#[test]
fn depth_counts_brackets_outside_strings_only() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(is_shallow(nested(MAX_DEPTH).as_bytes()));
    assert!(!is_shallow(nested(MAX_DEPTH + 1).as_bytes()));
    assert!(is_shallow(format!("\"{}\"", nested(1000)).as_bytes()));
    assert!(is_shallow(format!("\"\\\"{}\"", nested(1000)).as_bytes()));
    assert!(!is_shallow(format!("\"\\\\\"{}", nested(1000)).as_bytes()));
    assert!(is_shallow(b"\"\\"));
    assert!(is_shallow(b"\""));
}

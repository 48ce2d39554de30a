//! DDP methods tunnelled through REST (RC §6.5): what is forwarded has one reading, and nothing denied in it.

use gantry::surface::path::NormalPath;
use gantry::surface::{Action, Inspect};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use crate::said::Pairs;
use crate::surface;

/// The first line is the path's last segment, and the rest the body; an empty line stands for the method inside the body.
pub fn method_call(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(segment), Some(body)) = (parts.next(), parts.next()) else {
        return;
    };
    let segment = match std::str::from_utf8(segment) {
        Ok("") => inner_method(body).unwrap_or_default(),
        Ok(segment) => segment.to_owned(),
        Err(_) => return,
    };
    let path = format!("/api/v1/method.call/{segment}");
    let Ok(path) = NormalPath::parse(&path) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match surface::plain().inspect(Inspect::MethodCall, &path, &headers, body) {
        Action::Forward | Action::Scrub(_) => check(&path, body),
        Action::Logout | Action::Deny(_) => {}
        Action::Inspect(_) | Action::Login(_) => panic!("it was to be decided"),
    }
}

/// The name as a reader that takes the last of two keys finds it.
fn inner_method(body: &[u8]) -> Option<String> {
    let outer: Value = serde_json::from_slice(body).ok()?;
    let inner: Value = serde_json::from_str(outer["message"].as_str()?).ok()?;
    Some(inner["method"].as_str()?.replace('/', ":"))
}

/// What Rocket.Chat will find in the body.
fn check(path: &NormalPath<'_>, body: &[u8]) {
    let body = std::str::from_utf8(body).expect("the body is utf-8");
    let outer = Pairs::read(body).expect("the body is an object");
    assert!(outer.keys().eq(["message"]), "another key in {body}");
    let message = outer.text("message").expect("there is a message");
    let inner = Pairs::read(&message).expect("the message is an object");
    inner.assert_plain_keys();
    let method = inner.text("method").expect("there is a method");
    let params = inner.one("params");
    assert!(surface::may_run(&method, params), "{method} is denied");
    let named = path.decoded().rsplit('/').next().map(str::to_owned);
    assert_eq!(
        named,
        Some(method.replace('/', ":")),
        "the path names another method"
    );
}

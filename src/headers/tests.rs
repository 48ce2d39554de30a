//! Tests of the strips over whole field maps.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::names::Names;
use super::{credentials, strip_request, strip_response};

/// Every field that must not come from a client, one per name and two per family.
const CREDENTIALS: [&str; 30] = [
    "x-user-id",
    "x-auth-token",
    "authorization",
    "proxy-authorization",
    "x-real-ip",
    "x-real-port",
    "forwarded",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-forwarded-user",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
    "x-http-method-override",
    "x-originating-ip",
    "x-remote-addr",
    "x-envoy-external-address",
];

/// Characters a field name may hold besides letters and digits (RFC 9110 §5.6.2).
const SEPARATORS: [char; 15] = [
    '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~',
];

fn named(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap()
}

#[test]
fn cve_2025_64484_underscored_and_mixed_case_identity_fields_do_not_pass() {
    for spelled in [
        "X_User_Id",
        "X-User_Id",
        "x_auth_token",
        "X-AUTH-TOKEN",
        "X.Auth.Token",
    ] {
        let mut headers = HeaderMap::new();
        headers.append(named(spelled), HeaderValue::from_static("evil"));
        strip_request(&mut headers);
        assert!(headers.is_empty(), "{spelled} passed");
    }
}

#[test]
fn what_is_no_credential_passes_with_all_its_values() {
    let mut before = HeaderMap::new();
    for (name, value) in [
        ("host", "chat.example.com"),
        ("accept", "a"),
        ("accept", "b"),
        ("content-type", "application/json"),
        ("origin", "https://chat.example.com"),
        ("x-2fa-code", "123456"),
        ("x-2fa-method", "totp"),
        ("x-visitor-token", "v"),
        ("x-requested-with", "XMLHttpRequest"),
        ("x-user-id-hint", "h"),
        ("via", "1.1 a"),
        ("traceparent", "00-0-0-00"),
    ] {
        before.append(name, HeaderValue::from_static(value));
    }
    let mut after = before.clone();
    strip_request(&mut after);
    assert_eq!(after, before);
}

#[test]
fn an_answer_carries_no_auth_token_downstream() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-auth-token", "t"),
        ("x_auth_token", "t"),
        ("set-cookie", "rc_token=t; Path=/"),
        ("set-cookie", "cache_version=1"),
        ("connection", "x-odd"),
        ("x-odd", "1"),
        ("x-ratelimit-limit", "10"),
        ("transfer-encoding", "chunked"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
    }
    strip_response(&mut headers, &Names::cookies([]));
    let mut kept: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    kept.sort_unstable();
    assert_eq!(kept, ["set-cookie", "x-ratelimit-limit"]);
}

#[test]
fn what_connection_names_goes_no_further() {
    let mut headers = HeaderMap::new();
    headers.append("connection", HeaderValue::from_static("x-odd"));
    headers.append("x-odd", HeaderValue::from_static("1"));
    headers.append("x_user_id", HeaderValue::from_static("evil"));
    headers.append("accept", HeaderValue::from_static("*/*"));
    strip_request(&mut headers);
    assert_eq!((headers.len(), headers.contains_key("accept")), (1, true));
}

proptest! {
    #[test]
    fn cve_2026_39858_no_separator_and_no_case_hides_a_credential(
        name in prop::sample::select(CREDENTIALS.to_vec()),
        separators in prop::collection::vec(prop::sample::select(SEPARATORS.to_vec()), 8),
        upper in any::<u64>(),
        copies in 1_usize..4,
    ) {
        let mut separators = separators.into_iter().cycle();
        let spelled: String = name.chars().enumerate().map(|(index, letter)| {
            if letter == '-' {
                separators.next().unwrap()
            } else if upper >> (index % 64) & 1 == 1 {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        }).collect();
        let mut headers = HeaderMap::new();
        for _ in 0..copies {
            headers.append(named(&spelled), HeaderValue::from_static("evil"));
        }
        headers.append("accept", HeaderValue::from_static("*/*"));
        let mut alone = headers.clone();
        credentials::strip(&mut alone);
        strip_request(&mut headers);
        prop_assert_eq!(headers.len(), 1);
        prop_assert_eq!(alone.len(), 1);
    }
}

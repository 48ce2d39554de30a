//! Questions that do not say clearly what is asked for: each denies, none breaks anything, and the next one is answered.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use gantry::telemetry::metrics::Dialect;
use tonic::Code;

use crate::filter::asking::{Gateways, HOST, SECRET, Sent, gateway, grpc, message, with_secret};
use crate::support::raw::Raw;

const PATH: &str = "/api/v1/rooms.get";

fn nginx(lines: &str) -> String {
    format!(
        "GET /_gantry/filter/nginx HTTP/1.1\r\nHost: gantry\r\nX-Gantry-Secret: {SECRET}\r\n{lines}\r\n"
    )
}

fn traefik(lines: &str) -> String {
    format!("GET /_gantry/filter/traefik?secret={SECRET} HTTP/1.1\r\nHost: gantry\r\n{lines}\r\n")
}

fn envoy(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {HOST}\r\nX-Gantry-Secret: {SECRET}\r\n\r\n")
}

#[tokio::test]
async fn what_nginx_must_say_it_says_once_and_readably() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let good = format!(
        "X-Original-Method: GET\r\nX-Original-URI: {PATH}\r\nAuthorization: Bearer {token}\r\n"
    );
    assert!(gateways.ask_by(&nginx(&good)).await.allowed());
    let uri = format!("X-Original-URI: {PATH}\r\n");
    let bad = |uri: &str| good.replace(PATH, uri);
    for lines in [
        good.replace(&uri, ""),
        good.replace("X-Original-Method: GET\r\n", ""),
        format!("{good}{uri}"),
        format!("{good}X-Original-Method: GET\r\n"),
        format!("{good}X-Original-Host: a\r\nX-Original-Host: b\r\n"),
        format!("{good}X-Original-Host: a, b\r\n"),
        good.replace("Method: GET", "Method: G T"),
        good.replace("Method: GET", "Method: "),
        bad(""),
        bad("*"),
        bad("api/v1/rooms.get"),
        bad(&format!("https://chat.example.com{PATH}")),
        bad(&format!("//chat.example.com{PATH}")),
        bad(&format!("{PATH}#x")),
        bad(&format!("{PATH}?a=1#x")),
        bad(&format!("{PATH} HTTP/1.1")),
        bad("/api/v1/\u{e4}"),
        // The family of another gateway says nothing here.
        good.replace("X-Original-", "X-Forwarded-"),
    ] {
        let told = gateways.ask_by(&nginx(&lines)).await;
        assert_eq!(told.status, 403, "{lines}");
        assert_eq!(told.goes_on("x-auth-token"), "", "{lines}");
        assert_eq!(told.fields["x-gantry-problem"], "bad-request", "{lines}");
    }
}

#[tokio::test]
async fn what_traefik_must_say_it_says_once_and_readably() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let fields = [
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", HOST),
        ("X-Forwarded-Uri", PATH),
    ];
    let lines = |fields: &[(&str, &str)]| {
        let lines = fields.iter();
        let lines: String = lines
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("{lines}Authorization: Bearer {token}\r\n")
    };
    assert!(gateways.ask_by(&traefik(&lines(&fields))).await.allowed());
    let mut tries = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let mut without = fields.to_vec();
        without.remove(index);
        tries.push(lines(&without));
        let mut twice = fields.to_vec();
        twice.push(*field);
        tries.push(lines(&twice));
    }
    for (name, value) in [
        (
            "X-Forwarded-Uri",
            "https://chat.example.com/api/v1/rooms.get",
        ),
        ("X-Forwarded-Uri", "/api/v1/rooms.get#x"),
        ("X-Forwarded-Uri", "/api/v1/../v1/rooms.get"),
        ("X-Forwarded-Uri", "/api/v1/rooms.get, /api/v1/me"),
        ("X-Forwarded-Proto", "https, http"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Proto", "HTTPS"),
        ("X-Forwarded-Host", "a, b"),
        ("X-Forwarded-Host", "me@chat.example.com"),
        ("X-Forwarded-Host", ""),
        ("X-Forwarded-Method", "GET, POST"),
    ] {
        let mut changed = fields.to_vec();
        changed.retain(|(known, _)| *known != name);
        changed.push((name, value));
        tries.push(lines(&changed));
    }
    for lines in tries {
        let told = gateways.ask_by(&traefik(&lines)).await;
        assert_eq!(told.status, 400, "{lines}");
        assert_eq!(told.goes_on("x-auth-token"), "", "{lines}");
    }
}

#[tokio::test]
async fn what_envoy_asks_over_http_is_a_path_behind_the_prefix() {
    let gateway = gateway().await;
    let mut gateways = Gateways::of(&gateway).await;
    for (line, status) in [
        ("GET /_gantry/filter/envoy//chat.example.com/x", 400),
        ("GET /_gantry/filter/envoy/api/v1/rooms.get#x", 400),
        ("GET /_gantry/filter/envoy/../../api/info", 400),
        ("GET /_gantry/filter/envoy/%2e%2e/api/info", 400),
        (
            "GET /_gantry/filter/envoyhttps://chat.example.com/api/info",
            400,
        ),
        ("GET /_gantry/filter/envoyapi/info", 404),
        ("GET /_gantry/filter/envoy?x=/api/info", 404),
        ("CONNECT /_gantry/filter/envoy/api/info", 400),
        // For this one, as a yardstick, nobody is needed.
        ("GET /_gantry/filter/envoy/api/info", 200),
    ] {
        let told = gateways.ask_by(&envoy(line)).await;
        assert_eq!(told.status, status, "{line} {told:?}");
    }
    // Envoy makes one field of two.
    let good = envoy("GET /_gantry/filter/envoy/api/info");
    let joined = good.replace(HOST, &format!("{HOST},evil.example.net"));
    assert_eq!(gateways.ask_by(&joined).await.status, 400);
}

#[tokio::test]
async fn a_large_head_is_refused_in_every_dialect() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let large = Sent::get(PATH)
        .bearer(&token)
        .with("X-Large", &"x".repeat(64 * 1024));
    let mut many = Sent::get(PATH).bearer(&token);
    for index in 0..130 {
        many = many.with(&format!("X-Many-{index}"), "x");
    }
    for sent in [large, many] {
        for dialect in Dialect::ALL {
            let told = gateways.ask(dialect, &sent).await;
            assert!(matches!(told.status, 431 | 403), "{dialect:?} {told:?}");
            assert_eq!(told.goes_on("x-auth-token"), "", "{dialect:?}");
        }
    }
    let usual = Sent::get(PATH)
        .bearer(&token)
        .with("X-Large", &"x".repeat(32 * 1024));
    for dialect in Dialect::ALL {
        assert!(gateways.ask(dialect, &usual).await.allowed(), "{dialect:?}");
    }
}

fn asked(change: impl FnOnce(&mut HttpRequest), token: &str) -> CheckRequest {
    let mut http = HttpRequest {
        method: "GET".to_owned(),
        path: PATH.to_owned(),
        host: HOST.to_owned(),
        headers: HashMap::from([("authorization".to_owned(), format!("Bearer {token}"))]),
        ..HttpRequest::default()
    };
    change(&mut http);
    message(http)
}

fn raw(key: &str, value: &str, raw_value: &[u8]) -> HeaderValue {
    HeaderValue {
        key: key.to_owned(),
        value: value.to_owned(),
        raw_value: raw_value.to_vec(),
    }
}

#[tokio::test]
async fn a_message_that_describes_no_one_request_is_refused() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let bearer = format!("Bearer {token}");
    let mut gateways = Gateways::of(&gateway).await;
    assert!(gateways.ask_about(asked(|_| {}, &token)).await.allowed());
    let empty = AttributeContext {
        request: Some(Request::default()),
        ..AttributeContext::default()
    };
    let field = |name: &'static str, value: &'static str| {
        asked(
            move |http| drop(http.headers.insert(name.to_owned(), value.to_owned())),
            &token,
        )
    };
    let raw_fields = |fields: Vec<HeaderValue>| {
        asked(
            move |http| {
                http.headers.clear();
                http.header_map = Some(HeaderMap { headers: fields });
            },
            &token,
        )
    };
    for (what, message) in [
        ("nothing", CheckRequest::default()),
        (
            "no request",
            CheckRequest {
                attributes: Some(AttributeContext::default()),
            },
        ),
        (
            "no http",
            CheckRequest {
                attributes: Some(empty),
            },
        ),
        ("no method", asked(|http| http.method.clear(), &token)),
        ("no path", asked(|http| http.path.clear(), &token)),
        ("no host", asked(|http| http.host.clear(), &token)),
        (
            "odd method",
            asked(|http| http.method = "G T".to_owned(), &token),
        ),
        (
            "odd host",
            asked(|http| http.host = "a, b".to_owned(), &token),
        ),
        (
            "two hosts",
            asked(|http| http.host = "a,b".to_owned(), &token),
        ),
        (
            "a query",
            asked(|http| http.query = "a=1".to_owned(), &token),
        ),
        (
            "a fragment",
            asked(|http| http.fragment = "x".to_owned(), &token),
        ),
        (
            "a fragment in the path",
            asked(|http| http.path.push_str("#x"), &token),
        ),
        (
            "another form",
            asked(|http| http.path = "http://x/api/info".to_owned(), &token),
        ),
        ("a control", field("x-odd", "a\u{0}b")),
        ("a line break", field("x-odd", "a\r\nx-auth-token: b")),
        ("no name", field("", "x")),
        ("a name with a blank", field("x odd", "x")),
        ("another path", field(":path", "/api/info")),
        ("another method", field(":method", "POST")),
        (
            "both forms",
            asked(
                |http| {
                    let headers = vec![raw("authorization", "", bearer.as_bytes())];
                    http.header_map = Some(HeaderMap { headers });
                },
                &token,
            ),
        ),
        (
            "a value twice",
            raw_fields(vec![raw("authorization", &bearer, bearer.as_bytes())]),
        ),
        (
            "a raw control",
            raw_fields(vec![raw("x-odd", "", b"\x00\x01")]),
        ),
    ] {
        let told = gateways.ask_about(message).await;
        assert_eq!(told.status, 400, "{what} {told:?}");
        assert_eq!(told.goes_on("x-auth-token"), "", "{what}");
        assert_eq!(told.fields["content-type"], "application/problem+json");
    }

    let raw_form = raw_fields(vec![
        raw("authorization", "", bearer.as_bytes()),
        raw("x-odd", "", b"\xff\xfe"),
        raw("cookie", "", b"a=\xfc; rc_token=x"),
    ]);
    let told = gateways.ask_about(raw_form).await;
    assert!(told.allowed(), "{told:?}");
}

#[tokio::test]
async fn a_body_changes_nothing() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let body = r#"{"message":"{\"msg\":\"method\",\"method\":\"rooms/get\",\"params\":[]}"}"#;
    let with_body = |http: &mut HttpRequest| {
        body.clone_into(&mut http.body);
        http.raw_body = body.as_bytes().to_vec();
        http.size = 3;
    };
    assert!(gateways.ask_about(asked(with_body, &token)).await.allowed());
    let call = |http: &mut HttpRequest| {
        with_body(http);
        "/api/v1/method.call/rooms:get".clone_into(&mut http.path);
        "POST".clone_into(&mut http.method);
    };
    assert_eq!(gateways.ask_about(asked(call, &token)).await.status, 403);
    let sent = Sent::new("POST", PATH)
        .bearer(&token)
        .with("Content-Length", "3");
    for dialect in [Dialect::Nginx, Dialect::Traefik, Dialect::Envoy] {
        let question = format!("{}abc", sent.question(dialect));
        assert!(gateways.ask_by(&question).await.allowed(), "{dialect:?}");
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_not_read() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut client = grpc(&gateway).await;
    let large = |http: &mut HttpRequest| http.raw_body = vec![0; 1024 * 1024];
    let refused = client.check(with_secret(asked(large, &token))).await;
    assert_eq!(refused.unwrap_err().code(), Code::OutOfRange);
    let answer = client.check(with_secret(asked(|_| {}, &token))).await;
    assert_eq!(answer.unwrap().into_inner().status.unwrap().code, 0);
}

#[tokio::test]
async fn a_grpc_client_that_never_reads_holds_up_nobody() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let address = gateway.running.grpc_address().unwrap();
    let mut silent = Vec::new();
    for _ in 0..8 {
        let mut raw = Raw::connect(address).await;
        // The preface, and settings that allow not one byte of an answer.
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00").await;
        for stream in 0..200_u8 {
            // HEADERS of a POST to /, ended at once.
            let [high, low] = (u16::from(stream) * 2 + 1).to_be_bytes();
            let frame = [0, 0, 3, 1, 5, 0, 0, high, low, 0x83, 0x86, 0x84];
            assert!(raw.send(frame).await);
        }
        silent.push(raw);
    }
    let mut gateways = Gateways::of(&gateway).await;
    let sent = Sent::get(PATH).bearer(&token);
    assert!(gateways.ask(Dialect::EnvoyGrpc, &sent).await.allowed());
    drop(silent);
}

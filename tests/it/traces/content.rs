//! What the spans of a request say, over either way of OTLP.

use gantry::config::telemetry::OtlpProtocol;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;

use super::receiver::Receiver;
use super::stage::{Told as _, traced, traced_by};
use crate::support::gateway::Gateway;
use crate::support::socket::Socket;

async fn ask(gateway: &Gateway, path: &str, token: &str) -> u16 {
    let answer = gateway.get(path, token).send().await.unwrap();
    answer.status().as_u16()
}

async fn first_and_second_request(protocol: OtlpProtocol) {
    let (gateway, receiver) = traced_by(protocol, |_| {}).await;
    let token = gateway.issuer.token("alice");
    assert_eq!(
        ask(&gateway, "/api/v1/me?secret=in-the-query", &token).await,
        200
    );
    assert_eq!(ask(&gateway, "/api/v1/rooms.get", &token).await, 200);

    let first = receiver.of_request("/api/v1/me").await;
    assert_eq!(first.name, "GET api");
    assert_eq!(first.kind(), SpanKind::Server);
    assert!(first.parent_span_id.is_empty());
    assert_eq!(first.attribute("http.request.method").unwrap(), "GET");
    assert_eq!(first.attribute("http.route").unwrap(), "api");
    assert_eq!(first.attribute("http.response.status_code").unwrap(), "200");
    assert_eq!(first.attribute("error.type"), None);
    assert!(first.attribute("session.id").is_some());
    assert!(first.start_time_unix_nano <= first.end_time_unix_nano);
    receiver.part(&first, "verify");
    let exchange = receiver.part(&first, "exchange");
    for call in ["user-info", "create-user", "create-token"] {
        let name = format!("rocketchat {call}");
        let spans = receiver.parts(&exchange).into_iter();
        let mut calls = spans.filter(|span| span.name == name);
        let call = calls.next().unwrap_or_else(|| panic!("{name}"));
        assert_eq!(call.kind(), SpanKind::Client);
        assert_eq!(call.attribute("server.address").unwrap(), "127.0.0.1");
    }
    let forward = receiver.part(&first, "forward");
    assert_eq!(forward.kind(), SpanKind::Client);
    assert_eq!(
        forward.attribute("http.response.status_code").unwrap(),
        "200"
    );

    let second = receiver.of_request("/api/v1/rooms.get").await;
    assert_ne!(second.trace_id, first.trace_id);
    let parts = receiver.parts(&second);
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["forward"], "a warm request does nothing else");
    assert_eq!(receiver.resource("service.name").unwrap(), "gantry");
    assert_eq!(
        receiver.resource("service.version").unwrap(),
        gantry::VERSION
    );
}

#[tokio::test]
async fn a_collector_over_http_is_told_what_a_request_took() {
    first_and_second_request(OtlpProtocol::Http).await;
}

#[tokio::test]
async fn a_collector_over_grpc_is_told_what_a_request_took() {
    first_and_second_request(OtlpProtocol::Grpc).await;
}

#[tokio::test]
async fn the_fields_of_the_headers_file_come_with_every_batch() {
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        let (gateway, receiver) = traced_by(protocol, |config| {
            let headers = &mut config.telemetry.traces.as_mut().unwrap().headers;
            headers.insert("x-tenant", "seven".parse().unwrap());
        })
        .await;
        assert_eq!(ask(&gateway, "/api/v1/me", "no.such.token").await, 401);
        receiver.of_request("/api/v1/me").await;
        assert_eq!(receiver.header("x-tenant").unwrap(), "seven");
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_its_kind_and_is_no_failure_of_ours() {
    let (gateway, receiver) = traced().await;
    assert_eq!(ask(&gateway, "/api/v1/me", "no.such.token").await, 401);
    let refused = receiver.of_request("/api/v1/me").await;
    assert_eq!(refused.attribute("error.type").unwrap(), "malformed");
    assert_eq!(refused.status.clone().unwrap().code(), StatusCode::Unset);
    let verify = receiver.part(&refused, "verify");
    assert_eq!(verify.attribute("error.type").unwrap(), "malformed");
    assert_eq!(verify.status.unwrap().code(), StatusCode::Error);
}

#[tokio::test]
async fn a_failure_is_told_as_one() {
    let (gateway, receiver) = traced().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(ask(&gateway, "/api/v1/me", &token).await, 200);
    gateway.rc.stop().await;
    assert_eq!(ask(&gateway, "/api/v1/rooms.get", &token).await, 502);
    let failed = receiver.of_request("/api/v1/rooms.get").await;
    assert_eq!(
        failed.attribute("error.type").unwrap(),
        "upstream-unreachable"
    );
    assert_eq!(failed.status.clone().unwrap().code(), StatusCode::Error);
    let forward = receiver.part(&failed, "forward");
    assert_eq!(
        forward.attribute("error.type").unwrap(),
        "upstream-unreachable"
    );
}

#[tokio::test]
async fn a_method_that_nobody_knows_and_a_long_path_are_not_told_as_they_are() {
    let (gateway, receiver) = traced().await;
    let path = format!("/{}", "a".repeat(2000));
    let method = reqwest::Method::from_bytes(b"INVENTED").unwrap();
    let asked = gateway.client.request(method, gateway.url(&path));
    asked.send().await.unwrap();
    let told = receiver.of_request(&path[..512]).await;
    assert_eq!(told.attribute("http.request.method").unwrap(), "_OTHER");
    assert!(told.name.starts_with("_OTHER "), "{}", told.name);
}

#[tokio::test]
async fn an_upgrade_is_one_request() {
    let (gateway, receiver) = traced().await;
    let mut socket = Socket::open(&gateway, &gateway.issuer.token("alice")).await;
    socket.connect_ddp().await;
    let upgrade = receiver.of_request("/websocket").await;
    assert_eq!(upgrade.name, "GET socket");
    assert_eq!(
        upgrade.attribute("http.response.status_code").unwrap(),
        "101"
    );
    let forward = receiver.part(&upgrade, "forward");
    assert_eq!(
        forward.attribute("http.response.status_code").unwrap(),
        "101"
    );
}

#[tokio::test]
async fn nothing_that_is_told_holds_a_secret_or_a_name() {
    let (gateway, receiver) = traced().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(
        ask(&gateway, "/api/v1/me?jwt=in-the-query", &token).await,
        200
    );
    let answer = gateway
        .post("/_gantry/session", &token)
        .send()
        .await
        .unwrap();
    let session: Value = answer.json().await.unwrap();
    crate::metrics::traffic(&gateway).await;
    receiver.of_request("/_gantry/backchannel-logout").await;
    let told = receiver.text();
    let auth_tokens = gateway.rc.requests().into_iter();
    let auth_tokens = auth_tokens.filter_map(|sent| Some(sent.header("x-auth-token")?.to_owned()));
    let mut secrets: Vec<String> = auth_tokens.collect();
    assert!(secrets.len() > 2);
    secrets.extend(["alice", "in-the-query", "no.such.token"].map(str::to_owned));
    secrets.push(token.rsplit('.').next().unwrap().to_owned());
    secrets.push(session["token"].as_str().unwrap().to_owned());
    for secret in secrets {
        assert!(!told.contains(&secret), "{secret}");
    }
}

#[tokio::test]
async fn the_access_line_names_the_trace() {
    let (gateway, receiver) = traced().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(ask(&gateway, "/api/v1/me", &token).await, 200);
    let span = receiver.of_request("/api/v1/me").await;
    let digits = span.trace_id.iter().map(|byte| format!("{byte:02x}"));
    let trace_id = format!("\"trace.id\":\"{}\"", digits.collect::<String>());
    gateway.log.until_line(&["/api/v1/me", &trace_id]).await;
}

#[tokio::test]
async fn what_waits_is_told_before_the_service_stops() {
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        let (gateway, receiver) = traced_by(protocol, |_| {}).await;
        let token = gateway.issuer.token("alice");
        assert_eq!(ask(&gateway, "/api/v1/me", &token).await, 200);
        gateway.running.stop().await;
        let told = |receiver: &Receiver| {
            let spans = receiver.spans().into_iter();
            spans.filter(|span| span.name == "GET api").count()
        };
        assert_eq!(told(&receiver), 1, "{protocol:?}");
    }
}

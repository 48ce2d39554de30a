//! `traceparent` in and out (W3C Trace Context): from clients, and to Rocket.Chat and issuers.

use std::sync::Arc;

use gantry::config::issuer::KeySource;
use gantry::config::telemetry::OtlpProtocol;
use gantry::telemetry::metrics::Dialect;
use lookalike::Received;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::receiver::Receiver;
use super::stage::{Told as _, traced, traced_by, traces};
use crate::filter::asking;
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;
use crate::support::tap::Tap;
use crate::support::world::World;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What whoever does a part is told.
fn parent(span: &Span) -> String {
    format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))
}

async fn ask(gateway: &Gateway, path: &str, fields: &[(&str, &str)]) -> Received {
    let mut request = gateway.get(path, &gateway.issuer.token("alice"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
    let path = path.split('?').next().unwrap();
    gateway.received(path).pop().unwrap()
}

#[tokio::test]
async fn a_client_s_trace_goes_on_through_gantry_to_rocketchat() {
    let (gateway, receiver) = traced().await;
    let fields = [
        ("traceparent", &*format!("00-{TRACE}-{CALLER}-01")),
        ("tracestate", "vendor=1"),
    ];
    let received = ask(&gateway, "/api/v1/rooms.get", &fields).await;
    let request = receiver.of_request("/api/v1/rooms.get").await;
    assert_eq!(hex(&request.trace_id), TRACE);
    assert_eq!(hex(&request.parent_span_id), CALLER);
    let forward = receiver.part(&request, "forward");
    assert_eq!(received.header_values("traceparent"), [parent(&forward)]);
    assert_eq!(received.header_values("tracestate"), ["vendor=1"]);
}

#[tokio::test]
async fn calls_of_our_own_tell_rocketchat_what_they_are_a_part_of() {
    let (gateway, receiver) = traced().await;
    ask(&gateway, "/api/v1/rooms.get", &[]).await;
    let request = receiver.of_request("/api/v1/rooms.get").await;
    let exchange = receiver.part(&request, "exchange");
    let minting = receiver.part(&exchange, "rocketchat create-token");
    let minted = gateway.received("/api/v1/users.createToken").pop().unwrap();
    assert_eq!(minted.header_values("traceparent"), [parent(&minting)]);
}

#[tokio::test]
async fn a_fetch_of_keys_is_traced_too() {
    let world = World::plain().await;
    let receiver = Receiver::start(OtlpProtocol::Grpc).await;
    let issuer: url::Url = world.issuer.url().parse().unwrap();
    let tap = Tap::start(*issuer.socket_addrs(|| None).unwrap().first().unwrap()).await;
    let gateway = world
        .gantry(|config, _| {
            let keys = format!("{}/jwks.json", tap.url()).parse().unwrap();
            Arc::make_mut(&mut config.issuers[0]).keys = KeySource::JwksUrl(keys);
            config.telemetry.traces = Some(traces(&receiver));
        })
        .await;
    gateway.until_ready().await;
    let fetches = || {
        let mut spans = receiver.spans();
        spans.retain(|span| span.name == "issuer keys");
        spans
    };
    eventually("the fetch", || !fetches().is_empty()).await;
    let fetch = fetches().remove(0);
    assert_eq!(fetch.attribute("http.response.status_code").unwrap(), "200");
    let told = format!("traceparent: {}\r\n", parent(&fetch));
    assert!(tap.sent_with("/jwks.json").contains(&told), "{told}");
}

#[tokio::test]
async fn what_is_not_well_formed_begins_a_trace_of_our_own() {
    let (gateway, receiver) = traced().await;
    let fields = [
        ("traceparent", &*format!("00-{TRACE}-{CALLER}-01-more")),
        ("tracestate", "vendor=1"),
    ];
    let received = ask(&gateway, "/api/v1/rooms.get", &fields).await;
    let request = receiver.of_request("/api/v1/rooms.get").await;
    assert_ne!(hex(&request.trace_id), TRACE);
    assert!(request.parent_span_id.is_empty());
    assert!(received.header_values("traceparent")[0].contains(&hex(&request.trace_id)));
    assert_eq!(received.header("tracestate"), None);
}

#[tokio::test]
async fn whoever_asks_decides_whether_it_is_told() {
    let (gateway, receiver) = traced_by(OtlpProtocol::Http, |config| {
        config.telemetry.traces.as_mut().unwrap().sample_ratio = 0.0;
    })
    .await;
    // Neither this, which nobody asked to be told, nor this, which somebody asked not to be.
    let received = ask(&gateway, "/api/v1/me", &[]).await;
    assert!(received.header("traceparent").unwrap().ends_with("-00"));
    let unsampled = format!("00-{TRACE}-{CALLER}-00");
    let received = ask(
        &gateway,
        "/api/v1/rooms.get",
        &[("traceparent", &unsampled)],
    )
    .await;
    let passed = received.header("traceparent").unwrap();
    assert!(passed.starts_with(&format!("00-{TRACE}-")), "{passed}");
    assert!(passed.ends_with("-00"), "{passed}");
    let sampled = format!("00-{TRACE}-{CALLER}-01");
    ask(
        &gateway,
        "/api/v1/subscriptions.get",
        &[("traceparent", &sampled)],
    )
    .await;
    let told = receiver.of_request("/api/v1/subscriptions.get").await;
    for span in receiver.spans() {
        assert_eq!(span.trace_id, told.trace_id, "{span:?}");
    }
}

#[tokio::test]
async fn without_a_collector_a_client_s_trace_passes_as_any_other_field() {
    let gateway = Gateway::start().await;
    let fields = [("traceparent", "as it came"), ("tracestate", "a=1")];
    let received = ask(&gateway, "/api/v1/rooms.get", &fields).await;
    assert_eq!(received.header_values("traceparent"), ["as it came"]);
    assert_eq!(received.header_values("tracestate"), ["a=1"]);
    let minted = gateway.received("/api/v1/users.createToken").pop().unwrap();
    assert_eq!(minted.header("traceparent"), None);
    gateway.log.until_line(&["/api/v1/rooms.get"]).await;
    assert!(!gateway.log.text().contains("trace.id"));
}

#[tokio::test]
async fn a_gateway_s_question_is_a_part_of_the_trace_that_it_is_about() {
    let (gateway, receiver) = traced_by(OtlpProtocol::Http, asking::enable).await;
    let token = gateway.issuer.token("alice");
    let mut gateways = asking::Gateways::of(&gateway).await;
    let sampled = format!("00-{TRACE}-{CALLER}-01");
    for dialect in Dialect::ALL {
        let path = format!("/api/v1/{}", dialect.name());
        let sent = asking::Sent::get(&path)
            .bearer(&token)
            .with("traceparent", &sampled);
        assert!(gateways.ask(dialect, &sent).await.allowed());
        let question = receiver.of_request(&path).await;
        assert_eq!(question.attribute("dialect").unwrap(), dialect.name());
        assert_eq!(hex(&question.trace_id), TRACE);
        assert_eq!(hex(&question.parent_span_id), CALLER);
    }
}

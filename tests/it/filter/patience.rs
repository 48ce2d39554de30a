//! Connections of the gRPC listener on which nobody asks: each ends, so that its place is free for a gateway.

use std::time::Duration;

use gantry::config::Config;
use gantry::telemetry::metrics::Dialect;
use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lookalike::Latch;
use tokio::net::TcpStream;
use tonic::Code;

use crate::filter::asking::{Gateways, Sent, enable, grpc, with_secret};
use crate::support::gateway::Gateway;
use crate::support::http::pieces;
use crate::support::raw::Raw;

/// Far longer than the limits of [`impatient`] allow.
const BOUND: Duration = Duration::from_secs(20);

const PATH: &str = "/api/v1/gantry-test.echo";

fn impatient(config: &mut Config) {
    enable(config);
    config.listen.limits.header_timeout = Duration::from_millis(200);
    config.listen.limits.idle_timeout = Duration::from_millis(200);
}

#[tokio::test]
async fn a_connection_that_asks_nothing_ends() {
    let gateway = Gateway::configured(impatient).await;
    let address = gateway.running.grpc_address().unwrap();
    let settings: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    for begun in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n", settings] {
        let mut raw = Raw::connect(address).await;
        raw.send(begun).await;
        let ended = tokio::time::timeout(BOUND, raw.rest()).await;
        assert!(ended.is_ok(), "{begun:?}");
    }
}

#[tokio::test]
async fn a_question_about_health_that_never_comes_ends_with_its_connection() {
    let gateway = Gateway::configured(impatient).await;
    let address = gateway.running.grpc_address().unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let (held, body) = pieces();
    let request = Request::post("http://gantry/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap();

    let answer = sender.send_request(request).await.unwrap();

    let status = answer.headers()["grpc-status"].as_bytes();
    assert_eq!(Code::from_bytes(status), Code::DeadlineExceeded);
    drop((answer, held));
    let ended = tokio::time::timeout(BOUND, connection).await;
    assert!(ended.is_ok());
}

#[tokio::test]
async fn a_gateway_that_was_silent_asks_again_and_one_that_waits_is_answered() {
    let gateway = Gateway::configured(impatient).await;
    let known = Sent::get(PATH).bearer(&gateway.issuer.token("alice"));
    let new = Sent::get(PATH).bearer(&gateway.issuer.token("bob"));
    let mut silent = Gateways::of(&gateway).await;
    assert!(silent.ask(Dialect::EnvoyGrpc, &known).await.allowed());
    let latch = Latch::new();
    gateway.rc.hold_creates(Some(latch.clone()));
    let mut client = grpc(&gateway).await;
    let waiting =
        tokio::spawn(async move { client.check(with_secret(new.message())).await.unwrap() });
    latch.until_arrived(1).await;

    // One that is opened now and ends by the same limit shows that both were left alone for longer.
    let mut later = Raw::connect(gateway.running.grpc_address().unwrap()).await;
    let ended = tokio::time::timeout(BOUND, later.rest()).await;
    assert!(ended.is_ok());

    assert!(silent.ask(Dialect::EnvoyGrpc, &known).await.allowed());
    latch.open();
    let answer = waiting.await.unwrap().into_inner();
    assert_eq!(answer.status.unwrap().code, 0);
}

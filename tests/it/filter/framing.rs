//! Calls over gRPC that are no calls: each ends with a status that says so.

use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::Code;

use crate::filter::asking::{Gateways, SECRET, Sent, gateway};
use crate::support::gateway::Gateway;
use crate::support::http::{Pieces, whole};

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

async fn connect(gateway: &Gateway) -> http2::SendRequest<Pieces> {
    let address = gateway.running.grpc_address().unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// How a call ends, and whether it brought a message.
async fn call(
    sender: &mut http2::SendRequest<Pieces>,
    (path, kind): (&str, &str),
    body: &[u8],
) -> (Code, usize) {
    let request = Request::post(format!("http://gantry{path}"))
        .header("content-type", kind)
        .header("te", "trailers")
        .header("x-gantry-secret", SECRET)
        .body(whole(body.to_vec()))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let status = answer.headers().get("grpc-status").cloned();
    let body = answer.into_body().collect().await.unwrap();
    let trailer = body
        .trailers()
        .and_then(|trailers| trailers.get("grpc-status"))
        .cloned();
    let status = status.or(trailer).unwrap();
    (Code::from_bytes(status.as_bytes()), body.to_bytes().len())
}

#[tokio::test]
async fn a_call_that_is_none_ends_with_a_status_that_says_so() {
    let gateway = gateway().await;
    let mut sender = connect(&gateway).await;
    let good = (CHECK, "application/grpc");
    for (what, body, expected) in [
        ("nothing", &[][..], Code::InvalidArgument),
        ("half a prefix", &[0, 0, 0], Code::InvalidArgument),
        (
            "more told than sent",
            &[0, 0, 0, 0, 9],
            Code::InvalidArgument,
        ),
        (
            "less told than sent",
            &[0, 0, 0, 0, 0, 1],
            Code::InvalidArgument,
        ),
        (
            "two messages",
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            Code::InvalidArgument,
        ),
        ("compressed", &[1, 0, 0, 0, 0], Code::Unimplemented),
        (
            "no protobuf",
            &[0, 0, 0, 0, 3, 0xff, 0xff, 0xff],
            Code::InvalidArgument,
        ),
        (
            "a length without end",
            &[0, 0, 0, 0, 2, 0x0a, 0x7f],
            Code::InvalidArgument,
        ),
    ] {
        assert_eq!(call(&mut sender, good, body).await, (expected, 0), "{what}");
    }
    for (path, kind, expected) in [
        (
            "/envoy.service.auth.v3.Authorization/Else",
            "application/grpc",
            Code::Unimplemented,
        ),
        (
            "/envoy.service.auth.v2.Authorization/Check",
            "application/grpc",
            Code::Unimplemented,
        ),
        ("/", "application/grpc", Code::Unimplemented),
        (CHECK, "application/json", Code::InvalidArgument),
        (
            "/grpc.health.v1.Health/Watch",
            "application/grpc",
            Code::Unimplemented,
        ),
    ] {
        let (code, _) = call(&mut sender, (path, kind), &[0, 0, 0, 0, 0]).await;
        assert_eq!(code, expected, "{path} {kind}");
    }
    // An empty message is one, about no request: that is answered, with a refusal.
    let (code, length) = call(&mut sender, good, &[0, 0, 0, 0, 0]).await;
    assert_eq!(code, Code::Ok);
    assert!(length > 100);
}

#[tokio::test]
async fn many_questions_at_once_on_one_connection_are_all_answered() {
    let gateway = gateway().await;
    let tokens: Vec<String> = (0..10)
        .map(|index| gateway.issuer.token(&format!("user.{index}")))
        .collect();
    let mut asking = Vec::new();
    let client = crate::filter::asking::grpc(&gateway).await;
    for round in 0..300 {
        let sent = Sent::get("/api/v1/rooms.get").bearer(&tokens[round % tokens.len()]);
        let mut client = client.clone();
        asking.push(tokio::spawn(async move {
            let message = crate::filter::asking::with_secret(sent.message());
            let answer = client.check(message).await.unwrap().into_inner();
            answer.status.unwrap().code
        }));
    }
    for answer in asking {
        assert_eq!(answer.await.unwrap(), 0);
    }
    let mut gateways = Gateways::of(&gateway).await;
    let dialect = gantry::telemetry::metrics::Dialect::EnvoyGrpc;
    let nobody = gateways.ask(dialect, &Sent::get("/api/v1/rooms.get")).await;
    assert_eq!(nobody.status, 401);
}

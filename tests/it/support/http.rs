//! A bare HTTP client over hyper, for bodies that come in pieces and for HTTP/2 without TLS.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::gateway::Gateway;

/// A request body of the tests.
pub(crate) type Pieces = BoxBody<Bytes, Infallible>;

/// A body whose length is not told, and the end where its pieces are put in; it ends when that is dropped.
pub(crate) fn pieces() -> (mpsc::UnboundedSender<Bytes>, Pieces) {
    let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
    let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((Ok(Frame::data(piece)), receiver))
    });
    (sender, BodyExt::boxed(StreamBody::new(stream)))
}

/// A body whose length is not told, of `size` bytes in pieces.
pub(crate) fn streamed(size: usize) -> Pieces {
    let (sender, body) = pieces();
    for piece in vec![b'x'; size].chunks(10_000) {
        sender.send(Bytes::copy_from_slice(piece)).unwrap();
    }
    body
}

/// A body of told length.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Pieces {
    BodyExt::boxed(http_body_util::Full::new(bytes.into()))
}

/// A request with a bearer.
pub(crate) fn request(gateway: &Gateway, path: &str, token: &str, body: Pieces) -> Request<Pieces> {
    Request::post(gateway.url(path))
        .header("host", gateway.address().to_string())
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/octet-stream")
        .body(body)
        .unwrap()
}

/// A connection that speaks HTTP/1.1.
pub(crate) async fn http1(gateway: &Gateway) -> http1::SendRequest<Pieces> {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A connection that speaks HTTP/2 from its first byte on.
pub(crate) async fn h2c(gateway: &Gateway) -> http2::SendRequest<Pieces> {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// Status and JSON of an answer.
pub(crate) async fn json(answer: Response<Incoming>) -> (StatusCode, Value) {
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// The largest body that is sent a second time.
pub(crate) const HELD: usize = gantry::body::Held::LIMIT;

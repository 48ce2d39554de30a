//! `envoy.service.auth.v3.Authorization`: Envoy's questions.
//!
//! A call is one message in and one message out (gRPC over HTTP/2, "Length-Prefixed-Message"), which is little enough to be done here: the
//! general machinery for streams in both directions cost a warm decision as much as deciding did.

use std::net::IpAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderValue, Request, Response, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use prost::Message as _;
use tonic::Status;

use crate::filter::envoy_grpc::{self, CheckRequest, Limits};
use crate::headers::X_GANTRY_SECRET;
use crate::server::grpc::answer::Answer;
use crate::server::handler::Handler;

/// The service's name.
pub(super) const SERVICE: &str = "envoy.service.auth.v3.Authorization";

/// Its one method's path.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What stands before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Bytes of most answers.
const USUAL: usize = 512;

/// What all gRPC calls are.
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Answers the questions of one connection.
#[derive(Debug)]
pub(super) struct Authorization {
    limits: Limits,
    peer: IpAddr,
}

impl Authorization {
    pub(super) fn new(limits: Limits, peer: IpAddr) -> Self {
        Self { limits, peer }
    }

    /// Answers a call whose message has at most `longest` bytes.
    pub(super) async fn call(
        &self,
        request: Request<Incoming>,
        longest: usize,
        handler: &Handler,
    ) -> Response<Answer> {
        match self.check(request, longest, handler).await {
            Ok(message) => success(message),
            Err(status) => status.into_http().map(Answer::Other),
        }
    }

    async fn check(
        &self,
        request: Request<Incoming>,
        longest: usize,
        handler: &Handler,
    ) -> Result<Bytes, Status> {
        let (head, body) = request.into_parts();
        if head.uri.path() != CHECK {
            return Err(Status::unimplemented("no such method"));
        }
        let kind = head.headers.get(header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(GRPC.as_bytes())) {
            return Err(Status::invalid_argument("no grpc call"));
        }
        let mut shown = head.headers.get_all(X_GANTRY_SECRET).iter();
        let shown = match (shown.next(), shown.next()) {
            (Some(secret), None) => secret.as_bytes(),
            _ => b"",
        };
        if !handler.knows_gateway(self.peer, shown) {
            return Err(Status::permission_denied(
                "gantry answers gateways of listen.trusted_proxies that show x-gantry-secret",
            ));
        }
        let message = message(body, longest).await?;
        let question = CheckRequest::decode(message);
        let question = question.map_err(|_| Status::invalid_argument("message cannot be read"))?;
        let original = envoy_grpc::original(question, self.limits);
        match handler.check(original, self.peer).await {
            Ok(allowed) => Ok(framed(|out| envoy_grpc::yes(&allowed, out))),
            Err(denied) => {
                let (head, body) = denied.into_parts();
                let no = envoy_grpc::no(head.status, &head.headers, body);
                Ok(framed(|out| no.encode_raw(out)))
            }
        }
    }
}

/// The one message of a call.
async fn message(mut body: Incoming, longest: usize) -> Result<Bytes, Status> {
    // Mostly it comes in one piece, which is taken as it lies.
    let mut message = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Status::cancelled("message broke off"))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if message.len() + pieces.len() + piece.len() > PREFIX + longest {
            return Err(Status::out_of_range("message is too large"));
        }
        if message.is_empty() && pieces.is_empty() {
            message = piece;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut message));
            pieces.extend_from_slice(&piece);
        }
        if body.is_end_stream() {
            break;
        }
    }
    if !pieces.is_empty() {
        message = pieces.freeze();
    }
    if message.len() < PREFIX {
        return Err(Status::invalid_argument("no message"));
    }
    let prefix = message.split_to(PREFIX);
    match *prefix {
        [0, a, b, c, d] if u32::from_be_bytes([a, b, c, d]) as usize == message.len() => {
            Ok(message)
        }
        [0, ..] => Err(Status::invalid_argument("no single message")),
        _ => Err(Status::unimplemented("compressed messages are not read")),
    }
}

/// A message with its prefix.
fn framed(write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut message = BytesMut::with_capacity(USUAL);
    message.put_bytes(0, PREFIX);
    write(&mut message);
    // Answers are far below four gibibytes.
    let length = u32::try_from(message.len() - PREFIX).unwrap_or(u32::MAX);
    if let Some((_, place)) = message.split_at_mut(PREFIX).0.split_first_mut() {
        place.copy_from_slice(&length.to_be_bytes());
    }
    message.freeze()
}

/// A call that ended well.
fn success(message: Bytes) -> Response<Answer> {
    let mut response = Response::new(Answer::Message(message));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response
}

//! The way to the collector: OTLP as gRPC, or as protocol buffers over HTTP; one request for a batch, one answer.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use http_body_util::{BodyExt as _, Limited};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use reqwest::Method;
use tonic::{Code, Status};
use url::Url;

use crate::config::telemetry::{OtlpProtocol, Traces};

/// The gRPC method.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Largest answer that is read: it holds a number and a sentence.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Bytes before a message in gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("collector is not reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("collector does not answer in time")]
    Timeout,
    #[error("collector answers with status {0}")]
    Status(u16),
    #[error("collector answers with gRPC status {0:?}")]
    Refused(Code),
    #[error("collector's answer cannot be read")]
    Invalid,
}

impl SendError {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) | Self::Refused(_) => "refused",
            Self::Invalid => "invalid",
        }
    }

    /// Whether the same batch may be taken a little later (OTLP specification 1.9, "Failures").
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout => true,
            Self::Status(status) => matches!(status, 429 | 502..=504),
            Self::Refused(code) => matches!(
                code,
                Code::Cancelled
                    | Code::DeadlineExceeded
                    | Code::Aborted
                    | Code::OutOfRange
                    | Code::Unavailable
                    | Code::DataLoss
            ),
            Self::Invalid => false,
        }
    }
}

/// Where batches go.
#[derive(Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    protocol: OtlpProtocol,
    url: Url,
    headers: HeaderMap,
}

impl Collector {
    pub(super) fn new(traces: &Traces, http: reqwest::Client) -> Self {
        let mut url = traces.endpoint.clone();
        let mut headers = traces.headers.clone();
        let kind = match traces.protocol {
            OtlpProtocol::Grpc => {
                url.set_path(EXPORT);
                headers.insert(TE, HeaderValue::from_static("trailers"));
                "application/grpc"
            }
            OtlpProtocol::Http => "application/x-protobuf",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Self {
            http,
            protocol: traces.protocol,
            url,
            headers,
        }
    }

    /// A batch as it goes over the wire.
    pub(super) fn framed(&self, request: &ExportTraceServiceRequest) -> Bytes {
        let length = request.encoded_len();
        let mut framed = BytesMut::with_capacity(PREFIX + length);
        if self.protocol == OtlpProtocol::Grpc {
            framed.put_u8(0);
            // A batch has a bounded number of small spans.
            framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        }
        framed.put(request.encode_to_vec().as_slice());
        framed.freeze()
    }

    /// Sends a batch; says how many of its spans the collector left out.
    pub(super) async fn send(&self, framed: Bytes) -> Result<usize, SendError> {
        match tokio::time::timeout(PATIENCE, self.exchange(framed)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SendError::Timeout),
        }
    }

    async fn exchange(&self, framed: Bytes) -> Result<usize, SendError> {
        let mut request = reqwest::Request::new(Method::POST, self.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(framed.into());
        let answer = self.http.execute(request).await.map_err(failure)?;
        let (head, body) = http::Response::from(answer).into_parts();
        if head.status != 200 {
            return Err(SendError::Status(head.status.as_u16()));
        }
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|_| SendError::Invalid)?;
        let message = match self.protocol {
            OtlpProtocol::Http => body.to_bytes(),
            OtlpProtocol::Grpc => {
                let trailers = body.trailers();
                // An answer without a message has its status in the head.
                let status = trailers
                    .and_then(Status::from_header_map)
                    .or_else(|| Status::from_header_map(&head.headers))
                    .ok_or(SendError::Invalid)?;
                if status.code() != Code::Ok {
                    return Err(SendError::Refused(status.code()));
                }
                let message = body.to_bytes();
                message.slice(PREFIX.min(message.len())..)
            }
        };
        let answer = ExportTraceServiceResponse::decode(message).map_err(|_| SendError::Invalid)?;
        let left_out = answer.partial_success.map_or(0, |part| part.rejected_spans);
        Ok(usize::try_from(left_out).unwrap_or_default())
    }
}

fn failure(error: reqwest::Error) -> SendError {
    if error.is_timeout() && !error.is_connect() {
        return SendError::Timeout;
    }
    SendError::Unreachable(error.without_url())
}

//! Bodies of answers: one message with how the call ended behind it, or what the general machinery made.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

/// Where a call tells how it ended.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// An answer's body.
#[derive(Debug)]
pub(super) enum Answer {
    /// A message of a call that ended well, length and all.
    Message(Bytes),
    /// What stands behind it.
    End,
    /// Nothing more.
    Over,
    /// Of a call that failed, or of another service.
    Other(tonic::body::Body),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let frame = match this {
            Self::Other(body) => return Pin::new(body).poll_frame(context),
            Self::Message(message) => {
                let message = std::mem::take(message);
                *this = Self::End;
                Frame::data(message)
            }
            Self::End => {
                *this = Self::Over;
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
                Frame::trailers(trailers)
            }
            Self::Over => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Message(_) | Self::End => false,
            Self::Over => true,
            Self::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Message(message) => SizeHint::with_exact(message.len() as u64),
            Self::End | Self::Over => SizeHint::with_exact(0),
            Self::Other(body) => body.size_hint(),
        }
    }
}

//! The one body type on both sides: nothing, bytes we made, or a stream that passes through without being copied.
//!
//! A stream is never collected here; whoever must look into a body says how much of it may be held.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// A body's error is whatever its stream failed with; it ends the connection it belongs to.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The peer's stream broke.
    #[error("body stream broke")]
    Stream(#[from] hyper::Error),
    /// More bytes than the limit.
    #[error("body is larger than the limit")]
    TooLarge,
    /// No more bytes, though the body has not ended.
    #[error("body stands still")]
    Stalled,
}

/// A request's or an answer's body.
#[derive(Debug, Default)]
pub struct Body {
    kind: Kind,
    guard: Option<Guard>,
}

/// Told when an answer's body is finished or dropped.
pub trait Finish: Send + Sync + std::fmt::Debug {
    /// The body is over.
    fn finished(&self);
}

/// Calls [`Finish::finished`] once, when dropped.
#[derive(Debug)]
pub struct Guard(Arc<dyn Finish>);

impl Guard {
    /// Arms it.
    #[must_use]
    pub fn new(finish: Arc<dyn Finish>) -> Self {
        Self(finish)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.finished();
    }
}

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    Stream(Incoming),
    Limited {
        stream: Incoming,
        left: u64,
        held: Option<Held>,
    },
}

/// What has passed of a request's body: that something did, and, while it is small, the bytes by reference count, so that the
/// request can be sent once more.
#[derive(Clone, Debug, Default)]
pub struct Held(Arc<Mutex<HeldState>>);

#[derive(Debug, Default)]
struct HeldState {
    chunks: Vec<Bytes>,
    size: usize,
    complete: bool,
    lost: bool,
    moved: bool,
    awaited: bool,
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Bytes that are all there.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Full(bytes.into()),
            guard: None,
        }
    }

    /// An answer's stream, passed through.
    #[must_use]
    pub fn stream(stream: Incoming) -> Self {
        if stream.is_end_stream() {
            return Self::empty();
        }
        Self {
            kind: Kind::Stream(stream),
            guard: None,
        }
    }

    /// A request's stream of at most `limit` bytes; `held` keeps what has passed for a replay.
    #[must_use]
    pub fn limited(stream: Incoming, limit: u64, held: Option<Held>) -> Self {
        Self {
            kind: Kind::Limited {
                stream,
                left: limit,
                held,
            },
            guard: None,
        }
    }

    /// Keeps `guard` until this body is finished or dropped.
    #[must_use]
    pub fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Collects at most `limit` bytes.
    ///
    /// # Errors
    /// When there is more, or the stream breaks.
    pub async fn collect_up_to(mut self, limit: usize) -> Result<Bytes, BodyError> {
        let mut whole = Vec::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if whole.len() + data.len() > limit {
                return Err(BodyError::TooLarge);
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.into())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match &mut this.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.kind = Kind::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Kind::Stream(stream) => {
                let frame = ready!(Pin::new(stream).poll_frame(context));
                if frame.is_none() {
                    this.guard = None;
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
            }
            Kind::Limited { stream, left, held } => {
                let polled = Pin::new(stream).poll_frame(context);
                if let Some(held) = held {
                    held.state().awaited = polled.is_pending();
                }
                let Some(frame) = ready!(polled) else {
                    if let Some(held) = held {
                        held.complete();
                    }
                    return Poll::Ready(None);
                };
                let frame = frame?;
                if let Some(data) = frame.data_ref() {
                    let size = data.len() as u64;
                    if size > *left {
                        return Poll::Ready(Some(Err(BodyError::TooLarge)));
                    }
                    *left -= size;
                    if let Some(held) = held {
                        held.keep(data);
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stream(stream) => stream.is_end_stream(),
            // The end is told by a poll, which completes what is held.
            Kind::Limited { held: Some(_), .. } => false,
            Kind::Limited { stream, .. } => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(stream) | Kind::Limited { stream, .. } => stream.size_hint(),
        }
    }
}

impl Held {
    /// Bytes kept at most: larger bodies are not replayed (RC §13.3).
    pub const LIMIT: usize = 64 * 1024;

    /// Keeps nothing of a body that is too large for it anyway.
    #[must_use]
    pub fn nothing() -> Self {
        let held = Self::default();
        held.state().lost = true;
        held
    }

    /// Has anything passed since this was last asked?
    #[must_use]
    pub fn moved(&self) -> bool {
        std::mem::take(&mut self.state().moved)
    }

    /// Is the client the one who is waited for?
    #[must_use]
    pub fn awaited(&self) -> bool {
        self.state().awaited
    }

    /// The whole body, if all of it passed and was small enough.
    #[must_use]
    pub fn take(&self) -> Option<Bytes> {
        let mut state = self.state();
        if state.lost || !state.complete {
            return None;
        }
        let chunks = std::mem::take(&mut state.chunks);
        Some(match <[Bytes; 1]>::try_from(chunks) {
            Ok([only]) => only,
            Err(chunks) => chunks.concat().into(),
        })
    }

    fn keep(&self, data: &Bytes) {
        let mut state = self.state();
        state.moved = true;
        state.size += data.len();
        if state.size > Self::LIMIT {
            state.lost = true;
            state.chunks = Vec::new();
        }
        if !state.lost {
            state.chunks.push(data.clone());
        }
    }

    fn complete(&self) {
        self.state().complete = true;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, HeldState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The one body type on both sides: nothing, bytes we made, or a stream that passes through without being copied.
//!
//! A stream is never collected here; whoever must look into a body says how much of it may be held.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

pub mod course;
pub mod held;
pub mod inserting;

pub use course::{Answering, Course, Guard, Pieces, Upload, Wait};
pub use held::Held;
pub use inserting::{Insertion, Seen};

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
    /// The body is sent once more, and this is the old sending of it.
    #[error("body is sent by another request now")]
    Superseded,
}

/// A request's or an answer's body.
#[derive(Debug, Default)]
pub struct Body {
    kind: Kind,
    guard: Option<Guard>,
}

/// Moves the connection that an answer's body comes from, when it has no task of its own.
pub trait Drive: Send + std::fmt::Debug {
    /// Lets the connection read and write what it can; it wakes this task when it can do more.
    fn drive(&mut self, context: &mut Context<'_>);

    /// The body has ended. One that is dropped before takes its connection with it.
    fn ended(self: Box<Self>);
}

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    Stream(Incoming),
    Driven {
        stream: Incoming,
        /// `None` once the body has ended.
        driver: Option<Box<dyn Drive>>,
    },
    Limited {
        stream: Upload,
        left: u64,
    },
    Held(held::Sending),
    /// To be told; `None` when it was.
    Broken(Option<BodyError>),
    Inserting(Box<inserting::Inserting>),
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

    /// An answer's stream from a connection that is driven by whoever reads it.
    #[must_use]
    pub fn driven(stream: Incoming, driver: Box<dyn Drive>) -> Self {
        Self {
            kind: Kind::Driven {
                stream,
                driver: Some(driver),
            },
            guard: None,
        }
    }

    /// A request's stream of at most `limit` bytes.
    #[must_use]
    pub fn limited(stream: Upload, limit: u64) -> Self {
        Self {
            kind: Kind::Limited {
                stream,
                left: limit,
            },
            guard: None,
        }
    }

    /// A request's stream of at most `limit` bytes, of which what has passed is kept while it is small, so that it can be sent once
    /// more.
    #[must_use]
    pub fn held(stream: Upload, limit: u64) -> (Self, Held) {
        let (held, sending) = Held::new(stream, limit);
        (Self::sending(sending), held)
    }

    fn sending(sending: held::Sending) -> Self {
        Self {
            kind: Kind::Held(sending),
            guard: None,
        }
    }

    /// This body with something put into its beginning.
    #[must_use]
    pub fn inserting(self, insertion: Insertion) -> Self {
        Self {
            kind: Kind::Inserting(Box::new(inserting::Inserting::new(self, insertion))),
            guard: None,
        }
    }

    /// Keeps `guard` until this body is finished or dropped.
    pub fn keep(&mut self, guard: Guard) {
        self.guard = Some(guard);
    }

    /// What came of an answer's stream. That it broke is told one turn later, so that what came before goes out first: otherwise the
    /// client would not even see the head of an answer that broke off at once.
    fn answered(
        &mut self,
        frame: Option<Result<Frame<Bytes>, hyper::Error>>,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match frame {
            Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Err(error)) => {
                self.kind = Kind::Broken(Some(error.into()));
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.guard = None;
                Poll::Ready(None)
            }
        }
    }

    fn poll_kind(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.kind = Kind::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Kind::Stream(stream) => {
                let frame = ready!(Pin::new(stream).poll_frame(context));
                self.answered(frame, context)
            }
            Kind::Driven { stream, driver } => {
                let frame = ready!(poll_driven(stream, driver, context));
                self.answered(frame, context)
            }
            Kind::Broken(error) => Poll::Ready(error.take().map(Err)),
            Kind::Limited { stream, left } => {
                let frame = ready!(Pin::new(stream).poll_frame(context));
                Poll::Ready(frame.map(|frame| within(frame?, left)))
            }
            Kind::Held(sending) => sending.poll_frame(context),
            Kind::Inserting(inserting) => inserting.poll_frame(context),
        }
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
        if let Some(frame) = self.guard.as_mut().and_then(Guard::give) {
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = self.poll_kind(context);
        match &mut self.guard {
            Some(guard) => guard.part(frame),
            None => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        if self.guard.as_ref().is_some_and(Guard::holds_back) {
            return false;
        }
        match &self.kind {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Broken(error) => error.is_none(),
            Kind::Stream(stream) | Kind::Driven { stream, .. } => stream.is_end_stream(),
            Kind::Limited { stream, .. } => stream.is_end_stream(),
            Kind::Held(sending) => sending.is_end_stream(),
            Kind::Inserting(inserting) => inserting.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Broken(_) => SizeHint::default(),
            Kind::Stream(stream) | Kind::Driven { stream, .. } => stream.size_hint(),
            Kind::Limited { stream, .. } => stream.size_hint(),
            Kind::Held(sending) => sending.size_hint(),
            // How long it becomes shows when it is over.
            Kind::Inserting(_) => SizeHint::default(),
        }
    }
}

/// The next frame, after moving its connection when none is there yet.
fn poll_driven(
    stream: &mut Incoming,
    driver: &mut Option<Box<dyn Drive>>,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
    // Only the connection brings frames, and it is driven here: the stream itself needs to wake nobody.
    let mut quiet = Context::from_waker(Waker::noop());
    let mut frame = Pin::new(&mut *stream).poll_frame(&mut quiet);
    if frame.is_pending()
        && let Some(driver) = driver
    {
        driver.drive(context);
        frame = Pin::new(&mut *stream).poll_frame(&mut quiet);
    }
    let frame = ready!(frame);
    if (frame.is_none() || stream.is_end_stream())
        && let Some(driver) = driver.take()
    {
        driver.ended();
    }
    Poll::Ready(frame)
}

/// The frame, if what it carries is still within the limit.
fn within(frame: Frame<Bytes>, left: &mut u64) -> Result<Frame<Bytes>, BodyError> {
    let size = frame.data_ref().map_or(0, |data| data.len() as u64);
    *left = left.checked_sub(size).ok_or(BodyError::TooLarge)?;
    Ok(frame)
}

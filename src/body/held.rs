//! A request's body that can be sent once more: what has passed is kept by reference count while it is small, and the rest still
//! comes from the client.
//!
//! So a refusal that comes before the body has ended costs nothing: the second sending begins with what was kept and goes on with
//! the stream. The first sending is cut off at that moment, which closes its connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::{Body, BodyError, Upload, within};

/// What is known of a body on its way up, and the right to send it once more.
#[derive(Debug)]
pub struct Held(Arc<Mutex<State>>);

/// One sending of a body.
#[derive(Debug)]
pub(super) struct Sending {
    state: Arc<Mutex<State>>,
    number: u32,
    /// Kept pieces that this sending has given.
    given: usize,
}

#[derive(Debug)]
struct State {
    stream: Upload,
    left: u64,
    chunks: Vec<Bytes>,
    size: usize,
    /// Too much has passed for a second sending.
    lost: bool,
    /// The sending that may go on.
    current: u32,
    /// Something passed since this was last asked.
    moved: bool,
    /// The client is who is waited for; its waker is who waits.
    waker: Option<Waker>,
}

impl Held {
    /// Bytes kept at most: larger bodies are not replayed (RC §13.3).
    pub const LIMIT: usize = 64 * 1024;

    pub(super) fn new(stream: Upload, limit: u64) -> (Self, Sending) {
        let declared = stream.size_hint().exact();
        let state = Arc::new(Mutex::new(State {
            stream,
            left: limit,
            chunks: Vec::new(),
            size: 0,
            lost: declared.is_some_and(|size| size > Self::LIMIT as u64),
            current: 0,
            moved: false,
            waker: None,
        }));
        let sending = Sending {
            state: Arc::clone(&state),
            number: 0,
            given: 0,
        };
        (Self(state), sending)
    }

    /// Has anything passed since this was last asked?
    #[must_use]
    pub fn moved(&self) -> bool {
        std::mem::take(&mut lock(&self.0).moved)
    }

    /// Is the client the one who is waited for?
    #[must_use]
    pub fn awaited(&self) -> bool {
        lock(&self.0).waker.is_some()
    }

    /// The body from its beginning, unless too much of it has passed.
    #[must_use]
    pub fn again(&self) -> Option<Body> {
        let mut state = lock(&self.0);
        if state.lost {
            return None;
        }
        state.current += 1;
        let number = state.current;
        // Who sent it before waits for the client perhaps, and must hear that it waits in vain.
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Some(Body::sending(Sending {
            state: Arc::clone(&self.0),
            number,
            given: 0,
        }))
    }
}

impl Sending {
    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = lock(&self.state);
        if state.current != self.number {
            return Poll::Ready(Some(Err(BodyError::Superseded)));
        }
        if let Some(chunk) = state.chunks.get(self.given).cloned() {
            self.given += 1;
            state.moved = true;
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let Poll::Ready(frame) = Pin::new(&mut state.stream).poll_frame(context) else {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        state.waker = None;
        let Some(frame) = frame else {
            return Poll::Ready(None);
        };
        let frame = within(frame?, &mut state.left)?;
        state.moved = true;
        if let Some(data) = frame.data_ref() {
            state.keep(data);
            self.given = state.chunks.len();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let state = lock(&self.state);
        self.given >= state.chunks.len() && state.stream.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let state = lock(&self.state);
        let kept = state.chunks.iter().skip(self.given).map(Bytes::len);
        let kept = kept.sum::<usize>() as u64;
        match state.stream.size_hint().exact() {
            Some(rest) => SizeHint::with_exact(kept + rest),
            None => SizeHint::default(),
        }
    }
}

impl State {
    fn keep(&mut self, data: &Bytes) {
        self.size += data.len();
        if self.lost || self.size > Held::LIMIT {
            self.lost = true;
            self.chunks = Vec::new();
        } else {
            self.chunks.push(data.clone());
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

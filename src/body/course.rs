//! The course of a request, as its two bodies show it: is the client waited for, or does something wait for the client?
//!
//! Nobody here looks at a clock. Whoever watches the connection looks now and then, and gives up what stands still.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::BodyError;

/// Follows a request from its head to the end of its answer.
pub trait Course: Send + Sync + Debug {
    /// The wait for its body.
    fn wait(&self) -> &Wait;

    /// Its answer's body was asked for more. Between requests of one connection at a time, the connection itself shows what this tells.
    fn answering(&self, _: Answering) {}

    /// Its answer's body is finished or dropped.
    fn finished(&self);
}

/// Who is waited for with an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    /// The client: a piece was given, and no more is asked for until it has room.
    Client,
    /// Whoever answers.
    Source,
}

/// Tells a [`Course`] of its answer, and calls [`Course::finished`] once, when dropped.
#[derive(Debug)]
pub struct Guard {
    course: Arc<dyn Course>,
    /// What came of the answer and has not been given, where it is given in pieces: in a place of its own, because every answer is moved
    /// with its guard.
    rest: Option<Box<Bytes>>,
}

/// How what comes of an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// As it comes.
    Whole,
    /// In small pieces, the last byte by itself. HTTP/2 takes a piece when its client has room for one byte of it, and asks for the next
    /// when it has room for all of it. So a client that is slow is seen to move, and one that makes room for a single byte cannot
    /// leave large pieces lying, unwatched because they were the last: the last byte is taken when there is room for all before it.
    Small,
}

/// Bytes of a piece: as many as a frame of HTTP/2 has, unless its client asks for larger ones (RFC 9113 §6.5.2).
const PIECE: usize = 16 * 1024;

/// Bytes that may be left lying: as much as an answer's own head.
const LITTLE: usize = 1024;

impl Guard {
    /// Arms it.
    #[must_use]
    pub fn new(course: Arc<dyn Course>, pieces: Pieces) -> Self {
        Self {
            course,
            rest: (pieces == Pieces::Small).then(Box::default),
        }
    }

    /// Is there something that waits to be given?
    pub(super) fn holds_back(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| !rest.is_empty())
    }

    /// The next piece of what waits to be given.
    pub(super) fn give(&mut self) -> Option<Frame<Bytes>> {
        let rest = self.rest.as_mut()?;
        let piece = match rest.len() {
            0 => return None,
            1 => 1,
            length => PIECE.min(length - 1),
        };
        self.course.answering(Answering::Client);
        Some(Frame::data(rest.split_to(piece)))
    }

    /// The answer's body was asked for more, and this came of it; the part of it that is given now.
    pub(super) fn part<E>(
        &mut self,
        frame: Poll<Option<Result<Frame<Bytes>, E>>>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.course.answering(match frame {
            Poll::Ready(_) => Answering::Client,
            Poll::Pending => Answering::Source,
        });
        let Some(rest) = &mut self.rest else {
            return frame;
        };
        frame.map_ok(|frame| {
            frame.map_data(|mut data| {
                if data.len() <= LITTLE {
                    // It may be a part of a large buffer, which must not be left lying with it.
                    return Bytes::copy_from_slice(&data);
                }
                let piece = data.split_to(PIECE.min(data.len() - 1));
                **rest = data;
                piece
            })
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.course.finished();
    }
}

/// The wait for a request's body.
#[derive(Debug, Default)]
pub struct Wait(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    who: Who,
    /// When the present wait was first looked at.
    since: Option<Instant>,
}

#[derive(Debug, Default)]
enum Who {
    #[default]
    Nobody,
    /// Whoever reads the body.
    Reader(Waker),
    /// It took too long, which the reader is told.
    Late,
}

impl Wait {
    /// Begins with another request, on a connection that carries one at a time.
    pub fn renew(&self) {
        *self.waiting() = Waiting::default();
    }

    /// Looks at the wait; true when it has lasted for `allowed` and is given up now. It began up to one look earlier than is known here,
    /// so that nobody is given up too soon.
    pub fn is_over(&self, allowed: Duration, now: Instant) -> bool {
        let mut waiting = self.waiting();
        let Waiting { who, since } = &mut *waiting;
        let Who::Reader(reader) = who else {
            return false;
        };
        if now.duration_since(*since.get_or_insert(now)) < allowed {
            return false;
        }
        let reader = reader.clone();
        *who = Who::Late;
        drop(waiting);
        reader.wake();
        true
    }

    /// Somebody waits for the client; false when that took too long.
    fn begins(&self, reader: &Waker) -> bool {
        let mut waiting = self.waiting();
        match &mut waiting.who {
            Who::Late => return false,
            Who::Reader(known) => known.clone_from(reader),
            Who::Nobody => {
                *waiting = Waiting {
                    who: Who::Reader(reader.clone()),
                    since: None,
                }
            }
        }
        true
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's body as it comes from the client. It fails with [`BodyError::Stalled`] when the wait for it is given up.
#[derive(Debug)]
pub struct Upload {
    stream: Incoming,
    /// `None` when there is nothing to wait for.
    course: Option<Arc<dyn Course>>,
    waits: bool,
}

impl Upload {
    /// Of the request that this course follows.
    #[must_use]
    pub fn new(stream: Incoming, course: &Arc<dyn Course>) -> Self {
        let course = (!stream.is_end_stream()).then(|| Arc::clone(course));
        Self {
            stream,
            course,
            waits: false,
        }
    }

    fn waits_no_more(&mut self) {
        if std::mem::take(&mut self.waits)
            && let Some(course) = &self.course
        {
            course.wait().renew();
        }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.stream).poll_frame(context) {
            self.waits_no_more();
            return Poll::Ready(frame.map(|frame| Ok(frame?)));
        }
        let waited = match &self.course {
            Some(course) => course.wait().begins(context.waker()),
            None => true,
        };
        if !waited {
            return Poll::Ready(Some(Err(BodyError::Stalled)));
        }
        self.waits = true;
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.size_hint()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.waits_no_more();
    }
}

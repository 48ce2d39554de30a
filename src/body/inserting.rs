//! A stream with a piece put into its beginning: what must be seen to find the place is held, everything else passes as it comes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};

use super::{Body, BodyError};

/// What is put in, and where.
#[derive(Clone, Copy, Debug)]
pub struct Insertion {
    /// What is put in.
    pub piece: &'static str,
    /// Most bytes that are held to find the place; past that, it is looked for in these.
    pub window: usize,
    /// The place, as far as these bytes tell; `None` means that more must be seen or, when all is there, that there is none.
    pub place: fn(&[u8], Seen) -> Option<usize>,
}

/// How much of the beginning is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// More may come.
    Part,
    /// All there is, or all that may be held.
    Whole,
}

/// The stream on its way.
#[derive(Debug)]
pub(super) struct Inserting {
    inner: Body,
    insertion: Insertion,
    /// What is held while the place is not found.
    held: Option<BytesMut>,
    /// What goes out next.
    ready: VecDeque<Frame<Bytes>>,
}

impl Inserting {
    pub(super) fn new(inner: Body, insertion: Insertion) -> Self {
        Self {
            inner,
            insertion,
            held: Some(BytesMut::new()),
            ready: VecDeque::new(),
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
            let Some(held) = &mut self.held else {
                return Poll::Ready(frame);
            };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        held.extend_from_slice(&data);
                        let seen = if held.len() < self.insertion.window {
                            Seen::Part
                        } else {
                            Seen::Whole
                        };
                        self.settle(seen);
                    }
                    // Trailers: the body is over.
                    Err(trailers) => {
                        self.settle(Seen::Whole);
                        self.ready.push_back(trailers);
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.settle(Seen::Whole);
                    if self.ready.is_empty() {
                        return Poll::Ready(None);
                    }
                }
            }
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.ready.is_empty() && self.inner.is_end_stream()
    }

    /// Lets what is held go, if its place for the piece is known or there is no more to come.
    fn settle(&mut self, seen: Seen) {
        let Some(held) = &self.held else { return };
        let looked = held.get(..self.insertion.window).unwrap_or(held);
        let place = (self.insertion.place)(looked, seen);
        if place.is_none() && seen == Seen::Part {
            return;
        }
        let mut rest = self.held.take().unwrap_or_default().freeze();
        if let Some(place) = place {
            let before = rest.split_to(place.min(rest.len()));
            self.push(before);
            self.push(Bytes::from_static(self.insertion.piece.as_bytes()));
        }
        self.push(rest);
    }

    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.ready.push_back(Frame::data(bytes));
        }
    }
}

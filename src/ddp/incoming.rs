//! Follows the frames of one direction over any split of its bytes: which of them are whole, and where messages begin and end.
//!
//! Two ways of reading: whole messages, which gathers only what one piece of bytes does not hold; and heads, which lets data
//! pass unseen. Control frames are whole in both. Nothing is gathered before it is known to stay within the limit, and room
//! is taken for what came, not for what a head promises.

use std::mem;
use std::ops::Range;

use crate::ddp::frame::{Broken, Head, LONGEST_HEAD, Opcode, Sender, check_close, key_from, mask};

/// How data frames are read. Changes only between messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) enum Reading {
    /// Messages whole, of at most so many bytes.
    Whole(usize),
    /// Heads only.
    Heads,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) enum Fault {
    Broken,
    Binary,
    TooLarge,
}

impl From<Broken> for Fault {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

/// Bytes of a head that came apart from the rest.
#[derive(Clone, Copy, Debug)]
pub(in crate::ddp) struct PartHead {
    bytes: [u8; LONGEST_HEAD],
    length: u8,
}

impl PartHead {
    const NONE: Self = Self {
        bytes: [0; LONGEST_HEAD],
        length: 0,
    };

    pub(in crate::ddp) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Adds what fits.
    fn add(&mut self, more: &[u8]) {
        let room = &mut self.bytes[usize::from(self.length)..];
        let added = room.len().min(more.len());
        room[..added].copy_from_slice(&more[..added]);
        // At most LONGEST_HEAD, which a byte holds.
        self.length += added as u8;
    }
}

/// Where a payload is.
pub(in crate::ddp) enum Place {
    /// In the bytes given, masked as it came; its frame is all that was taken of them.
    Here(Range<usize>),
    /// Gathered from several, unmasked.
    Gathered(Vec<u8>),
}

/// What was found.
pub(in crate::ddp) enum Piece {
    /// Nothing is whole yet; what was taken is kept.
    Nothing,
    /// Data passing by. `head` is what an earlier piece of bytes held of its frame's head, `payload` where the payload begins,
    /// and `resumes` tells that it goes on with an earlier frame's text.
    Passing {
        head: Option<PartHead>,
        payload: usize,
        resumes: bool,
    },
    /// A whole message.
    Message { key: Option<[u8; 4]>, at: Place },
    /// A whole control frame.
    Control {
        opcode: Opcode,
        key: Option<[u8; 4]>,
        at: Place,
    },
}

/// What may come next in a direction, seen by who writes into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) enum Edge {
    /// A message may begin.
    Messages,
    /// A control frame may begin, but no message.
    Fragments,
    /// A frame is not at its end.
    Inside,
}

/// A frame that is not at its end.
struct Frame {
    head: Head,
    left: u64,
}

/// One direction. What it gathers may be secret, so none of this is shown.
pub(in crate::ddp) struct Incoming {
    sender: Sender,
    part_head: PartHead,
    frame: Option<Frame>,
    fragmented: bool,
    closed: bool,
    /// The key of the message under way: that of its first frame.
    key: Option<[u8; 4]>,
    text: Vec<u8>,
    control: Vec<u8>,
}

impl Incoming {
    pub(in crate::ddp) fn new(sender: Sender) -> Self {
        Self {
            sender,
            part_head: PartHead::NONE,
            frame: None,
            fragmented: false,
            closed: false,
            key: None,
            text: Vec::new(),
            control: Vec::new(),
        }
    }

    /// Bytes of room that it keeps.
    #[cfg(test)]
    pub(in crate::ddp) fn room(&self) -> usize {
        self.text.capacity() + self.control.capacity()
    }

    /// Has a close frame come? What follows it counts no more (RFC 6455 §5.5.1).
    pub(in crate::ddp) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where the stream stands, as far as it was handed on while reading heads.
    pub(in crate::ddp) fn edge(&self) -> Edge {
        match &self.frame {
            Some(frame) if !frame.head.opcode.is_control() => Edge::Inside,
            Some(_) | None if self.fragmented => Edge::Fragments,
            Some(_) | None => Edge::Messages,
        }
    }

    /// Takes one piece from the beginning of `bytes`, and says how many bytes it was.
    pub(in crate::ddp) fn next(
        &mut self,
        bytes: &[u8],
        reading: Reading,
    ) -> Result<(usize, Piece), Fault> {
        if self.closed {
            return Ok((bytes.len(), Piece::Nothing));
        }
        let mut begun = None;
        if self.frame.is_none() {
            let earlier = self.part_head;
            let head = if earlier.length == 0 {
                Head::read(bytes, self.sender)?
            } else {
                self.part_head.add(bytes);
                Head::read(self.part_head.bytes(), self.sender)?
            };
            let Some(head) = head else {
                if earlier.length == 0 {
                    self.part_head.add(bytes);
                }
                return Ok((bytes.len(), Piece::Nothing));
            };
            self.part_head = PartHead::NONE;
            self.admit(&head, reading)?;
            begun = Some(earlier);
            self.frame = Some(Frame {
                head,
                left: head.length,
            });
        }
        let Some(frame) = &mut self.frame else {
            return Ok((bytes.len(), Piece::Nothing));
        };
        let head = frame.head;
        let start = begun.map_or(0, |earlier| head.size - usize::from(earlier.length));
        let rest = bytes.len() - start;
        let taken = usize::try_from(frame.left).map_or(rest, |left| left.min(rest));
        let range = start..start + taken;
        let offset = head.length - frame.left;
        frame.left -= taken as u64;
        let ended = frame.left == 0;
        let all_here = ended && begun.is_some_and(|earlier| earlier.length == 0);
        let single = head.fin && head.opcode == Opcode::Text;
        if ended {
            self.end_frame(&head);
        }
        let end = range.end;
        let piece = if head.opcode.is_control() {
            let at = if all_here {
                Some(Place::Here(range))
            } else {
                gather(&mut self.control, &bytes[range], head.key, offset);
                ended.then(|| Place::Gathered(mem::take(&mut self.control)))
            };
            at.map_or(Piece::Nothing, |at| Piece::Control {
                opcode: head.opcode,
                key: head.key,
                at,
            })
        } else if reading == Reading::Heads {
            Piece::Passing {
                head: begun.filter(|earlier| earlier.length > 0),
                payload: start,
                resumes: begun.is_some() && head.opcode == Opcode::Continuation,
            }
        } else if all_here && single {
            Piece::Message {
                key: head.key,
                at: Place::Here(range),
            }
        } else {
            gather(&mut self.text, &bytes[range], head.key, offset);
            if ended && head.fin {
                Piece::Message {
                    key: self.key,
                    at: Place::Gathered(mem::take(&mut self.text)),
                }
            } else {
                Piece::Nothing
            }
        };
        Ok((end, piece))
    }

    /// Judges a frame by its head.
    fn admit(&mut self, head: &Head, reading: Reading) -> Result<(), Fault> {
        if head.opcode.is_control() {
            return Ok(());
        }
        if self.fragmented != (head.opcode == Opcode::Continuation) {
            return Err(Fault::Broken);
        }
        if head.opcode == Opcode::Binary {
            return Err(Fault::Binary);
        }
        if let Reading::Whole(limit) = reading {
            let room = limit.saturating_sub(self.text.len()) as u64;
            if head.length > room {
                return Err(Fault::TooLarge);
            }
        }
        if !self.fragmented {
            self.key = head.key;
        }
        Ok(())
    }

    fn end_frame(&mut self, head: &Head) {
        self.frame = None;
        if head.opcode == Opcode::Close {
            self.closed = true;
        } else if !head.opcode.is_control() {
            self.fragmented = !head.fin;
        }
    }
}

/// Checks what a control frame says.
pub(in crate::ddp) fn check_control(opcode: Opcode, payload: &[u8]) -> Result<(), Fault> {
    match opcode {
        Opcode::Close => Ok(check_close(payload)?),
        _ => Ok(()),
    }
}

fn gather(into: &mut Vec<u8>, payload: &[u8], key: Option<[u8; 4]>, offset: u64) {
    let start = into.len();
    into.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut into[start..], key_from(key, offset));
    }
}

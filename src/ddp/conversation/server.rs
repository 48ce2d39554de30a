//! What Rocket.Chat says: passed unseen but for the auth token, and looked into message by message while an answer to one of our
//! logins is due or secrets are to be scrubbed.

use std::borrow::Cow;

use crate::ddp::conversation::Conversation;
use crate::ddp::frame::{self, Opcode};
use crate::ddp::incoming::{self, Edge, Fault, PartHead, Piece, Place, Reading};
use crate::ddp::login::Heard;
use crate::ddp::{Framing, Judge, Sink, Violation, message, sockjs};

/// Bytes of a message that is looked into: as many as of a REST answer that is scrubbed.
const MOST_LOOKED_AT: usize = 4 * 1024 * 1024;

/// Bytes that go down as they came, in one piece.
#[derive(Default)]
struct Run {
    /// What an earlier piece of bytes held of the first frame's head.
    head: Option<PartHead>,
    start: usize,
    /// Up to where it was looked through for the auth token.
    searched: usize,
    /// Does some of the bytes that came hold an id of ours?
    mentioned: bool,
}

impl Conversation {
    /// Takes bytes of Rocket.Chat's.
    ///
    /// # Errors
    /// When the socket must end.
    pub fn from_server(
        &mut self,
        bytes: &[u8],
        judge: &impl Judge,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        // An answer to a login that was answered before must not reach the client either.
        let mentioned = self.login.is_mentioned(bytes);
        let mut run = Run {
            mentioned,
            ..Run::default()
        };
        let mut at = 0;
        while at < bytes.len() {
            if self.down.edge() == Edge::Messages {
                self.looking = self.login.is_owed() || self.scrubbing || mentioned;
            }
            let reading = if self.looking {
                Reading::Whole(MOST_LOOKED_AT)
            } else {
                Reading::Heads
            };
            let begin = at;
            let (taken, piece) = self.down.next(&bytes[at..], reading).map_err(violation)?;
            at += taken;
            match piece {
                Piece::Passing {
                    head,
                    payload,
                    resumes,
                } => {
                    if resumes {
                        // The text goes on behind the head, and so may a token in it.
                        self.search(&bytes[..begin], &mut run)?;
                        run.searched = begin + payload;
                    }
                    run.head = run.head.or(head);
                }
                piece => {
                    let instead = self.replace(piece, &bytes[begin..at], judge)?;
                    if let Some(frames) = instead {
                        self.pass_down(&bytes[..begin], &mut run, sink)?;
                        if !frames.is_empty() {
                            sink.down(&frames);
                        }
                        (run.start, run.searched) = (at, at);
                    } else if self.looking || self.down.edge() != Edge::Messages {
                        // It was looked into by itself, or is a control frame between two parts of a text.
                        self.search(&bytes[..begin], &mut run)?;
                        run.searched = at;
                    }
                }
            }
            let held = !self.backlog.is_empty() && !self.is_stopped();
            if (held || !self.waiting.is_empty()) && self.down.edge() == Edge::Messages {
                self.pass_down(&bytes[..at], &mut run, sink)?;
                self.take_turn(judge, sink);
            }
        }
        self.pass_down(bytes, &mut run, sink)
    }

    /// Says what waited for the end of a message, and goes on with what the client said.
    fn take_turn(&mut self, judge: &impl Judge, sink: &mut impl Sink) {
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() && !self.closed {
            sink.down(&waiting);
        }
        self.go_on(judge, sink);
    }

    /// Passes the run up to the end of `bytes`, which the stream's reader has not gone beyond with anything that passes.
    fn pass_down(
        &mut self,
        bytes: &[u8],
        run: &mut Run,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        self.search(bytes, run)?;
        if let Some(head) = run.head.take() {
            sink.down(head.bytes());
        }
        if run.start < bytes.len() {
            sink.down(&bytes[run.start..]);
        }
        run.start = bytes.len();
        self.edge = if self.looking {
            Edge::Messages
        } else {
            self.down.edge()
        };
        self.closed = self.down.is_closed();
        Ok(())
    }

    /// Looks the run through up to the end of `bytes`.
    fn search(&mut self, bytes: &[u8], run: &mut Run) -> Result<(), Violation> {
        let piece = bytes.get(run.searched..).unwrap_or_default();
        run.searched = run.searched.max(bytes.len());
        if run.mentioned {
            return self.login.watch(piece);
        }
        self.login.watch_unmentioned(piece)
    }

    /// The frames that go down in the place of a piece; `None` when it goes as it came, being all of `bytes`.
    fn replace(
        &mut self,
        piece: Piece,
        bytes: &[u8],
        judge: &impl Judge,
    ) -> Result<Option<Vec<u8>>, Violation> {
        match piece {
            Piece::Nothing | Piece::Passing { .. } => Ok(Some(Vec::new())),
            Piece::Control { opcode, at, .. } => {
                let payload = payload(&at, bytes);
                incoming::check_control(opcode, payload).map_err(violation)?;
                if self.login.is_told_by(payload) {
                    return Err(Violation::TokenDown);
                }
                Ok(as_it_came(&at, opcode))
            }
            Piece::Message { at, .. } => {
                let text = std::str::from_utf8(payload(&at, bytes))
                    .map_err(|_| Violation::ServerUnreadable)?;
                let Some(messages) = self.look(text, judge)? else {
                    return Ok(as_it_came(&at, Opcode::Text));
                };
                let mut out = Vec::new();
                for message in messages {
                    frame::write(&mut out, Opcode::Text, None, message.as_bytes());
                }
                Ok(Some(out))
            }
        }
    }

    /// The texts that go down in the place of this one; `None` when it stays.
    fn look(&mut self, text: &str, judge: &impl Judge) -> Result<Option<Vec<String>>, Violation> {
        if self.framing == Framing::Raw {
            return self.look_at_message(text, judge);
        }
        let Some(messages) = sockjs::from_server(text)? else {
            return self.checked(text).map(|()| None);
        };
        let mut kept: Vec<Cow<'_, str>> = Vec::with_capacity(messages.len());
        let mut changed = false;
        for raw in messages {
            let text = message::string(raw).ok_or(Violation::ServerUnreadable)?;
            match self.look_at_message(&text, judge)? {
                None => kept.push(raw.get().into()),
                Some(instead) => {
                    changed = true;
                    kept.extend(instead.iter().map(|message| sockjs::quote(message).into()));
                }
            }
        }
        if !changed {
            return Ok(None);
        }
        let frame = (!kept.is_empty()).then(|| sockjs::to_client(kept.iter().map(AsRef::as_ref)));
        Ok(Some(frame.into_iter().collect()))
    }

    /// The messages that go down in the place of this one; `None` when it stays.
    fn look_at_message(
        &mut self,
        text: &str,
        judge: &impl Judge,
    ) -> Result<Option<Vec<String>>, Violation> {
        let mut messages = match self.login.hear(text)? {
            Heard::Instead(messages) => Some(messages),
            Heard::Keep => None,
        };
        if self.scrubbing {
            match &mut messages {
                Some(messages) => {
                    for message in messages {
                        if let Some(clean) = scrubbed(message, judge)? {
                            *message = clean;
                        }
                    }
                }
                None => messages = scrubbed(text, judge)?.map(|clean| vec![clean]),
            }
        }
        match &messages {
            Some(messages) => messages.iter().try_for_each(|text| self.checked(text))?,
            None => self.checked(text)?,
        }
        Ok(messages)
    }

    /// The last look at a text before it goes down: wherever the auth token stood, it must be gone.
    fn checked(&self, text: &str) -> Result<(), Violation> {
        if self.login.is_told_by(text.as_bytes()) {
            return Err(Violation::TokenDown);
        }
        Ok(())
    }
}

fn scrubbed(text: &str, judge: &impl Judge) -> Result<Option<String>, Violation> {
    let clean = judge
        .scrub(text.as_bytes())
        .map_err(|_| Violation::ServerUnreadable)?;
    clean
        .map(|clean| String::from_utf8(clean).map_err(|_| Violation::ServerUnreadable))
        .transpose()
}

fn payload<'a>(at: &'a Place, bytes: &'a [u8]) -> &'a [u8] {
    match at {
        Place::Here(range) => &bytes[range.clone()],
        Place::Gathered(payload) => payload,
    }
}

/// A frame that is here stays; one that was gathered is written anew.
fn as_it_came(at: &Place, opcode: Opcode) -> Option<Vec<u8>> {
    match at {
        Place::Here(_) => None,
        Place::Gathered(payload) => {
            let mut out = Vec::new();
            frame::write(&mut out, opcode, None, payload);
            Some(out)
        }
    }
}

fn violation(fault: Fault) -> Violation {
    match fault {
        Fault::Broken | Fault::Binary => Violation::ServerFrame,
        Fault::TooLarge => Violation::ServerTooLarge,
    }
}

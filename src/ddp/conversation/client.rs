//! What the client says: judged message by message, and passed as the bytes that came where nothing is to be changed.

use crate::ddp::answer::{self, NO_LOGIN, NOT_LOGGED_IN};
use crate::ddp::conversation::{Conversation, Held, PING};
use crate::ddp::frame::{self, Opcode};
use crate::ddp::incoming::{self, Fault, Piece, Place, Reading};
use crate::ddp::message::{self, Call, Said, Unread};
use crate::ddp::{Code, Denied, Framing, Identity, Judge, Ruling, Sink, Violation, sockjs, swap};

/// A subscription that is ruled to be a login or a logout.
const NO_SUCH_SUB: Denied = Denied {
    code: Code::Forbidden,
    reason: "This subscription is not available here.",
};

/// What Meteor says to a client that does not begin with `connect`.
const CONNECT_FIRST: &str = "Must connect first";

/// Bytes of a message while nobody is logged in: a login with the largest JWT has a quarter of it, and whoever shows nothing must not
/// fill the memory by what is configured for users.
const MOST_OF_NOBODY: usize = 64 * 1024;

/// What becomes of one message.
#[derive(Debug)]
pub(super) enum Step {
    /// It goes up.
    Pass,
    /// It was answered, or asks for something.
    Taken,
    /// It waits, and everything behind it.
    Hold,
}

/// What becomes of one frame.
enum Passage {
    /// It goes up as it came.
    AsItCame,
    /// This goes up in its place, or nothing does.
    Instead(Option<Vec<u8>>),
}

/// What becomes of the messages in one frame.
enum Verdict {
    /// All go up.
    All,
    /// These do, in a frame of their own.
    Some(String),
    /// None does, or not yet.
    None,
}

impl Conversation {
    /// Takes bytes of the client's and says how many it took: fewer than given only when the client must wait, which
    /// [`Conversation::holds_client`] tells. What was not taken is as it was, and must be given again.
    ///
    /// # Errors
    /// When the socket must end.
    pub fn from_client(
        &mut self,
        bytes: &mut [u8],
        judge: &impl Judge,
        sink: &mut impl Sink,
    ) -> Result<usize, Violation> {
        let (mut run, mut at) = (0, 0);
        while at < bytes.len() && !self.holds_client() {
            let begin = at;
            let (taken, piece) = self
                .up
                .next(&bytes[at..], Reading::Whole(self.most_bytes()))
                .map_err(violation)?;
            at += taken;
            let passage = self.take(piece, &mut bytes[begin..at], judge, sink)?;
            if let Passage::Instead(instead) = passage {
                pass_up(&bytes[run..begin], sink);
                pass_up(&instead.unwrap_or_default(), sink);
                run = at;
            }
        }
        pass_up(&bytes[run..at], sink);
        Ok(at)
    }

    /// Decides about a piece, which is all of `bytes` if it is here.
    fn take(
        &mut self,
        piece: Piece,
        bytes: &mut [u8],
        judge: &impl Judge,
        sink: &mut impl Sink,
    ) -> Result<Passage, Violation> {
        match piece {
            // Data passes unseen in the other direction only.
            Piece::Nothing | Piece::Passing { .. } => Ok(Passage::Instead(None)),
            Piece::Control { opcode, key, at } => take_control(opcode, key, at, bytes),
            Piece::Message { key, at } => {
                let verdict = match &at {
                    Place::Here(range) => {
                        let payload = &mut bytes[range.clone()];
                        masked(payload, key);
                        let verdict = self.hear(payload, key, judge, sink)?;
                        masked(payload, key);
                        verdict
                    }
                    Place::Gathered(text) => self.hear(text, key, judge, sink)?,
                };
                Ok(match (verdict, at) {
                    (Verdict::All, Place::Here(_)) => Passage::AsItCame,
                    (Verdict::All, Place::Gathered(text)) => framed(Opcode::Text, key, &text),
                    (Verdict::Some(text), _) => framed(Opcode::Text, key, text.as_bytes()),
                    (Verdict::None, _) => Passage::Instead(None),
                })
            }
        }
    }

    /// Decides about the messages in one frame.
    fn hear(
        &mut self,
        payload: &[u8],
        key: Option<[u8; 4]>,
        judge: &impl Judge,
        sink: &mut impl Sink,
    ) -> Result<Verdict, Violation> {
        let text = std::str::from_utf8(payload).map_err(|_| Violation::NotUtf8)?;
        if self.framing == Framing::Raw {
            return Ok(match self.judge(text, judge, sink) {
                Step::Pass => Verdict::All,
                Step::Taken => Verdict::None,
                Step::Hold => {
                    self.hold(text, key);
                    Verdict::None
                }
            });
        }
        // The SockJS server ignores an empty frame.
        if text.is_empty() {
            return Ok(Verdict::All);
        }
        let messages = sockjs::from_client(text)?;
        let mut passed = Vec::with_capacity(messages.len());
        for raw in &messages {
            let Some(text) = message::string(raw) else {
                self.tell(&answer::error(Unread::Message.reason()), sink);
                continue;
            };
            if self.holds_client() {
                self.hold(&text, key);
                continue;
            }
            match self.judge(&text, judge, sink) {
                Step::Pass => passed.push(raw.get()),
                Step::Taken => {}
                Step::Hold => self.hold(&text, key),
            }
        }
        Ok(if passed.len() == messages.len() {
            Verdict::All
        } else if passed.is_empty() {
            Verdict::None
        } else {
            Verdict::Some(sockjs::to_server(passed))
        })
    }

    fn hold(&mut self, text: &str, key: Option<[u8; 4]>) {
        let text = text.to_owned();
        self.backlog.push_back(Held { text, key });
    }

    /// Decides about one message, and does what follows from it.
    pub(super) fn judge(&mut self, text: &str, judge: &impl Judge, sink: &mut impl Sink) -> Step {
        match message::read(text) {
            Ok(Said::Connect) => {
                self.connected = true;
                Step::Pass
            }
            Ok(Said::Other) => Step::Pass,
            Ok(Said::Method(call)) => self.judge_method(&call, judge, sink),
            Ok(Said::Sub(call)) => self.judge_sub(&call, judge, sink),
            Err(unread) => self.answer(&answer::error(unread.reason()), sink),
        }
    }

    fn judge_method(&mut self, call: &Call<'_>, judge: &impl Judge, sink: &mut impl Sink) -> Step {
        // An id of ours would let the client pass its answers off as those to our login, and ours as its own.
        let Some(id) = call.id.filter(|id| !self.login.is_ours(id)) else {
            return self.answer(&answer::error(Unread::Method.reason()), sink);
        };
        let ruling = judge.method(&call.name, call.params);
        let denied = match ruling {
            Ruling::Deny(denied) => denied,
            Ruling::Logout => return self.log_out(id.get(), sink),
            Ruling::Boot => return Step::Pass,
            Ruling::Login => match swap::resume(call.params) {
                Some(_) if !self.connected => return self.connect_first(sink),
                Some(bearer) => {
                    self.login.claim(id.get(), bearer);
                    return Step::Taken;
                }
                None => NO_LOGIN,
            },
            Ruling::Pass | Ruling::PassScrubbed => {
                if self.may_act() {
                    return self.act(ruling, sink);
                }
                NOT_LOGGED_IN
            }
        };
        self.tell(&answer::refused(id.get(), denied), sink);
        self.answer(&answer::updated(id.get()), sink)
    }

    fn judge_sub(&mut self, call: &Call<'_>, judge: &impl Judge, sink: &mut impl Sink) -> Step {
        let ruling = judge.subscription(&call.name, call.params);
        let denied = match ruling {
            Ruling::Deny(denied) => denied,
            Ruling::Login | Ruling::Logout => NO_SUCH_SUB,
            Ruling::Boot => return Step::Pass,
            Ruling::Pass | Ruling::PassScrubbed => {
                if self.may_act() {
                    return self.act(ruling, sink);
                }
                NOT_LOGGED_IN
            }
        };
        match call.id {
            Some(id) => self.answer(&answer::nosub(id.get(), denied), sink),
            None => self.answer(&answer::error(Unread::Sub.reason()), sink),
        }
    }

    /// Bytes that a message may have now.
    fn most_bytes(&self) -> usize {
        if self.may_act() {
            self.max_message
        } else {
            self.max_message.min(MOST_OF_NOBODY)
        }
    }

    /// Is there somebody in whose name a message can go up, now or after a login?
    fn may_act(&self) -> bool {
        self.login.is_somebody() || self.identity == Identity::Identified
    }

    /// Lets a message go up in somebody's name, or logs in first.
    fn act(&mut self, ruling: Ruling, sink: &mut impl Sink) -> Step {
        if self.login.is_somebody() {
            self.scrubbing |= ruling == Ruling::PassScrubbed;
            return Step::Pass;
        }
        if !self.connected {
            return self.connect_first(sink);
        }
        self.login.need();
        Step::Hold
    }

    /// Rocket.Chat refuses what comes before `connect`, and would send our login back in its refusal, auth token and all.
    fn connect_first(&mut self, sink: &mut impl Sink) -> Step {
        self.answer(&answer::error(CONNECT_FIRST), sink)
    }

    /// Rocket.Chat's own logout would end the connection's login and leave the session behind, so the session ends instead.
    fn log_out(&mut self, id: &str, sink: &mut impl Sink) -> Step {
        self.tell(&answer::result(id), sink);
        self.tell(&answer::updated(id), sink);
        if self.may_act() {
            self.login.end();
        }
        Step::Taken
    }

    fn answer(&mut self, message: &str, sink: &mut impl Sink) -> Step {
        self.tell(message, sink);
        Step::Taken
    }
}

fn take_control(
    opcode: Opcode,
    key: Option<[u8; 4]>,
    at: Place,
    bytes: &mut [u8],
) -> Result<Passage, Violation> {
    let (ours, gathered) = match at {
        Place::Here(range) => {
            let payload = &mut bytes[range];
            masked(payload, key);
            incoming::check_control(opcode, payload).map_err(violation)?;
            let ours = opcode == Opcode::Pong && payload == PING;
            masked(payload, key);
            (ours, None)
        }
        Place::Gathered(payload) => {
            incoming::check_control(opcode, &payload).map_err(violation)?;
            (opcode == Opcode::Pong && payload == PING, Some(payload))
        }
    };
    Ok(match gathered {
        // Rocket.Chat did not ask.
        _ if ours => Passage::Instead(None),
        Some(payload) => framed(opcode, key, &payload),
        None => Passage::AsItCame,
    })
}

fn framed(opcode: Opcode, key: Option<[u8; 4]>, payload: &[u8]) -> Passage {
    let mut out = Vec::new();
    frame::write(&mut out, opcode, key, payload);
    Passage::Instead(Some(out))
}

fn masked(payload: &mut [u8], key: Option<[u8; 4]>) {
    if let Some(key) = key {
        frame::mask(payload, key);
    }
}

fn pass_up(bytes: &[u8], sink: &mut impl Sink) {
    if !bytes.is_empty() {
        sink.up(bytes);
    }
}

fn violation(fault: Fault) -> Violation {
    match fault {
        Fault::Broken => Violation::ClientFrame,
        Fault::Binary => Violation::Binary,
        Fault::TooLarge => Violation::TooLarge,
    }
}

//! One socket's conversation: what passes, what is answered here, and what waits for a login.
//!
//! At rest it holds no buffer. What it can hold at most: a message of the client's that is not whole, one of Rocket.Chat's while
//! those are looked into, the messages of one client frame that wait for a login, and 64 KiB of own answers (above that the
//! client is not read).

use std::collections::VecDeque;
use std::fmt;

use zeroize::Zeroizing;

use crate::ddp::frame::{self, CloseCode, Opcode, Sender};
use crate::ddp::incoming::{Edge, Incoming};
use crate::ddp::login::Login;
use crate::ddp::{
    Ask, Framing, Grant, Identity, Judge, Opening, Outcome, Refusal, Sink, Violation, sockjs,
};

mod client;
mod server;

/// Bytes of our own that may wait for the end of one of Rocket.Chat's messages. A client that only provokes refusals must not
/// fill the memory with them.
const MOST_WAITING: usize = 64 * 1024;

/// What our pings to the client hold, by which their pongs are known.
const PING: &[u8] = b"gantry";

/// A conversation between a client and Rocket.Chat.
pub struct Conversation {
    framing: Framing,
    identity: Identity,
    max_message: usize,
    up: Incoming,
    down: Incoming,
    login: Login,
    /// Where the stream to the client stands, by what was written to the sink.
    edge: Edge,
    /// Has Rocket.Chat's close frame gone down?
    closed: bool,
    /// Has the client opened its DDP session?
    connected: bool,
    /// Is the message of Rocket.Chat's that is under way looked into?
    looking: bool,
    /// Is every message of Rocket.Chat's looked into?
    scrubbing: bool,
    /// Frames of ours for the client.
    waiting: Vec<u8>,
    /// What the client said behind what it waits for.
    backlog: VecDeque<Held>,
}

/// A message that waits.
struct Held {
    text: String,
    key: Option<[u8; 4]>,
}

impl Conversation {
    /// Both handshakes are done and nothing was said.
    #[must_use]
    pub fn new(opening: Opening) -> Self {
        Self {
            framing: opening.framing,
            identity: opening.identity,
            max_message: opening.max_message,
            up: Incoming::new(Sender::Client),
            down: Incoming::new(Sender::Server),
            login: Login::new(opening.nonce),
            edge: Edge::Messages,
            closed: false,
            connected: false,
            looking: false,
            scrubbing: false,
            waiting: Vec::new(),
            backlog: VecDeque::new(),
        }
    }

    /// What must be found out before it goes on; each is told once.
    pub fn asks(&mut self) -> Option<Ask> {
        self.login.asks()
    }

    /// What came of a login at Rocket.Chat; each is told once, and before the next can be asked for.
    pub fn outcome(&mut self) -> Option<Outcome> {
        self.login.outcome()
    }

    /// The answer to what was asked: logs in with it.
    pub fn granted(&mut self, grant: Grant, sink: &mut impl Sink) {
        if let Some(login) = self.login.granted(grant) {
            self.send_up(&login, Some(self.login.key()), sink);
        }
    }

    /// The answer to what was asked: no. A client that claimed to be somebody is told so.
    ///
    /// # Errors
    /// When the client needs to be logged in and does not know of it, so that no answer would reach it.
    pub fn refused(
        &mut self,
        refusal: Refusal,
        judge: &impl Judge,
        sink: &mut impl Sink,
    ) -> Result<(), Violation> {
        for answer in self.login.refused(refusal)? {
            self.tell(&answer, sink);
        }
        self.go_on(judge, sink);
        Ok(())
    }

    /// Rocket.Chat took too long to answer a login.
    ///
    /// # Errors
    /// As [`Conversation::refused`].
    pub fn timed_out(&mut self, judge: &impl Judge, sink: &mut impl Sink) -> Result<(), Violation> {
        for answer in self.login.timed_out()? {
            self.tell(&answer, sink);
        }
        self.go_on(judge, sink);
        Ok(())
    }

    /// Must the client not be read now?
    #[must_use]
    pub fn holds_client(&self) -> bool {
        self.is_stopped() || !self.backlog.is_empty()
    }

    /// Has a login been sent that Rocket.Chat has not answered?
    #[must_use]
    pub fn awaits_login(&self) -> bool {
        self.login.is_sent()
    }

    /// Is it somebody's socket: logged in, or identified at the upgrade?
    #[must_use]
    pub fn logged_in(&self) -> bool {
        self.login.is_somebody() || self.identity == Identity::Identified
    }

    /// Our close frame to the client; `None` where none may begin, so that the connection can only be cut.
    #[must_use]
    pub fn farewell(&self, code: CloseCode) -> Option<[u8; 4]> {
        self.may_control().then(|| code.frame())
    }

    /// Asks the client for a sign of life, and says whether a frame could begin here. Where none can, Rocket.Chat is talking.
    pub fn ping(&mut self, sink: &mut impl Sink) -> bool {
        let may = self.may_control();
        if may {
            let mut ping = Vec::new();
            frame::write(&mut ping, Opcode::Ping, None, PING);
            sink.down(&ping);
        }
        may
    }

    fn may_control(&self) -> bool {
        self.edge != Edge::Inside && !self.closed
    }

    /// Is there something before which nothing of the client's may go on?
    fn is_stopped(&self) -> bool {
        self.login.holds() || self.waiting.len() > MOST_WAITING
    }

    /// Goes on with what was held back.
    fn go_on(&mut self, judge: &impl Judge, sink: &mut impl Sink) {
        while !self.is_stopped() {
            let Some(held) = self.backlog.pop_front() else {
                // Gives the room back.
                self.backlog = VecDeque::new();
                break;
            };
            match self.judge(&held.text, judge, sink) {
                client::Step::Pass => self.send_up(&held.text, held.key, sink),
                client::Step::Taken => {}
                client::Step::Hold => self.backlog.push_front(held),
            }
        }
    }

    /// Sends one DDP message up in a frame of its own.
    fn send_up(&self, message: &str, key: Option<[u8; 4]>, sink: &mut impl Sink) {
        // It may hold the auth token.
        let mut out = Zeroizing::new(Vec::new());
        match self.framing {
            Framing::Raw => frame::write(&mut out, Opcode::Text, key, message.as_bytes()),
            Framing::SockJs => {
                let quoted = Zeroizing::new(sockjs::quote(message));
                let framed = Zeroizing::new(sockjs::to_server([quoted.as_str()]));
                frame::write(&mut out, Opcode::Text, key, framed.as_bytes());
            }
        }
        sink.up(&out);
    }

    /// Tells the client something of our own: between two messages of Rocket.Chat's, so later if need be.
    fn tell(&mut self, message: &str, sink: &mut impl Sink) {
        if self.closed {
            return;
        }
        let mut out = Vec::new();
        match self.framing {
            Framing::Raw => frame::write(&mut out, Opcode::Text, None, message.as_bytes()),
            Framing::SockJs => {
                let framed = sockjs::to_client([sockjs::quote(message).as_str()]);
                frame::write(&mut out, Opcode::Text, None, framed.as_bytes());
            }
        }
        if self.edge == Edge::Messages && self.waiting.is_empty() {
            sink.down(&out);
        } else {
            self.waiting.append(&mut out);
        }
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Conversation")
            .field("framing", &self.framing)
            .field("identity", &self.identity)
            .field("connected", &self.connected)
            .field("logged_in", &self.login.is_somebody())
            .field("looking", &self.looking)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

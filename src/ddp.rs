//! What goes on inside a socket: frames, SockJS, DDP, and who is logged in there, without any I/O.
//!
//! Headers on the upgrade log nobody in at Rocket.Chat; the DDP message `login` does (RC §6.2). So a [`Conversation`] reads what
//! the client says, lets pass what the surface lets pass, swaps the real auth token in and the stand-in out, and logs in a client
//! that was identified at the upgrade when it first needs it. It owns no socket, task or clock: bytes come in by calls, go out
//! through a [`Sink`], and what must be found out elsewhere is an [`Ask`].
//!
//! ```text
//!               from_client                    up
//!   client  ───────────────────▶ Conversation ──────▶  Rocket.Chat
//!           ◀───────────────────              ◀──────
//!                   down            │  ▲     from_server
//!                              asks │  │ granted, refused
//!                                   ▼  │
//!                            gate and sessions
//! ```
//!
//! Frames keep their order in both directions. What needs no change passes as the bytes that came.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::value::RawValue;

use crate::rocketchat::Credentials;
use crate::secret::{Bearer, Secret};

mod answer;
mod conversation;
mod fields;
mod frame;
mod incoming;
mod login;
mod message;
mod owed;
mod sockjs;
mod swap;
mod violation;
mod watch;

pub use answer::Code;
pub use conversation::Conversation;
pub use frame::CloseCode;
pub use violation::Violation;

/// Where bytes go. What is written is the sink's to keep until the socket takes it.
pub trait Sink {
    /// Bytes for Rocket.Chat.
    fn up(&mut self, bytes: &[u8]);
    /// Bytes for the client.
    fn down(&mut self, bytes: &[u8]);
}

/// What the surface says of what passes.
pub trait Judge {
    /// Of a method call, by its name and its parameters as they were written.
    fn method(&self, name: &str, params: Option<&RawValue>) -> Ruling;

    /// Of a subscription. [`Ruling::Login`] and [`Ruling::Logout`] mean nothing here and deny.
    fn subscription(&self, name: &str, params: Option<&RawValue>) -> Ruling;

    /// A DDP message of Rocket.Chat's freed from secrets; `None` when it may pass as it is.
    ///
    /// # Errors
    /// When it may hold a secret and cannot be looked into.
    fn scrub(&self, message: &[u8]) -> Result<Option<Vec<u8>>, Unreadable>;
}

/// What becomes of a method call or subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It passes, for somebody who is logged in.
    Pass,
    /// It passes likewise, and from here on what Rocket.Chat says is scrubbed.
    PassScrubbed,
    /// It passes with nobody logged in: what a client needs before it can log in.
    Boot,
    /// It logs in.
    Login,
    /// It ends the session.
    Logout,
    /// It is refused.
    Deny(Denied),
}

/// What a client is told of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What clients tell errors apart by.
    pub code: Code,
    /// One sentence, without anything of the request in it.
    pub reason: &'static str,
}

/// A message that may hold a secret and cannot be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// What logs in at Rocket.Chat, and what the client gets of it.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whom to log in.
    pub credentials: Arc<Credentials>,
    /// What the client is told in place of the auth token.
    pub stand_in: Secret,
    /// When the session ends at the latest.
    pub expires_at: SystemTime,
}

/// What must be known before the conversation goes on. All but [`Ask::End`] are answered by [`Conversation::granted`] or
/// [`Conversation::refused`].
#[derive(Clone, Debug)]
pub enum Ask {
    /// The client showed this: who is that?
    Claim(Bearer),
    /// The client needs to be logged in as whom the upgrade identified.
    Current,
    /// Rocket.Chat does not take the auth token of the last grant any more: a new one is needed.
    Fresh,
    /// The client logged out, and has its answer: the session must end.
    End,
}

/// Why an [`Ask`] was not granted, as far as the client may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What the client showed is worth nothing, or nothing any more.
    Token,
    /// Somebody who may not come in.
    NotPermitted,
    /// Our own limits are reached.
    Overloaded,
    /// Rocket.Chat or an authority does not answer as it should.
    Unavailable,
}

/// How Rocket.Chat answered a login in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody is logged in.
    Accepted,
    /// Nobody is, and no other credentials are tried.
    Refused,
}

/// How DDP messages stand in frames (RC §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One message is one text message.
    Raw,
    /// Arrays of messages.
    SockJs,
}

/// Whom the upgrade brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Nobody: until it logs in, the client gets no further than [`Ruling::Boot`].
    Anonymous,
    /// Somebody with a session.
    Identified,
}

/// What a conversation begins with.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// How DDP messages stand in frames, in both directions.
    pub framing: Framing,
    /// Whom the upgrade brought.
    pub identity: Identity,
    /// Bytes that a message of the client may have, over all its fragments.
    pub max_message: usize,
    /// Random bits of this conversation alone: the ids of our own messages are made of them, and no client may guess those.
    pub nonce: u128,
}

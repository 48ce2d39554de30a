//! Who is logged in on a socket, and how a login gets there.
//!
//! ```text
//!           login {resume}: asks Claim              granted: our own login
//!           needed, identified: asks Current        goes up, under our own id
//!   ┌──────┐ ──────────────────────────▶ ┌───────┐ ────────────────────▶ ┌──────┐
//!   │ Idle │                             │ Asked │                       │ Sent │
//!   └──────┘ ◀────────────────────────── └───────┘ ◀──────────────────── └──────┘
//!     │  ▲     refused: an error, or the            403 the first time:      │
//!     │  │     end of a socket that needed it       asks Fresh               │
//!     │  └───────────────────────────────────────────────────────────────────┘
//!     │            result, second 403, another error, or no answer in time
//!     │ logout: asks End
//!     ▼
//!   ┌───────┐
//!   │ Ended │   from here on the client is not heard
//!   └───────┘
//! ```
//!
//! In every state but `Idle` the client is not read. A client's `login` never goes up: ours does, with the real auth token, under
//! an id that no client can know, so that no answer of Rocket.Chat's can be taken for another. On the way down our id becomes
//! the client's, and the token the stand-in; an answer that nobody waits for any more goes nowhere.

use std::sync::Arc;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::ddp::answer::{self, TIMED_OUT};
use crate::ddp::fields::Fields;
use crate::ddp::owed::Owed;
use crate::ddp::watch::{self, Watch};
use crate::ddp::{Ask, Denied, Grant, Outcome, Refusal, Violation, message, sockjs, swap};
use crate::rocketchat::{Credentials, SwapOut};
use crate::secret::Bearer;

/// Logins that Rocket.Chat may owe something to. Past this many the oldest is forgotten, whose answers go nowhere then.
const MOST_OWED: usize = 16;

/// The login of one socket.
#[derive(Debug)]
pub(in crate::ddp) struct Login {
    /// What all our ids begin with.
    prefix: Box<str>,
    /// The mask's key of what we send.
    key: [u8; 4],
    /// How many logins were sent; the number of the last.
    sent: u32,
    state: State,
    somebody: bool,
    ask: Option<Ask>,
    /// What came of the last login, until it is told.
    outcome: Option<Outcome>,
    /// Whose token must not go down.
    credentials: Option<Arc<Credentials>>,
    token_watch: Watch,
    id_watch: Watch,
    /// What Rocket.Chat still owes to our logins.
    owed: Vec<Owed>,
}

#[derive(Debug)]
enum State {
    Idle,
    Asked(Attempt),
    Sent(Attempt, Box<Grant>),
    Ended,
}

/// A login for somebody.
#[derive(Debug)]
struct Attempt {
    for_whom: ForWhom,
    turn: Turn,
}

#[derive(Debug)]
enum ForWhom {
    /// The client's own `login`, with this raw id.
    Client(Box<str>),
    /// A client that needs it and does not know of it.
    Ourselves,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    First,
    /// With credentials made for it: when these are refused too, that is the answer.
    Second,
}

/// What becomes of a message of Rocket.Chat's.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ddp) enum Heard {
    /// It passes as it is.
    Keep,
    /// These go down in its place, or nothing.
    Instead(Vec<String>),
}

impl Login {
    pub(in crate::ddp) fn new(nonce: u128) -> Self {
        Self {
            prefix: format!("gantry-{nonce:032x}-").into(),
            key: (nonce as u32).to_be_bytes(),
            sent: 0,
            state: State::Idle,
            somebody: false,
            ask: None,
            outcome: None,
            credentials: None,
            token_watch: Watch::default(),
            id_watch: Watch::default(),
            owed: Vec::new(),
        }
    }

    /// The mask's key of what we send. Nothing in it is the client's choice, so one key per socket hides enough (RFC 6455 §10.3).
    pub(in crate::ddp) fn key(&self) -> [u8; 4] {
        self.key
    }

    /// Is somebody logged in?
    pub(in crate::ddp) fn is_somebody(&self) -> bool {
        self.somebody
    }

    /// Must the client wait?
    pub(in crate::ddp) fn holds(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// Does a login of ours wait for Rocket.Chat?
    pub(in crate::ddp) fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent(..))
    }

    /// Does Rocket.Chat owe an answer that must not pass as it is?
    pub(in crate::ddp) fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// What is asked, once.
    pub(in crate::ddp) fn asks(&mut self) -> Option<Ask> {
        self.ask.take()
    }

    /// What came of a login, once.
    pub(in crate::ddp) fn outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// Could this raw id of a client's be one of ours?
    pub(in crate::ddp) fn is_ours(&self, id: &RawValue) -> bool {
        message::string(id).is_some_and(|id| id.starts_with(&*self.prefix))
    }

    /// The client's `login`, with its raw id.
    pub(in crate::ddp) fn claim(&mut self, id: &str, bearer: Bearer) {
        self.ask(ForWhom::Client(id.into()), Turn::First, Ask::Claim(bearer));
    }

    /// The client needs a login.
    pub(in crate::ddp) fn need(&mut self) {
        self.ask(ForWhom::Ourselves, Turn::First, Ask::Current);
    }

    /// The client logged out.
    pub(in crate::ddp) fn end(&mut self) {
        self.state = State::Ended;
        self.ask = Some(Ask::End);
    }

    fn ask(&mut self, for_whom: ForWhom, turn: Turn, ask: Ask) {
        self.state = State::Asked(Attempt { for_whom, turn });
        self.ask = Some(ask);
    }

    /// The login that goes up; nothing when nothing was asked.
    pub(in crate::ddp) fn granted(&mut self, grant: Grant) -> Option<Zeroizing<String>> {
        let attempt = self.take_asked()?;
        self.sent += 1;
        if self.owed.len() == MOST_OWED {
            self.owed.remove(0);
        }
        self.owed.push(Owed::all(self.sent));
        let id = sockjs::quote(&format!("{}{}", self.prefix, self.sent));
        let token = Zeroizing::new(sockjs::quote(grant.credentials.auth_token().reveal()));
        let login = Zeroizing::new(format!(
            r#"{{"msg":"method","method":"login","id":{id},"params":[{{"resume":{}}}]}}"#,
            *token
        ));
        self.credentials = Some(Arc::clone(&grant.credentials));
        self.token_watch = Watch::default();
        self.state = State::Sent(attempt, Box::new(grant));
        Some(login)
    }

    /// The answer to the client whose login is not granted.
    pub(in crate::ddp) fn refused(&mut self, refusal: Refusal) -> Result<Vec<String>, Violation> {
        self.take_asked().map_or(Ok(Vec::new()), |attempt| {
            attempt.fail(answer::denied(refusal))
        })
    }

    /// The answer to the client whose login was not answered. What comes late goes nowhere.
    pub(in crate::ddp) fn timed_out(&mut self) -> Result<Vec<String>, Violation> {
        let State::Sent(attempt, _) = &mut self.state else {
            return Ok(Vec::new());
        };
        let failed = attempt.fail(TIMED_OUT);
        self.state = State::Idle;
        failed
    }

    fn take_asked(&mut self) -> Option<Attempt> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Asked(attempt) => {
                self.ask = None;
                Some(attempt)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Reads a message of Rocket.Chat's and does what follows from it.
    pub(in crate::ddp) fn hear(&mut self, text: &str) -> Result<Heard, Violation> {
        if !self.is_mentioned(text.as_bytes()) {
            return Ok(Heard::Keep);
        }
        let fields = Fields::read(text).ok_or(Violation::ServerUnreadable)?;
        match fields.string("msg").as_deref() {
            Some("result") => self.hear_result(fields),
            Some("updated") => self.hear_updated(fields),
            Some(_) | None => Ok(Heard::Keep),
        }
    }

    fn hear_result(&mut self, fields: Fields<'_>) -> Result<Heard, Violation> {
        let Some(number) = fields.string("id").and_then(|id| self.number(&id)) else {
            return Ok(Heard::Keep);
        };
        let Some(owed) = self.owed.iter_mut().find(|owed| owed.number == number) else {
            return Ok(Heard::Instead(Vec::new()));
        };
        if !std::mem::replace(&mut owed.result, false) {
            return Ok(Heard::Instead(Vec::new()));
        }
        let mut answers = Vec::new();
        if number == self.sent {
            answers = self.settle(fields)?;
        }
        self.strike_out();
        Ok(Heard::Instead(answers))
    }

    /// The result of the login that is waited for.
    fn settle(&mut self, mut fields: Fields<'_>) -> Result<Vec<String>, Violation> {
        let (attempt, grant) = match std::mem::replace(&mut self.state, State::Idle) {
            State::Sent(attempt, grant) => (attempt, grant),
            other => {
                // It comes after the client was told that it took too long.
                self.state = other;
                return Ok(Vec::new());
            }
        };
        if let Some(error) = fields.raw("error") {
            if swap::is_403(error) && attempt.turn == Turn::First {
                self.ask(attempt.for_whom, Turn::Second, Ask::Fresh);
                return Ok(Vec::new());
            }
            self.outcome = Some(Outcome::Refused);
            if matches!(attempt.for_whom, ForWhom::Ourselves) {
                return Err(Violation::LoginFailed);
            }
        } else {
            let swap = SwapOut {
                credentials: &grant.credentials,
                stand_in: grant.stand_in.reveal(),
                expires_at: grant.expires_at,
            };
            fields.set("result", swap::out(&fields, swap)?);
            self.somebody = true;
            self.outcome = Some(Outcome::Accepted);
        }
        let ForWhom::Client(id) = attempt.for_whom else {
            return Ok(Vec::new());
        };
        fields.set("id", id.clone().into_string());
        let mut answers = vec![fields.write()];
        let owed = self.owed.iter_mut().find(|owed| owed.number == self.sent);
        match owed {
            Some(owed) if owed.updated => owed.echo = Some(id),
            // It came before the result, when nobody could tell yet whether this attempt would be the client's answer.
            Some(_) | None => answers.push(answer::updated(&id)),
        }
        Ok(answers)
    }

    fn hear_updated(&mut self, mut fields: Fields<'_>) -> Result<Heard, Violation> {
        let methods = fields.raw("methods").unwrap_or("[]").to_owned();
        let methods: Vec<&RawValue> =
            serde_json::from_str(&methods).map_err(|_| Violation::ServerUnreadable)?;
        let mut kept = Vec::new();
        for raw in methods {
            match message::string(raw).and_then(|id| self.number(&id)) {
                Some(number) => kept.extend(self.take_updated(number)),
                None => kept.push(raw.get().into()),
            }
        }
        self.strike_out();
        if kept.is_empty() {
            return Ok(Heard::Instead(Vec::new()));
        }
        fields.set("methods", format!("[{}]", kept.join(",")));
        Ok(Heard::Instead(vec![fields.write()]))
    }

    /// Strikes an `updated` out; the client's raw id, when it waits for it.
    fn take_updated(&mut self, number: u32) -> Option<Box<str>> {
        let owed = self.owed.iter_mut().find(|owed| owed.number == number)?;
        owed.updated = false;
        owed.echo.take()
    }

    /// Forgets what is owed nothing more, and gives the room back.
    fn strike_out(&mut self) {
        self.owed.retain(|owed| owed.result || owed.updated);
        if self.owed.is_empty() {
            self.owed = Vec::new();
        }
    }

    /// The number in one of our ids. One that we cannot have written counts as ours all the same.
    fn number(&self, id: &str) -> Option<u32> {
        Some(id.strip_prefix(&*self.prefix)?.parse().unwrap_or(0))
    }

    /// Do these bytes hold an id of ours? Rocket.Chat's JSON never escapes letters, digits or hyphens.
    pub(in crate::ddp) fn is_mentioned(&self, bytes: &[u8]) -> bool {
        self.sent > 0 && watch::holds(bytes, self.prefix.as_bytes())
    }

    /// Does this whole text hold the auth token?
    pub(in crate::ddp) fn is_told_by(&self, text: &[u8]) -> bool {
        self.credentials.as_ref().is_some_and(|credentials| {
            watch::holds(text, credentials.auth_token().reveal().as_bytes())
        })
    }

    /// Goes on with a stream that passes unseen: neither the auth token nor an id of ours may be completed in it.
    pub(in crate::ddp) fn watch(&mut self, piece: &[u8]) -> Result<(), Violation> {
        self.watch_unmentioned(piece)?;
        if self.credentials.is_some() && self.is_mentioned(piece) {
            return Err(Violation::AnsweredAgain);
        }
        Ok(())
    }

    /// As [`Login::watch`], for a piece of which [`Login::is_mentioned`] has said no.
    pub(in crate::ddp) fn watch_unmentioned(&mut self, piece: &[u8]) -> Result<(), Violation> {
        let Some(credentials) = &self.credentials else {
            return Ok(());
        };
        let token = credentials.auth_token().reveal().as_bytes();
        if self.token_watch.sees(token, piece) {
            return Err(Violation::TokenDown);
        }
        if self.id_watch.sees_across(self.prefix.as_bytes(), piece) {
            return Err(Violation::AnsweredAgain);
        }
        Ok(())
    }
}

impl Attempt {
    /// What a client is told whose login failed; a client that does not know of it cannot go on.
    fn fail(&self, denied: Denied) -> Result<Vec<String>, Violation> {
        match &self.for_whom {
            ForWhom::Client(id) => Ok(vec![answer::refused(id, denied), answer::updated(id)]),
            ForWhom::Ourselves => Err(Violation::LoginFailed),
        }
    }
}

//! Carries a socket: what both sides say goes through the conversation between them, until a side closes, the session ends, or
//! something was said that must not pass.
//!
//! The client is not read while a login is under way, so what it says behind it keeps its place. A client that is silent is asked for
//! a sign of life.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::ddp::{
    CloseCode, Conversation, Framing, Identity, Opening, Outcome, Refusal, Violation,
};
use crate::gate::GateError;
use crate::proxy::doorkeeper::{Answer, Doorkeeper, refusal};
use crate::proxy::rulings::Rulings;
use crate::proxy::side::{Side, spoken_framing};
use crate::proxy::wire::{Broken, Wire};
use crate::random;
use crate::session::Admitted;
use crate::telemetry::metrics::Metrics;

/// How a socket is to be carried.
#[derive(Debug)]
pub struct Carriage {
    /// How DDP stands in its frames; `None` where only the sides know.
    pub framing: Option<Framing>,
    /// Bytes that a message of the client's may have.
    pub max_message: usize,
    /// Time for a socket to get somebody logged in, and for Rocket.Chat to answer a login.
    pub login_timeout: Duration,
    /// A client that is silent for as long is asked for a sign of life; once more as long, and it is gone.
    pub ping_interval: Duration,
    /// What the surface says.
    pub rulings: Rulings,
    /// Whose socket it is.
    pub doorkeeper: Doorkeeper,
    /// Counts logins.
    pub metrics: Metrics,
}

/// Why a socket is over.
#[derive(Debug)]
enum Over {
    /// A side closed, or its connection broke.
    Closed,
    /// Gantry ends it, and tells the client this.
    Told(CloseCode),
}

/// A socket that is over, whose sides have still to be told.
#[derive(Debug)]
pub struct Parting {
    wire: Wire,
    last: Option<[u8; 4]>,
}

/// A socket that is carried.
struct Relay {
    wire: Wire,
    conversation: Box<Conversation>,
    carriage: Carriage,
    answer: Option<Answer>,
    timer: Pin<Box<Sleep>>,
    /// When a silent client is asked, or given up.
    next_ping: Instant,
    /// Has the client been heard since the last look?
    heard: bool,
    /// Was it asked, and has not been heard since?
    asked: bool,
    /// Until when somebody must be logged in.
    nobody_until: Instant,
    /// Until when Rocket.Chat must have answered a login.
    answer_until: Option<Instant>,
}

impl Parting {
    /// Ends both connections and gives both sides a moment to hang up.
    pub async fn part(self) {
        self.wire.part(self.last).await;
    }
}

/// Carries until it is over; `leaving` completes when the service stops and it is this socket's turn. Its session counts one socket less
/// when this returns.
pub async fn relay(
    downstream: Side,
    upstream: Side,
    carriage: Carriage,
    leaving: impl Future<Output = ()>,
) -> Parting {
    let framing = match carriage.framing {
        Some(framing) => framing,
        None => {
            tokio::select! {
                framing = spoken_framing(&downstream, &upstream) => framing,
                // Whatever it is, it is over.
                () = carriage.doorkeeper.ended() => Framing::Raw,
                () = tokio::time::sleep(carriage.login_timeout) => Framing::Raw,
            }
        }
    };
    let mut conversation = Box::new(Conversation::new(Opening {
        framing,
        identity: if carriage.doorkeeper.knows_somebody() {
            Identity::Identified
        } else {
            Identity::Anonymous
        },
        max_message: carriage.max_message,
        nonce: random::bits(),
    }));
    let mut wire = Wire::new(downstream, upstream.stream);
    let (early, rulings) = (upstream.early, &carriage.rulings);
    let begun = wire.with_pipes(|pipes| conversation.from_server(&early, rulings, pipes));
    // It lies in the HTTP reader's buffer of eight kibibytes: an idle socket must not keep that.
    drop(early);
    let now = Instant::now();
    let next_ping = now + carriage.ping_interval;
    let mut relay = Relay {
        wire,
        conversation,
        answer: None,
        timer: Box::pin(sleep_until(next_ping)),
        next_ping,
        heard: false,
        asked: false,
        nobody_until: now + carriage.login_timeout,
        answer_until: None,
        carriage,
    };
    tokio::pin!(leaving);
    let over = match begun {
        Err(broken) => relay.broken(&broken),
        Ok(()) => loop {
            // A login changes whose end it is.
            let ended = relay.carriage.doorkeeper.ended();
            let over = relay.carry(ended, leaving.as_mut()).await;
            if let Some(over) = over {
                break over;
            }
        },
    };
    let last = match over {
        Over::Closed => None,
        Over::Told(code) => relay.conversation.farewell(code),
    };
    Parting {
        wire: relay.wire,
        last,
    }
}

impl Relay {
    /// Carries until it is over, or until somebody was let in: then `None`.
    async fn carry(
        &mut self,
        ended: impl Future<Output = ()>,
        mut leaving: Pin<&mut impl Future<Output = ()>>,
    ) -> Option<Over> {
        tokio::pin!(ended);
        loop {
            while let Some(ask) = self.conversation.asks() {
                self.answer = self.carriage.doorkeeper.answer(ask);
            }
            if self.wire.is_over() {
                return Some(Over::Closed);
            }
            let hears = !self.conversation.holds_client();
            if hears && self.wire.has_unheard() {
                let rulings = &self.carriage.rulings;
                let step = self.wire.hear_again(&mut self.conversation, rulings);
                if let Err(broken) = step {
                    return Some(self.broken(&broken));
                }
                // What was asked, or waits for Rocket.Chat, comes first.
                continue;
            }
            self.set_timer();
            let (rulings, wire) = (&self.carriage.rulings, &mut self.wire);
            let step = tokio::select! {
                biased;
                () = ended.as_mut() => return Some(Over::Told(CloseCode::SessionEnded)),
                () = leaving.as_mut() => return Some(Over::Told(CloseCode::GoingAway)),
                answer = answered(&mut self.answer) => {
                    self.answer = None;
                    match self.answered(answer) {
                        Ok(true) => return None,
                        Ok(false) => Ok(()),
                        Err(broken) => Err(broken),
                    }
                }
                () = self.timer.as_mut() => match self.tick() {
                    Ok(None) => Ok(()),
                    Ok(over) => return over,
                    Err(broken) => Err(broken),
                },
                ready = wire.client_speaks(), if hears && wire.hears_client() => {
                    self.heard = true;
                    ready.map_err(Broken::Io)
                        .and_then(|()| wire.hear_client(&mut self.conversation, rulings))
                }
                ready = wire.server_speaks(), if wire.hears_server() => {
                    ready.map_err(Broken::Io)
                        .and_then(|()| wire.hear_server(&mut self.conversation, rulings))
                }
                ready = wire.server_takes(), if wire.owes_server() => {
                    ready.map_err(Broken::Io).and_then(|()| wire.feed_server())
                }
                ready = wire.client_takes(), if wire.owes_client() => {
                    ready.map_err(Broken::Io).and_then(|()| wire.feed_client())
                }
            };
            // A refusal may be what the socket ends of.
            match self.conversation.outcome() {
                Some(Outcome::Accepted) => self.carriage.metrics.ddp_login("ok"),
                Some(Outcome::Refused) => self.carriage.metrics.ddp_login("refused"),
                None => {}
            }
            if let Err(broken) = step {
                return Some(self.broken(&broken));
            }
        }
    }

    /// The gate has answered; true when somebody was let in.
    fn answered(&mut self, answer: Result<Admitted, GateError>) -> Result<bool, Broken> {
        let Self {
            wire,
            conversation,
            carriage,
            ..
        } = self;
        match answer {
            Ok(admitted) => {
                let grant = carriage.doorkeeper.let_in(admitted);
                wire.with_pipes(|pipes| {
                    conversation.granted(grant, pipes);
                    Ok(())
                })?;
                Ok(true)
            }
            Err(error) => {
                carriage.metrics.ddp_login(error.kind());
                tracing::info!(
                    session.id = carriage.doorkeeper.session_id(),
                    error.kind = error.kind(),
                    error = chain(&error),
                    "a login on a socket was refused"
                );
                let refusal: Refusal = refusal(&error);
                wire.with_pipes(|pipes| conversation.refused(refusal, &carriage.rulings, pipes))?;
                Ok(false)
            }
        }
    }

    /// Looks at what is due.
    fn tick(&mut self) -> Result<Option<Over>, Broken> {
        let now = Instant::now();
        let Self {
            wire,
            conversation,
            carriage,
            ..
        } = self;
        let nobody = self.answer.is_none() && !conversation.awaits_login();
        if nobody && !conversation.logged_in() && self.nobody_until <= now {
            return Ok(Some(Over::Told(CloseCode::SessionEnded)));
        }
        if self.answer_until.is_some_and(|due| due <= now) {
            self.answer_until = None;
            carriage.metrics.ddp_login("timeout");
            wire.with_pipes(|pipes| conversation.timed_out(&carriage.rulings, pipes))?;
        }
        if self.next_ping <= now {
            self.next_ping = now + carriage.ping_interval;
            let silent = !std::mem::replace(&mut self.heard, false);
            // Who is not read cannot be heard.
            if silent && !conversation.holds_client() && wire.hears_client() {
                if self.asked {
                    return Ok(Some(Over::Closed));
                }
                self.asked = wire.with_pipes(|pipes| Ok(conversation.ping(pipes)))?;
            } else {
                self.asked = false;
            }
        }
        Ok(None)
    }

    /// Sets the timer to what is due next.
    fn set_timer(&mut self) {
        let awaits = self.conversation.awaits_login();
        if awaits != self.answer_until.is_some() {
            self.answer_until = awaits.then(|| Instant::now() + self.carriage.login_timeout);
        }
        let nobody = self.answer.is_none() && !awaits && !self.conversation.logged_in();
        let login_due = self.answer_until.or(nobody.then_some(self.nobody_until));
        let due = login_due.map_or(self.next_ping, |due| due.min(self.next_ping));
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
    }

    /// What is told to the client, and to the operator, when something broke.
    fn broken(&self, broken: &Broken) -> Over {
        let violation = match broken {
            Broken::Io(_) => return Over::Closed,
            Broken::Said(violation) => *violation,
        };
        let session_id = self.carriage.doorkeeper.session_id();
        let (kind, error) = (violation.kind(), violation.to_string());
        match violation {
            Violation::TokenDown | Violation::AnotherUser => tracing::error!(
                session.id = session_id,
                error.kind = kind,
                error,
                "a socket was cut before Rocket.Chat's answer could tell a secret; if this recurs, report it with Rocket.Chat's version"
            ),
            Violation::ServerFrame
            | Violation::ServerTooLarge
            | Violation::ServerUnreadable
            | Violation::AnsweredAgain
            | Violation::LoginFailed => tracing::warn!(
                session.id = session_id,
                error.kind = kind,
                error,
                "a socket was closed because of what Rocket.Chat said on it"
            ),
            Violation::ClientFrame
            | Violation::SockJs
            | Violation::Binary
            | Violation::NotUtf8
            | Violation::TooLarge => tracing::info!(
                session.id = session_id,
                error.kind = kind,
                error,
                "a socket was closed because of what its client said"
            ),
        }
        Over::Told(violation.code())
    }
}

/// Waits for an answer that was asked for; for ever when none was.
async fn answered(answer: &mut Option<Answer>) -> Result<Admitted, GateError> {
    match answer {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

/// An error with its causes.
fn chain(error: &GateError) -> String {
    let mut chain = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    chain
}

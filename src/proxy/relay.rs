//! Carries a socket: what both sides say goes through the conversation between them, until a side closes, the session ends, or
//! something was said that must not pass.
//!
//! The client is not read while a login is under way, so what it says behind it keeps its place. A client that is silent is asked for
//! a sign of life.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::bell::Bell;
use crate::ddp::{CloseCode, Conversation, Framing, Identity, Opening, Outcome, Refusal};
use crate::gate::GateError;
use crate::proxy::doorkeeper::{Answer, Doorkeeper, Ended, refusal};
use crate::proxy::rulings::Rulings;
use crate::proxy::side::{Side, spoken_framing};
use crate::proxy::violation;
use crate::proxy::wire::{Broken, Wire};
use crate::random;
use crate::session::Admitted;
use crate::telemetry::logging::chain;
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

/// What a socket goes on for.
enum Event {
    /// Its session has ended.
    Ended,
    /// It is its turn to leave.
    Leaving,
    /// The gate has answered.
    Answered(Result<Admitted, GateError>),
    /// It is time to look what is due.
    Due,
    /// Bytes came or went.
    Passed(Result<(), Broken>),
}

/// A socket that is carried.
struct Relay {
    wire: Wire,
    conversation: Box<Conversation>,
    carriage: Box<Carriage>,
    /// Rings for what stands in the next three and for the service's stop.
    bell: Bell,
    end: Option<Ended>,
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
    carriage: Box<Carriage>,
    leaving: Pin<&mut impl Future<Output = ()>>,
) -> Parting {
    // Boxed: what the beginning takes is not kept while the socket rests.
    let (mut relay, begun) = Box::pin(begin(downstream, upstream, carriage)).await;
    let over = match begun {
        Err(broken) => relay.broken(&broken),
        Ok(()) => relay.carry(leaving).await,
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

/// Finds the framing out, and hears what came with the handshakes.
async fn begin(
    mut downstream: Side,
    mut upstream: Side,
    carriage: Box<Carriage>,
) -> (Relay, Result<(), Broken>) {
    let mut end = carriage.doorkeeper.ended();
    let framing = match carriage.framing {
        Some(framing) => framing,
        None => {
            tokio::select! {
                framing = spoken_framing(&mut downstream, &mut upstream) => framing,
                // Whatever it is, it is over, which the next look at the end tells.
                () = poll_fn(|context| poll_some(end.as_mut(), context)) => Framing::Raw,
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
    let relay = Relay {
        wire,
        conversation,
        bell: Bell::default(),
        end: carriage.doorkeeper.ended(),
        answer: None,
        timer: Box::pin(sleep_until(next_ping)),
        next_ping,
        heard: false,
        asked: false,
        nobody_until: now + carriage.login_timeout,
        answer_until: None,
        carriage,
    };
    (relay, begun)
}

impl Relay {
    /// Carries until it is over.
    async fn carry(&mut self, mut leaving: Pin<&mut impl Future<Output = ()>>) -> Over {
        loop {
            while let Some(ask) = self.conversation.asks() {
                self.answer = self.carriage.doorkeeper.answer(ask);
                self.bell.ring();
            }
            if self.wire.is_over() {
                return Over::Closed;
            }
            if !self.conversation.holds_client() && self.wire.has_unheard() {
                let rulings = &self.carriage.rulings;
                let step = self.wire.hear_again(&mut self.conversation, rulings);
                if let Err(broken) = step {
                    return self.broken(&broken);
                }
                // What was asked, or waits for Rocket.Chat, comes first.
                continue;
            }
            self.set_timer();
            let step = match poll_fn(|context| self.poll(leaving.as_mut(), context)).await {
                Event::Ended => return Over::Told(CloseCode::SessionEnded),
                Event::Leaving => return Over::Told(CloseCode::GoingAway),
                Event::Answered(answer) => self.answered(answer),
                Event::Due => match self.tick() {
                    Ok(None) => Ok(()),
                    Ok(Some(over)) => return over,
                    Err(broken) => Err(broken),
                },
                Event::Passed(step) => step,
            };
            // A refusal may be what the socket ends of.
            match self.conversation.outcome() {
                Some(Outcome::Accepted) => self.carriage.metrics.ddp_login("ok"),
                Some(Outcome::Refused) => self.carriage.metrics.ddp_login("refused"),
                None => {}
            }
            if let Err(broken) = step {
                return self.broken(&broken);
            }
        }
    }

    /// Waits for what comes next. An end is seen before anything more passes.
    fn poll(
        &mut self,
        leaving: Pin<&mut impl Future<Output = ()>>,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        if let Some(waker) = self.bell.rung(context).cloned() {
            let event = self.poll_seldom(leaving, &mut Context::from_waker(&waker));
            if event.is_ready() {
                // The others have not been asked.
                self.bell.ring();
                return event;
            }
        }
        // Its sockets are told last; by then Rocket.Chat may have closed them, and its close would be taken for the end.
        if self.carriage.doorkeeper.is_left() {
            return Poll::Ready(Event::Ended);
        }
        self.poll_bytes(context).map(Event::Passed)
    }

    fn poll_seldom(
        &mut self,
        leaving: Pin<&mut impl Future<Output = ()>>,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        if poll_some(self.end.as_mut(), context).is_ready() {
            return Poll::Ready(Event::Ended);
        }
        if leaving.poll(context).is_ready() {
            return Poll::Ready(Event::Leaving);
        }
        if let Poll::Ready(answer) = poll_some(self.answer.as_mut(), context) {
            self.answer = None;
            return Poll::Ready(Event::Answered(answer));
        }
        self.timer.as_mut().poll(context).map(|()| Event::Due)
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let Self {
            wire,
            conversation,
            carriage,
            heard,
            ..
        } = self;
        let rulings = &carriage.rulings;
        if !conversation.holds_client()
            && wire.hears_client()
            && let Poll::Ready(step) = wire.poll_client(context, conversation, rulings)
        {
            *heard = true;
            return Poll::Ready(step);
        }
        if wire.hears_server()
            && let Poll::Ready(step) = wire.poll_server(context, conversation, rulings)
        {
            return Poll::Ready(step);
        }
        if wire.owes_server()
            && let Poll::Ready(step) = wire.poll_feed_server(context)
        {
            return Poll::Ready(step);
        }
        if wire.owes_client() {
            return wire.poll_feed_client(context);
        }
        Poll::Pending
    }

    /// The gate has answered.
    fn answered(&mut self, answer: Result<Admitted, GateError>) -> Result<(), Broken> {
        let Self {
            wire,
            conversation,
            carriage,
            ..
        } = self;
        match answer {
            Ok(admitted) => {
                let grant = carriage.doorkeeper.let_in(admitted);
                // It is another session's end from here on.
                self.end = carriage.doorkeeper.ended();
                self.bell.ring();
                wire.with_pipes(|pipes| {
                    conversation.granted(grant, pipes);
                    Ok(())
                })
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
                wire.with_pipes(|pipes| conversation.refused(refusal, &carriage.rulings, pipes))
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
            self.bell.ring();
        }
    }

    /// What follows when something broke.
    fn broken(&self, broken: &Broken) -> Over {
        match broken {
            Broken::Io(_) => Over::Closed,
            Broken::Said(violation) => {
                violation::log(*violation, self.carriage.doorkeeper.session_id());
                Over::Told(violation.code())
            }
        }
    }
}

/// Waits for what there is to wait for; for ever when there is nothing.
fn poll_some<T>(
    some: Option<&mut Pin<Box<dyn Future<Output = T> + Send>>>,
    context: &mut Context<'_>,
) -> Poll<T> {
    some.map_or(Poll::Pending, |future| future.as_mut().poll(context))
}

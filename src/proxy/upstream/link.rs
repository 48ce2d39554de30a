//! One kept connection to Rocket.Chat, driven by whoever waits for its answer instead of by a task of its own.
//!
//! A task per connection would cost each request two hand-overs and two wake-ups, often across threads: about a quarter of what a
//! warm request costs in all. Here the request's own task writes, reads, and finds the answer when it is polled. Only a request
//! body that is still on its way when the answer begins needs a task, so that neither direction waits for the other.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep};

use crate::body::{Body, Drive, Held};
use crate::proxy::error::ForwardError;
use crate::proxy::upstream::pool::Idle;
use crate::proxy::upstream::wire::Wire;
use crate::transport::Transport;

/// A connection on which at most one request is under way.
pub(super) struct Link {
    sender: SendRequest<Body>,
    /// `None` once it has ended.
    connection: Option<Connection<TokioIo<Wire>, Body>>,
    /// Kept from request to request: moving a timer on costs nothing, making one does.
    timer: Pin<Box<Sleep>>,
    rouser: Arc<Rouser>,
    /// `rouser`, as the connection knows it.
    waker: Waker,
    /// Where it goes when it is idle.
    home: Weak<Idle>,
}

/// How long an answer's head may take.
#[derive(Clone, Copy)]
pub(super) struct Until<'a> {
    pub(super) began: Instant,
    pub(super) patience: Duration,
    /// The request's body, when it streams.
    pub(super) held: Option<&'a Held>,
}

/// Why a request has no answer.
pub(super) enum Failure {
    /// Nothing of it was sent: it may go over another connection.
    Unsent(Box<Request<Body>>, hyper::Error),
    /// It may have had its effect.
    Sent(ForwardError),
}

impl Link {
    /// Begins on a new connection.
    pub(super) async fn new(
        stream: Transport,
        home: Weak<Idle>,
    ) -> Result<Box<Self>, hyper::Error> {
        let rouser = Arc::new(Rouser::new());
        let wire = Wire {
            stream,
            rouser: Arc::clone(&rouser),
        };
        let (sender, connection) = handshake(TokioIo::new(wire)).await?;
        Ok(Box::new(Self {
            sender,
            connection: Some(connection),
            timer: Box::pin(sleep(Duration::ZERO)),
            waker: Waker::from(Arc::clone(&rouser)),
            rouser,
            home,
        }))
    }

    /// Sends a request and waits for the head of its answer, at most `patience`; a body that moves, or that the client is waited for
    /// with, does not count.
    pub(super) fn send<'a>(
        &'a mut self,
        request: Request<Body>,
        until: Until<'a>,
    ) -> impl Future<Output = Result<Response<Incoming>, Failure>> + 'a {
        let Until {
            began,
            patience,
            held,
        } = until;
        let answer = self.sender.try_send_request(request);
        // Only the connection, which is polled here, can complete the answer: no waker is needed for it, and no budget, which would
        // need one.
        let answer = tokio::task::unconstrained(answer);
        self.timer.as_mut().reset(began + patience);
        async move {
            let mut answer = pin!(answer);
            poll_fn(|context| {
                self.drive(context);
                let mut quiet = Context::from_waker(Waker::noop());
                match answer.as_mut().poll(&mut quiet) {
                    Poll::Ready(Ok(answer)) => return Poll::Ready(Ok(answer)),
                    Poll::Ready(Err(mut error)) => {
                        let unsent = error.take_message();
                        let error = error.into_error();
                        return Poll::Ready(Err(match unsent {
                            Some(request) => Failure::Unsent(Box::new(request), error),
                            None => Failure::Sent(ForwardError::from_client(error)),
                        }));
                    }
                    Poll::Pending => {}
                }
                let mut context = Context::from_waker(&self.waker);
                while self.timer.as_mut().poll(&mut context).is_ready() {
                    // One that the client keeps waiting for is given up by whoever watches its connection.
                    if held.is_some_and(|held| held.moved() || held.awaited()) {
                        self.timer.as_mut().reset(Instant::now() + patience);
                        continue;
                    }
                    return Poll::Ready(Err(Failure::Sent(ForwardError::Timeout)));
                }
                Poll::Pending
            })
            .await
        }
    }

    /// Whether both messages are over and another may begin.
    pub(super) fn is_idle(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready() && !self.rouser.is_broken()
    }

    /// The answer's body; the link goes with it until the body has ended, unless it has come already.
    pub(super) fn body(
        self: Box<Self>,
        stream: Incoming,
        sends_stream: bool,
        now: Instant,
    ) -> Body {
        if self.is_idle() {
            self.go_home(now);
            return Body::stream(stream);
        }
        if sends_stream {
            tokio::spawn(self.finish());
            return Body::stream(stream);
        }
        Body::driven(stream, self)
    }

    fn go_home(self: Box<Self>, now: Instant) {
        self.rouser.rest();
        if let Some(home) = self.home.upgrade() {
            home.put(self, now);
        }
    }

    /// Goes on until both messages are over.
    async fn finish(mut self: Box<Self>) {
        poll_fn(|context| {
            self.drive(context);
            if self.connection.is_none() || self.sender.is_ready() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        self.ended();
    }
}

impl Drive for Link {
    fn drive(&mut self, context: &mut Context<'_>) {
        self.rouser.rouse(context.waker());
        let mut context = Context::from_waker(&self.waker);
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(&mut context).is_ready()
        {
            // Whoever waits for an answer of it is told by this.
            self.connection = None;
        }
    }

    fn ended(self: Box<Self>) {
        if self.is_idle() {
            self.go_home(Instant::now());
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").finish_non_exhaustive()
    }
}

/// Passes a connection's events on to whose request it carries, and to nobody while it carries none.
#[derive(Debug)]
pub(super) struct Rouser {
    /// Something happened since this was last asked for.
    roused: AtomicBool,
    /// Nothing can be written any more.
    broken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Rouser {
    pub(super) fn new() -> Self {
        Self {
            roused: AtomicBool::new(true),
            broken: AtomicBool::new(false),
            task: Mutex::default(),
        }
    }

    /// Did anything happen since the last time? Looked at first, because writing costs more.
    pub(super) fn take_roused(&self) -> bool {
        self.roused.load(Ordering::Relaxed) && self.roused.swap(false, Ordering::AcqRel)
    }

    /// Something may have happened that nobody tells of.
    pub(super) fn set_roused(&self) {
        self.roused.store(true, Ordering::Release);
    }

    /// The other side takes no more. What came before may be read; it may just have come.
    pub(super) fn broke(&self) {
        self.broken.store(true, Ordering::Release);
        self.set_roused();
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rouse(&self, task: &Waker) {
        let mut current = self.task();
        if !current
            .as_ref()
            .is_some_and(|current| current.will_wake(task))
        {
            *current = Some(task.clone());
        }
    }

    fn rest(&self) {
        *self.task() = None;
    }
}

impl Wake for Rouser {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set_roused();
        if let Some(task) = &*self.task() {
            task.wake_by_ref();
        }
    }
}

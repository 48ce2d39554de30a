//! The gRPC listener for Envoy: `envoy.service.auth.v3.Authorization` and the standard health service, over HTTP/2 without TLS.
//!
//! It is for gateways alone, on an address that only they should reach; a question of anybody else is refused. Health is told to whoever
//! asks, as on the admin listener.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tonic::Status;
use tonic_health::pb::health_server::HealthServer;
use tower_service::Service as _;

use crate::body::{Course, Guard, Pieces};
use crate::filter::envoy_grpc::Limits;
use crate::places::Place;
use crate::server::aside::Aside;
use crate::server::door::Door;
use crate::server::handler::Handler;
use crate::server::listener::Lifeline;
use crate::server::resets::Resets;
use crate::server::watch::{Patience, Watch};
use crate::server::watched::Watched;
use crate::telemetry::readiness::Readiness;
use crate::transport::Transport;

mod answer;
mod authorization;
mod health;
mod own_task;

use answer::Answer;
use authorization::Authorization;
use health::Health;
use own_task::{Inbox, Questions};

/// Questions at a time on one connection: Envoy asks over few connections, each of which carries those of many clients.
const STREAMS: u32 = 1024;

/// Bytes of a question's own head, which holds the secret and what Envoy adds.
const METADATA: u32 = 16 * 1024;

/// Bytes of a message besides the head that it describes: addresses, certificates and extensions.
const ATTRIBUTES: usize = 64 * 1024;

/// How long a connection may be silent before it is asked whether anybody is there, and how long that may take: one that no longer
/// reads holds what it was to be answered.
const SILENCE: Duration = Duration::from_secs(30);
const ALIVE: Duration = Duration::from_secs(20);

/// Serves gRPC connections; cheap to clone.
#[derive(Clone, Debug)]
pub struct Grpc(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    door: Door,
    /// What connections are begun with.
    bounds: ArcSwap<(Limits, Patience)>,
    readiness: Readiness,
    lifeline: Lifeline,
}

impl Grpc {
    /// Prepares the protocol settings once for all connections.
    #[must_use]
    pub fn new(
        door: Door,
        bounds: (Limits, Patience),
        readiness: Readiness,
        lifeline: Lifeline,
    ) -> Self {
        Self(Arc::new(Inner {
            door,
            bounds: ArcSwap::from_pointee(bounds),
            readiness,
            lifeline,
        }))
    }

    /// Begins connections with these bounds from now on; those that are open keep theirs.
    pub fn take_bounds(&self, bounds: (Limits, Patience)) {
        self.0.bounds.store(Arc::new(bounds));
    }

    /// Serves one connection until it closes, is overdue, or has finished what it was doing when the service drains.
    pub async fn serve(self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let inner = &*self.0;
        let (limits, patience) = **inner.bounds.load();
        let visitor = inner.door.visitor();
        let _counted = visitor.handler().connection_opened();
        let watch = Watch::new();
        let services = Arc::new(Services::new(inner, (limits, patience), peer.ip()));
        let service = {
            let watch = Arc::clone(&watch);
            service_fn(move |request: Request<Incoming>| {
                watch.request_began(request.version());
                let course: Arc<dyn Course> = Arc::<Watch>::clone(&watch);
                let running = Guard::new(course, Pieces::Whole);
                // Nothing around it: the state of a question is moved before it is first polled, and each layer would add its own.
                Arc::clone(&services).call(request, visitor.handler(), running)
            })
        };
        let inbox = Inbox::default();
        let mut questions = Questions::of(inbox.clone());
        let mut http = http2::Builder::new(inbox);
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(METADATA)
            // gRPC knows no date.
            .auto_date_header(false)
            .keep_alive_interval(SILENCE)
            .keep_alive_timeout(ALIVE);
        let io = TokioIo::new(Watched::new(
            Transport::Plain(stream),
            Arc::clone(&watch),
            // A gateway takes a question back when its client goes away.
            (limits.headers, Resets::at_most(None)),
            place,
        ));
        let serving = http.serve_connection(io, service);
        tokio::pin!(serving);
        let ending = inner.lifeline.drain.child_token();
        let mut ended = Aside::new(ending.cancelled());
        let mut told = false;
        let mut overdue = Aside::new(async {
            let waiting = async {
                let reached = |limit| inner.door.handler().limit_reached(limit, peer.ip());
                watch.overdue(patience, reached).await;
                // Broken off at once, it would fail the question that a gateway sends just then.
                ending.cancel();
                tokio::time::sleep(patience.header).await;
            };
            tokio::select! {
                () = waiting => {}
                () = inner.lifeline.hurry.cancelled() => {}
            }
        });
        poll_fn(|context| {
            if Pin::new(&mut overdue).poll(context).is_ready() {
                return Poll::Ready(());
            }
            if !told && Pin::new(&mut ended).poll(context).is_ready() {
                told = true;
                serving.as_mut().graceful_shutdown();
            }
            // How it ends is the peer's affair: a broken connection, or bytes that are no HTTP/2.
            questions.poll_with(serving.as_mut(), context)
        })
        .await;
    }
}

/// The services, for one connection.
#[derive(Debug)]
struct Services {
    authorization: Authorization,
    /// Bytes that a question may have.
    longest: usize,
    health: HealthServer<Health>,
    /// How long anybody may take to ask for it.
    patience: Duration,
}

impl Services {
    fn new(inner: &Inner, (limits, patience): (Limits, Patience), peer: IpAddr) -> Self {
        let readiness = inner.readiness.clone();
        Self {
            authorization: Authorization::new(limits, peer),
            // A field costs some bytes besides its own.
            longest: 2 * limits.header_bytes + ATTRIBUTES,
            health: HealthServer::new(Health::new(readiness)).max_decoding_message_size(ATTRIBUTES),
            patience: patience.header,
        }
    }

    async fn call(
        self: Arc<Self>,
        request: Request<Incoming>,
        handler: Arc<Handler>,
        _running: Guard,
    ) -> Result<Response<Answer>, Infallible> {
        let path = request.uri().path();
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let answered = match service.map(|(service, _)| service) {
            Some(authorization::SERVICE) => {
                let answering = self.authorization.call(request, self.longest, &handler);
                return Ok(answering.await);
            }
            Some("grpc.health.v1.Health") => {
                let answering = self.health.clone().call(request);
                let told = Box::pin(tokio::time::timeout(self.patience, answering)).await;
                told.unwrap_or_else(|_| Ok(Status::deadline_exceeded("no question").into_http()))?
            }
            _ => Status::unimplemented("no such service").into_http(),
        };
        Ok(answered.map(Answer::Other))
    }
}

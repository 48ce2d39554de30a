//! The gRPC listener for Envoy: `envoy.service.auth.v3.Authorization` and the standard health service, over HTTP/2 without TLS.
//!
//! It is for gateways alone, on an address that only they should reach; a question of anybody else is refused. Health is told to whoever
//! asks, as on the admin listener.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;
use tonic_health::pb::health_server::HealthServer;
use tower_service::Service as _;

use crate::filter::envoy_grpc::Limits;
use crate::server::aside::Aside;
use crate::server::handler::Handler;
use crate::server::listener::Lifeline;
use crate::telemetry::readiness::Readiness;

mod authorization;
mod health;
mod own_task;

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
    handler: Handler,
    limits: Limits,
    readiness: Readiness,
    lifeline: Lifeline,
}

impl Grpc {
    /// Prepares the protocol settings once for all connections.
    #[must_use]
    pub fn new(handler: Handler, limits: Limits, readiness: Readiness, lifeline: Lifeline) -> Self {
        Self(Arc::new(Inner {
            handler,
            limits,
            readiness,
            lifeline,
        }))
    }

    /// Serves one connection until it closes, is dead, or has finished what it was doing when the service drains.
    pub async fn serve(self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let inner = &*self.0;
        let services = Services::new(inner, peer.ip());
        let service = service_fn(move |request| services.clone().call(request));
        let inbox = Inbox::default();
        let mut questions = Questions::of(inbox.clone());
        let mut http = http2::Builder::new(inbox);
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(METADATA)
            .keep_alive_interval(SILENCE)
            .keep_alive_timeout(ALIVE);
        let serving = http.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(serving);
        let mut drained = Aside::new(inner.lifeline.drain.cancelled());
        let mut draining = false;
        poll_fn(|context| {
            if !draining && Pin::new(&mut drained).poll(context).is_ready() {
                draining = true;
                serving.as_mut().graceful_shutdown();
            }
            // How it ends is the peer's affair: a broken connection, or bytes that are no HTTP/2.
            questions.poll_with(serving.as_mut(), context)
        })
        .await;
        drop(place);
    }
}

/// The services, for one connection.
#[derive(Clone, Debug)]
struct Services {
    authorization: Authorization,
    /// Bytes that a question may have.
    longest: usize,
    health: HealthServer<Health>,
}

impl Services {
    fn new(inner: &Inner, peer: IpAddr) -> Self {
        let Inner {
            handler,
            limits,
            readiness,
            ..
        } = inner;
        Self {
            authorization: Authorization::new(handler.clone(), *limits, peer),
            // A field costs some bytes besides its own.
            longest: 2 * limits.header_bytes + ATTRIBUTES,
            health: HealthServer::new(Health::new(readiness.clone()))
                .max_decoding_message_size(ATTRIBUTES),
        }
    }

    async fn call(mut self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let path = request.uri().path();
        let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        match service.map(|(service, _)| service) {
            Some(authorization::SERVICE) => {
                Ok(self.authorization.call(request, self.longest).await)
            }
            Some("grpc.health.v1.Health") => self.health.call(request).await,
            _ => Ok(tonic::Status::unimplemented("no such service").into_http()),
        }
    }
}

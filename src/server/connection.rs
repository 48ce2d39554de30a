//! One downstream connection: HTTP/1.1 or HTTP/2 by its first bytes, within the configured limits.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use ipnet::IpNet;
use tokio::net::TcpStream;

use crate::body::{Course, Guard, Pieces, Upload};
use crate::config::listen::Listen;
use crate::places::Place;
use crate::proxy::side::{Side, Stay};
use crate::server::aside::Aside;
use crate::server::certificates::{Certificates, unshaken};
use crate::server::door::Door;
use crate::server::handler::Arrival;
use crate::server::listener::{self, Lifeline};
use crate::server::resets::Resets;
use crate::server::streams::{Spawner, Stream};
use crate::server::watch::{Patience, Watch};
use crate::server::watched::Watched;
use crate::telemetry::metrics::Limit;
use crate::transport::Transport;

/// Streams one HTTP/2 connection may have open: more than a browser opens, few enough to bound memory.
const STREAMS: u32 = 128;

/// Streams reset by the peer that may wait to be forgotten: answers rapid-reset floods (CVE-2023-44487) with GOAWAY.
const RESETS: usize = 20;

/// Serves connections; cheap to clone.
#[derive(Clone, Debug)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: ArcSwap<Settings>,
    door: Door,
    lifeline: Lifeline,
    tls: Option<Certificates>,
}

/// What connections are begun with.
#[derive(Debug)]
struct Settings {
    http: auto::Builder<Spawner>,
    patience: Patience,
    fields: usize,
    /// Streams that a client may reset within a second.
    resets: u32,
    /// Peers who carry everybody, and everybody's resets.
    carriers: Vec<IpNet>,
}

impl Settings {
    fn new(listen: &Listen, stalled: Duration) -> Self {
        let limits = &listen.limits;
        let mut http = auto::Builder::new(Spawner);
        let mut http1 = http.http1();
        http1
            .max_buf_size(limits.header_bytes)
            .max_headers(limits.headers);
        // The watch keeps the time of heads; a timer per request would cost each of them.
        http1.header_read_timeout(None).half_close(false);
        let mut http2 = http.http2();
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(STREAMS)
            // WebSockets over a stream (RFC 8441).
            .enable_connect_protocol()
            .max_pending_accept_reset_streams(RESETS);
        Self {
            http,
            patience: Patience::new(limits, stalled),
            fields: limits.headers,
            resets: limits.resets_per_second,
            carriers: listen.trusted_proxies.clone(),
        }
    }
}

impl Server {
    /// Prepares the protocol settings once for all connections. A connection on which nothing moves for `stalled` while a request
    /// is running is closed.
    #[must_use]
    pub fn new(
        listen: &Listen,
        stalled: Duration,
        door: Door,
        lifeline: Lifeline,
        tls: Option<Certificates>,
    ) -> Self {
        Self(Arc::new(Inner {
            settings: ArcSwap::from_pointee(Settings::new(listen, stalled)),
            door,
            lifeline,
            tls,
        }))
    }

    /// Begins connections with these settings from now on; those that are open keep theirs.
    pub fn take_limits(&self, listen: &Listen, stalled: Duration) {
        self.0
            .settings
            .store(Arc::new(Settings::new(listen, stalled)));
    }

    /// Serves one connection until it closes, is overdue, or has finished what it was doing when the service drains.
    pub async fn serve(self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let inner = &*self.0;
        let settings = inner.settings.load_full();
        let visitor = inner.door.visitor();
        let _counted = visitor.handler().connection_opened();
        let stream = match &inner.tls {
            None => Transport::Plain(stream),
            // Boxed, so that a plain connection does not keep room for a handshake.
            Some(tls) => {
                match Box::pin(inner.shake_hands(tls, stream, (settings.patience, peer.ip()))).await
                {
                    Some(stream) => stream,
                    None => return,
                }
            }
        };
        let watch = Watch::new();
        let service = {
            let watch = Arc::clone(&watch);
            let leaving = Arc::clone(&inner.lifeline.leaving);
            service_fn(move |mut request: Request<Incoming>| {
                if request.method() == Method::CONNECT {
                    // A socket goes on when its answer is over, and the connection must not seem idle by then.
                    let socket = Arc::new(watch.busy());
                    request.extensions_mut().insert(socket);
                }
                let version = request.version();
                let signs = watch.request_began(version);
                let (course, pieces): (Arc<dyn Course>, _) = match version {
                    Version::HTTP_2 => (Stream::begin(&watch), Pieces::Small),
                    _ => (Arc::<Watch>::clone(&watch), Pieces::Whole),
                };
                let request = request.map(|stream| Upload::new(stream, &course));
                let arrival = Arrival {
                    peer: peer.ip(),
                    signs,
                    running: Guard::new(course, pieces),
                    last: leaving.load(Ordering::Relaxed) && version < Version::HTTP_2,
                };
                // Nothing around it: the state of one request is moved before it is first polled, and each layer would add its own.
                visitor.handler().handle(request, arrival)
            })
        };
        let io = TokioIo::new(Watched::new(
            stream,
            Arc::clone(&watch),
            (settings.fields, settings.resets(peer.ip())),
            place,
        ));
        let serving = settings.http.serve_connection_with_upgrades(io, service);
        tokio::pin!(serving);
        let reached = |limit| inner.door.handler().limit_reached(limit, peer.ip());
        let mut overdue = Aside::new(async {
            tokio::select! {
                () = watch.overdue(settings.patience, reached) => {}
                () = inner.lifeline.hurry.cancelled() => {}
            }
        });
        let mut drained = Aside::new(async {
            inner.lifeline.drain.cancelled().await;
            watch.unclaimed().await;
        });
        let mut draining = false;
        loop {
            tokio::select! {
                // In this order, because almost every wake-up is for the first.
                biased;
                // Errors here are the client's: a broken connection, or bytes that are no HTTP, which hyper has answered.
                _ended = serving.as_mut() => break,
                () = &mut overdue => break,
                () = &mut drained, if !draining => {
                    draining = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
        if watch.was_flooded() {
            reached(Limit::Resets);
        }
    }
}

impl Settings {
    /// How many streams this peer may reset.
    fn resets(&self, peer: IpAddr) -> Resets {
        let carries = listener::carries(&self.carriers, peer);
        Resets::at_most((!carries).then_some(self.resets))
    }
}

impl Inner {
    /// A TLS connection, unless the client takes too long, says what is no TLS, shows no certificate where one is wanted, or what runs
    /// is cut.
    async fn shake_hands(
        &self,
        tls: &Certificates,
        stream: TcpStream,
        (patience, peer): (Patience, IpAddr),
    ) -> Option<Transport> {
        let shaken = tokio::time::timeout(patience.header, tls.accept(stream));
        let (result, stream) = tokio::select! {
            shaken = shaken => match shaken {
                Ok(Ok(stream)) => ("ok", Some(Transport::Tls(stream))),
                Ok(Err(error)) => {
                    // Anybody on the network can cause it as often as they like.
                    tracing::debug!(error = %error, "a TLS handshake failed");
                    (unshaken(&error), None)
                }
                Err(_) => {
                    self.door.handler().limit_reached(Limit::HeaderTimeout, peer);
                    tracing::debug!("a TLS handshake took longer than listen.limits.header_timeout");
                    ("timeout", None)
                }
            },
            () = self.lifeline.hurry.cancelled() => return None,
        };
        tls.count(result);
        stream
    }
}

/// Takes the connection out of an upgraded one that [`Server::serve`] wrapped, or the stream of one that goes on with others.
#[must_use]
pub fn unwrap(upgraded: Upgraded) -> Side {
    match auto::upgrade::downcast::<TokioIo<Watched>>(upgraded) {
        Ok(parts) => {
            let (stream, place) = parts.io.into_inner().into_stream();
            Side {
                stream,
                early: parts.read_buf,
                stay: Some(Stay::Connection(place)),
            }
        }
        Err(stream) => Side {
            stream: Transport::Stream(Box::new(TokioIo::new(stream))),
            early: Bytes::new(),
            stay: None,
        },
    }
}

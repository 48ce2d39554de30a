//! One downstream connection: HTTP/1.1 or HTTP/2 by its first bytes, within the configured limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::config::listen::Limits;
use crate::proxy::side::{Place, Side};
use crate::server::aside::Aside;
use crate::server::certificates::{Certificates, unshaken};
use crate::server::door::Door;
use crate::server::handler::Arrival;
use crate::server::listener::Lifeline;
use crate::server::watch::{Patience, Watch, Watched};
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
    http: auto::Builder<TokioExecutor>,
    patience: Patience,
    fields: usize,
}

impl Settings {
    fn new(limits: &Limits, stalled: Duration) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
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
        }
    }
}

impl Server {
    /// Prepares the protocol settings once for all connections. A connection on which nothing moves for `stalled` while a request
    /// is running is closed.
    #[must_use]
    pub fn new(
        limits: &Limits,
        stalled: Duration,
        door: Door,
        lifeline: Lifeline,
        tls: Option<Certificates>,
    ) -> Self {
        Self(Arc::new(Inner {
            settings: ArcSwap::from_pointee(Settings::new(limits, stalled)),
            door,
            lifeline,
            tls,
        }))
    }

    /// Begins connections with these settings from now on; those that are open keep theirs.
    pub fn take_limits(&self, limits: &Limits, stalled: Duration) {
        self.0
            .settings
            .store(Arc::new(Settings::new(limits, stalled)));
    }

    /// Serves one connection until it closes, is overdue, or has finished what it was doing when the service drains.
    pub async fn serve(self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let inner = &*self.0;
        let settings = inner.settings.load_full();
        let visitor = inner.door.visitor();
        let _counted = visitor.handler().connection_opened();
        let stream = match &inner.tls {
            None => Transport::Plain(stream),
            // Boxed, so that a plain connection does not keep room for a handshake.
            Some(tls) => match Box::pin(inner.shake_hands(tls, stream, settings.patience)).await {
                Some(stream) => stream,
                None => return,
            },
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
                let last = leaving.load(Ordering::Relaxed) && request.version() < Version::HTTP_2;
                let (running, signs) = watch.request_began(request.version());
                let arrival = Arrival {
                    peer: peer.ip(),
                    signs,
                    running,
                    last,
                };
                // Nothing around it: the state of one request is moved before it is first polled, and each layer would add its own.
                visitor.handler().handle(request, arrival)
            })
        };
        let io = TokioIo::new(Watched::new(
            stream,
            Arc::clone(&watch),
            settings.fields,
            place,
        ));
        let serving = settings.http.serve_connection_with_upgrades(io, service);
        tokio::pin!(serving);
        let mut overdue = Aside::new(async {
            tokio::select! {
                () = watch.overdue(settings.patience) => {}
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
    }
}

impl Inner {
    /// A TLS connection, unless the client takes too long, says what is no TLS, shows no certificate where one is wanted, or what runs
    /// is cut.
    async fn shake_hands(
        &self,
        tls: &Certificates,
        stream: TcpStream,
        patience: Patience,
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
                place: Some(Place::Connection(place)),
            }
        }
        Err(stream) => Side {
            stream: Transport::Stream(Box::new(TokioIo::new(stream))),
            early: Bytes::new(),
            place: None,
        },
    }
}

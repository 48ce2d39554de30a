//! WebSocket upgrades: the gate's answer is there before the handshake goes up, and nothing but the handshake goes up before
//! Rocket.Chat agreed (GHSA-xq2h-p299-vjwv).
//!
//! The socket is bound to its session; the session's end closes it. What passes between the two sides is [`relay`]'s business.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::config::websocket::WebSocket;
use crate::ddp::Framing;
use crate::gate::{Admission, Gate};
use crate::headers::{self, hop};
use crate::proxy::doorkeeper::Doorkeeper;
use crate::proxy::error::ForwardError;
use crate::proxy::forward::Forwarder;
use crate::proxy::inject::Injection;
use crate::proxy::relay::{Carriage, relay};
use crate::proxy::rulings::Rulings;
use crate::proxy::side::Side;
use crate::surface::Surface;
use crate::telemetry::metrics::Metrics;
use crate::transport::Transport;

/// Between two sockets that are closed because the service stops: each comes back elsewhere with a login, and Rocket.Chat should
/// not get all of them at once.
const LEAVING_PACE: Duration = Duration::from_millis(2);

/// Sockets of one round of [`LEAVING_PACE`]: however many there are, the last goes after ten seconds, within the time of a drain.
const LEAVING_TURNS: u32 = 5_000;

/// Takes the transport out of an upgraded downstream connection; only the server knows what it wrapped around it.
pub type Unwrap = fn(Upgraded) -> Option<Side>;

/// An upgrade that may go on.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The downstream head.
    pub parts: &'a mut Parts,
    /// Whose socket it will be; nobody's until somebody logs in on it.
    pub admission: Option<&'a Admission>,
    /// The client's address.
    pub client: IpAddr,
    /// How DDP will stand in its frames, where the path tells.
    pub framing: Option<Framing>,
}

/// What the server lends for sockets.
#[derive(Clone, Debug)]
pub struct Lent {
    /// Its way to the transport below an upgrade.
    pub unwrap: Unwrap,
    /// Cancelled when sockets shall close because the service stops.
    pub drain: CancellationToken,
    /// The tasks that must end before the program does.
    pub tasks: TaskTracker,
}

/// Opens sockets.
#[derive(Debug)]
pub struct Sockets {
    gate: Gate,
    surface: Arc<Surface>,
    rules: WebSocket,
    metrics: Metrics,
    lent: Lent,
    dismissed: Arc<AtomicU32>,
}

impl Sockets {
    /// What a socket needs.
    #[must_use]
    pub fn new(
        rules: &WebSocket,
        surface: Arc<Surface>,
        gate: Gate,
        metrics: Metrics,
        lent: Lent,
    ) -> Self {
        Self {
            gate,
            surface,
            rules: rules.clone(),
            metrics,
            lent,
            dismissed: Arc::default(),
        }
    }

    /// Shakes hands with Rocket.Chat in the client's name; on its 101, answers the client's and carries the socket until either side or
    /// the session ends. Any other answer passes back as it is.
    ///
    /// # Errors
    /// [`ForwardError`].
    pub async fn open(
        &self,
        forwarder: &Forwarder,
        body: &Incoming,
        asked: Asked<'_>,
    ) -> Result<Response<Body>, ForwardError> {
        let downstream = handshake(asked.parts, body)?;
        // Before anything is dialled, so that an end in between is not missed.
        let carriage = self.carriage(&asked);
        let parts = asked.parts;
        let ours = offered_ours(&parts.headers, forwarder.injector().subprotocol());
        let injection = Injection {
            credentials: asked
                .admission
                .map(|admission| &*admission.admitted.credentials),
            as_cookies: false,
            upgrade: true,
            readable_answer: false,
            rewritten: None,
            client: asked.client,
            keep: false,
        };
        let (request, _) = forwarder.request(parts, &injection, Body::empty())?;
        let mut answer = forwarder.upstream().upgrade(request).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let mut answer = answer.map(Body::stream);
            headers::strip_response(answer.headers_mut(), forwarder.injector().cookies());
            return Ok(answer);
        }
        // None was offered: frames in a form that was not agreed on cannot be read (RFC 6455 §9.1).
        if answer
            .headers()
            .contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
        {
            return Err(ForwardError::Extension);
        }
        let upstream = hyper::upgrade::on(&mut answer);
        let (mut agreed, _) = answer.into_parts();
        headers::strip_response(&mut agreed.headers, forwarder.injector().cookies());
        hop::set_websocket_upgrade(&mut agreed.headers);
        // A browser that offered subprotocols drops a connection that chose none of them.
        if !agreed.headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL)
            && let Some(ours) = ours
        {
            agreed.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, ours);
        }
        let unwrap = self.lent.unwrap;
        let metrics = self.metrics.clone();
        let (drain, dismissed) = (self.lent.drain.clone(), Arc::clone(&self.dismissed));
        self.lent.tasks.spawn(async move {
            // What comes before and after is boxed, so that a resting socket does not keep room for it.
            let sides = Box::pin(both(downstream, upstream, unwrap)).await;
            if let Some((downstream, upstream)) = sides {
                metrics.sockets_changed(1);
                let leaving = pin!(turn_to_leave(&drain, &dismissed));
                let parting = relay(downstream, upstream, carriage, leaving).await;
                metrics.sockets_changed(-1);
                Box::pin(parting.part()).await;
            }
        });
        Ok(Response::from_parts(agreed, Body::empty()))
    }

    fn carriage(&self, asked: &Asked<'_>) -> Box<Carriage> {
        let brought = asked.admission.map(|admission| &admission.admitted);
        let rulings = Rulings::new(
            Arc::clone(&self.surface),
            self.rules.anonymous,
            brought.is_some(),
        );
        let patience = self.rules.login_timeout;
        Box::new(Carriage {
            framing: asked.framing,
            max_message: self.rules.max_message,
            login_timeout: self.rules.login_timeout,
            ping_interval: self.rules.ping_interval,
            rulings,
            doorkeeper: Doorkeeper::new(self.gate.clone(), patience, brought),
            metrics: self.metrics.clone(),
        })
    }
}

/// Waits for the drain, and then for this socket's turn.
async fn turn_to_leave(drain: &CancellationToken, dismissed: &AtomicU32) {
    drain.cancelled().await;
    let before = dismissed.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(LEAVING_PACE * (before % LEAVING_TURNS)).await;
}

/// Checks what the client must send (RFC 6455 §4.2.1) and takes its half of the upgrade.
fn handshake(parts: &mut Parts, body: &Incoming) -> Result<OnUpgrade, ForwardError> {
    // An `Upgrade` to something else, or one that `Connection` does not name, must not be answered as if it were one to this.
    let sound = parts.method == Method::GET
        && hop::asks_websocket(&parts.headers)
        && parts.version == Version::HTTP_11
        && body.is_end_stream()
        && parts
            .headers
            .get(header::SEC_WEBSOCKET_VERSION)
            .is_some_and(|version| version == "13")
        && parts.headers.contains_key(header::SEC_WEBSOCKET_KEY);
    if !sound {
        return Err(ForwardError::Handshake);
    }
    parts
        .extensions
        .remove::<OnUpgrade>()
        .ok_or(ForwardError::Handshake)
}

/// Our subprotocol, if it is among the offers.
fn offered_ours(offers: &HeaderMap, ours: Option<&str>) -> Option<HeaderValue> {
    let ours = ours?;
    let offered = offers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offer| offer.trim() == ours);
    offered.then(|| HeaderValue::from_str(ours).ok()).flatten()
}

async fn both(downstream: OnUpgrade, upstream: OnUpgrade, unwrap: Unwrap) -> Option<(Side, Side)> {
    // Both handshakes are done; what fails here is a connection that broke in the meantime.
    let (downstream, upstream) = tokio::try_join!(downstream, upstream).ok()?;
    let upstream = upstream.downcast::<TokioIo<TcpStream>>().ok()?;
    let upstream = Side {
        stream: Transport::Plain(upstream.io.into_inner()),
        early: upstream.read_buf,
        place: None,
    };
    Some((unwrap(downstream)?, upstream))
}

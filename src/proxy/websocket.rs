//! WebSocket upgrades: the gate's answer is there before the handshake goes up, and nothing but the handshake goes up before
//! Rocket.Chat agreed (GHSA-xq2h-p299-vjwv).
//!
//! The socket is bound to its session; the session's end closes it. What passes between the two sides is [`relay`]'s business.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_util::task::TaskTracker;

use crate::body::{Body, Upload};
use crate::config::websocket::WebSocket;
use crate::ddp::Framing;
use crate::gate::{Admission, Gate};
use crate::headers;
use crate::places::{Full, Place, Places};
use crate::proxy::doorkeeper::Doorkeeper;
use crate::proxy::error::ForwardError;
use crate::proxy::forward::Forwarder;
use crate::proxy::handshake::Handshake;
use crate::proxy::inject::Injection;
use crate::proxy::leaving::Leaving;
use crate::proxy::relay::{Carriage, relay};
use crate::proxy::rulings::Rulings;
use crate::proxy::side::{Side, Stay};
use crate::surface::Surface;
use crate::telemetry::metrics::{Limit, Metrics};
use crate::tls::upstream::Towards;
use crate::transport::Transport;

/// Takes the transport out of an upgraded downstream connection; only the server knows what it wrapped around it.
pub type Unwrap = fn(Upgraded) -> Side;

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

/// What lives longer than the proxy: what the server lends for sockets, and the way to Rocket.Chat.
#[derive(Clone, Debug)]
pub struct Lent {
    /// Its way to the transport below an upgrade.
    pub unwrap: Unwrap,
    /// When sockets close because the service stops.
    pub leaving: Leaving,
    /// The tasks that must end before the program does.
    pub tasks: TaskTracker,
    /// TLS towards Rocket.Chat, where its URL wants it.
    pub towards: Option<Towards>,
}

/// Opens sockets.
#[derive(Debug)]
pub struct Sockets {
    gate: Gate,
    surface: Arc<Surface>,
    rules: WebSocket,
    metrics: Metrics,
    lent: Lent,
    /// For sockets that nobody is logged in on: each costs a connection to Rocket.Chat, and whoever opens it showed nothing.
    pending: Places,
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
            pending: Places::new(rules.pending, rules.pending_per_client),
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
        body: &Upload,
        asked: Asked<'_>,
    ) -> Result<Response<Body>, ForwardError> {
        let handshake = Handshake::read(asked.parts, body)?;
        // Before anything is dialled, so that an end in between is not missed.
        let carriage = self.carriage(&asked)?;
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
            if answer.status().is_success() && handshake.is_streamed() {
                // It would be read as agreement.
                return Err(ForwardError::Disagreed);
            }
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
        let (downstream, stay) = handshake.agree(&mut agreed)?;
        // A browser that offered subprotocols drops a connection that chose none of them.
        if !agreed.headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL)
            && let Some(ours) = ours
        {
            agreed.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, ours);
        }
        let unwrap = self.lent.unwrap;
        let metrics = self.metrics.clone();
        let leaving = self.lent.leaving.clone();
        self.lent.tasks.spawn(async move {
            // What comes before and after is boxed, so that a resting socket does not keep room for it.
            let sides = Box::pin(both(downstream, upstream, unwrap)).await;
            if let Some((mut downstream, upstream)) = sides {
                downstream.stay = downstream.stay.or(stay.map(Stay::Stream));
                metrics.sockets_changed(1);
                let leave = pin!(leaving.turn());
                let parting = relay(downstream, upstream, carriage, leave).await;
                metrics.sockets_changed(-1);
                Box::pin(parting.part()).await;
            }
        });
        Ok(Response::from_parts(agreed, Body::empty()))
    }

    fn carriage(&self, asked: &Asked<'_>) -> Result<Box<Carriage>, ForwardError> {
        let brought = asked.admission.map(|admission| &admission.admitted);
        let rulings = Rulings::new(
            Arc::clone(&self.surface),
            self.rules.anonymous,
            brought.is_some(),
        );
        let patience = self.rules.login_timeout;
        let pending = match brought {
            Some(_) => None,
            None => Some(self.pending(asked.client)?),
        };
        Ok(Box::new(Carriage {
            framing: asked.framing,
            max_message: self.rules.max_message,
            login_timeout: self.rules.login_timeout,
            ping_interval: self.rules.ping_interval,
            rulings,
            doorkeeper: Doorkeeper::new(self.gate.clone(), patience, brought, pending),
            metrics: self.metrics.clone(),
        }))
    }

    /// A place for a socket of this client's that nobody is logged in on.
    fn pending(&self, client: IpAddr) -> Result<Place, ForwardError> {
        self.pending.take(client).map_err(|full| {
            let limit = match full {
                Full::All => Limit::PendingSockets,
                Full::Client => Limit::PendingSocketsPerClient,
            };
            self.metrics.limit_reached(limit, Some(client));
            ForwardError::TooManyPending
        })
    }
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
    let upstream = upstream.downcast::<TokioIo<Transport>>().ok()?;
    let upstream = Side {
        stream: upstream.io.into_inner(),
        early: upstream.read_buf,
        stay: None,
    };
    Some((unwrap(downstream), upstream))
}

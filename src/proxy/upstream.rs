//! Connections to Rocket.Chat: a keep-alive pool for requests, and a connection of its own for each upgrade.

use std::io;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::body::{Body, BodyError, Held};
use crate::config::rocketchat::Timeouts;
use crate::proxy::error::ForwardError;
use crate::proxy::inject::UpstreamRequest;

/// Idle connections are dropped before Node's own keep-alive timeout of 5 s can race with a request that is on its way.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Idle connections kept at most.
const POOL_MAX_IDLE: usize = 256;

/// The one upstream; cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    client: Client<HttpConnector, Body>,
    authority: Authority,
    timeouts: Timeouts,
}

impl Upstream {
    /// `url` is Rocket.Chat's base URL, checked by the config: `http`, no path.
    #[must_use]
    pub fn new(url: &url::Url, timeouts: Timeouts) -> Option<Self> {
        let authority = url.authority().parse().ok()?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(timeouts.connect));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_MAX_IDLE)
            .pool_timer(TokioTimer::new())
            .set_host(false)
            .build(connector);
        Some(Self {
            client,
            authority,
            timeouts,
        })
    }

    /// Sends a request and waits for the answer's head; a body that `held` sees move may take as long as it likes, one that stands
    /// still may not.
    ///
    /// # Errors
    /// [`ForwardError`] when no head came.
    pub async fn send(
        &self,
        request: UpstreamRequest,
        body: Body,
        held: Option<&Held>,
    ) -> Result<Response<Incoming>, ForwardError> {
        let request = self.absolute(request, body)?;
        let answer = self.client.request(request);
        tokio::pin!(answer);
        loop {
            match timeout(self.timeouts.response_header, answer.as_mut()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => return Err(ForwardError::from_client(error)),
                Err(_) if held.is_some_and(Held::moved) => {}
                Err(_) if held.is_some_and(Held::awaited) => {
                    return Err(ForwardError::Body(BodyError::Stalled));
                }
                Err(_) => return Err(ForwardError::Timeout),
            }
        }
    }

    /// Sends an upgrade on a connection of its own and waits for the answer's head.
    ///
    /// # Errors
    /// [`ForwardError`] when no head came.
    pub async fn upgrade(
        &self,
        request: UpstreamRequest,
    ) -> Result<Response<Incoming>, ForwardError> {
        let stream = timeout(self.timeouts.connect, self.dial())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ForwardError::Connect)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(ForwardError::from_upgrade)?;
        // Ends with the upgrade, or with the answer that was given instead of one.
        tokio::spawn(connection.with_upgrades());
        let (parts, ()) = request.into_request().into_parts();
        let request = Request::from_parts(parts, Body::empty());
        match timeout(self.timeouts.response_header, sender.send_request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(ForwardError::from_upgrade(error)),
            Err(_) => Err(ForwardError::Timeout),
        }
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let host = self
            .authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let stream = TcpStream::connect((host, self.authority.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn absolute(
        &self,
        request: UpstreamRequest,
        body: Body,
    ) -> Result<Request<Body>, ForwardError> {
        let (mut parts, ()) = request.into_request().into_parts();
        let mut uri = parts.uri.into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        parts.uri = Uri::from_parts(uri).map_err(|_| ForwardError::Target)?;
        Ok(Request::from_parts(parts, body))
    }
}

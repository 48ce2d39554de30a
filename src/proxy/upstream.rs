//! Connections to Rocket.Chat: a keep-alive pool for requests, and a connection of its own for each upgrade.

use std::io;
use std::sync::Arc;

use http::uri::Scheme;
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tower_service::Service as _;

use crate::body::{Body, Held};
use crate::config::rocketchat::Timeouts;
use crate::proxy::error::ForwardError;
use crate::proxy::inject::UpstreamRequest;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::spans::{self, Kind, Span, attribute};
use crate::tls::upstream::Towards;
use crate::transport::Transport;

mod link;
mod pool;
mod wire;

use link::{Failure, Link, Until};
use pool::Idle;

/// The one upstream; cheap to clone.
#[derive(Clone, Debug)]
pub struct Upstream {
    idle: Arc<Idle>,
    connector: HttpConnector,
    /// Where connections go; the connector knows plain ones only, whatever is spoken over them.
    origin: Uri,
    tls: Option<Towards>,
    timeouts: Timeouts,
    metrics: Metrics,
}

impl Upstream {
    /// `url` is Rocket.Chat's base URL, checked by the config: no path, and `tls` exactly where it is `https`.
    #[must_use]
    pub fn new(
        url: &url::Url,
        tls: Option<Towards>,
        timeouts: Timeouts,
        metrics: Metrics,
    ) -> Option<Self> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(timeouts.connect));
        connector.set_nodelay(true);
        let authority = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
        let origin = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(authority)
            .path_and_query("/");
        Some(Self {
            idle: Arc::default(),
            connector,
            origin: origin.build().ok()?,
            tls,
            timeouts,
            metrics,
        })
    }

    /// Sends a request and waits for the answer's head, counted from `began`; a body that `held` sees move may take as long as it likes,
    /// one that stands still may not. A request of which nothing was sent, because its kept connection had been closed meanwhile, goes over another
    /// one.
    ///
    /// # Errors
    /// [`ForwardError`] when no head came.
    pub fn send<'a>(
        &'a self,
        request: UpstreamRequest,
        held: Option<&'a Held>,
        began: Instant,
    ) -> impl Future<Output = Result<Response<Body>, ForwardError>> + 'a {
        let until = Until {
            began,
            patience: self.timeouts.response_header,
            held,
        };
        let (mut request, span) = forwarding(request.into_request());
        // The block takes the request as it is, where an `async fn` would keep room for it twice; and what is returned at once is not
        // moved once more.
        async move {
            loop {
                let (mut link, kept) = match self.idle.take(began) {
                    Some(link) => (link, true),
                    None => match Box::pin(self.link()).await {
                        Ok(link) => (link, false),
                        Err(error) => return Err(failed(span, error)),
                    },
                };
                match link.send(request, until).await {
                    Ok(answer) => {
                        let now = Instant::now();
                        self.metrics.upstream_answered(now.duration_since(began));
                        answered(span, answer.status());
                        return Ok(answer.map(|stream| link.body(stream, held.is_some(), now)));
                    }
                    Err(Failure::Unsent(unsent, _)) if kept => request = *unsent,
                    Err(Failure::Unsent(_, error)) => {
                        return Err(failed(span, ForwardError::from_client(error)));
                    }
                    Err(Failure::Sent(error)) => return Err(failed(span, error)),
                }
            }
        }
    }

    async fn link(&self) -> Result<Box<Link>, ForwardError> {
        Link::new(self.dial().await?, Arc::downgrade(&self.idle))
            .await
            .map_err(ForwardError::from_client)
    }

    /// Sends an upgrade on a connection of its own and waits for the answer's head.
    ///
    /// # Errors
    /// [`ForwardError`] when no head came.
    pub async fn upgrade(
        &self,
        request: UpstreamRequest,
    ) -> Result<Response<Incoming>, ForwardError> {
        let (request, span) = forwarding(request.into_request());
        match self.shake_hands(request).await {
            Ok(answer) => {
                answered(span, answer.status());
                Ok(answer)
            }
            Err(error) => Err(failed(span, error)),
        }
    }

    async fn shake_hands(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, ForwardError> {
        let stream = self.dial().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(ForwardError::from_client)?;
        // Ends with the upgrade, or with the answer that was given instead of one.
        tokio::spawn(connection.with_upgrades());
        match timeout(self.timeouts.response_header, sender.send_request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(ForwardError::from_client(error)),
            Err(_) => Err(ForwardError::Timeout),
        }
    }

    async fn dial(&self) -> Result<Transport, ForwardError> {
        let connecting = async {
            let connecting = self.connector.clone().call(self.origin.clone());
            let stream = connecting.await?.into_inner();
            match &self.tls {
                None => Ok(Transport::Plain(stream)),
                Some(tls) => Ok(tls.connect(stream).await?),
            }
        };
        timeout(self.timeouts.connect, connecting)
            .await
            .unwrap_or_else(|_| Err(Box::from(io::Error::from(io::ErrorKind::TimedOut))))
            .map_err(ForwardError::Connect)
    }
}

/// The span of a request's way, if it is traced; Rocket.Chat is told. By value: what is lent once takes room in whoever waits.
fn forwarding(mut request: Request<Body>) -> (Request<Body>, Option<Box<Span>>) {
    let mut span = spans::part("forward", Kind::Call);
    if let Some(span) = &mut span {
        let method = attribute::known(request.method().as_str());
        span.note(attribute::METHOD, method);
        span.tell(request.headers_mut());
    }
    (request, span)
}

fn answered(span: Option<Box<Span>>, status: StatusCode) {
    if let Some(mut span) = span {
        span.answered(status.as_u16());
    }
}

fn failed(span: Option<Box<Span>>, error: ForwardError) -> ForwardError {
    if let Some(mut span) = span {
        span.failed(error.kind());
    }
    error
}

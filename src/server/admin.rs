//! The admin listener: probes and metrics, on an address of their own.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 as long as the process serves; depends on nobody else |
//! | `/readyz` | 200, or 503 with one line per thing that is missing |
//! | `/metrics` | the metrics page, OpenMetrics text |
//!
//! Nothing but listener and path selects these: no header can (CVE-2026-34457).

use std::convert::Infallible;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::body::Body;
use crate::server::listener::{self, Lifeline};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

/// Connections at a time: probes and a scraper or two.
const CONNECTIONS: usize = 64;

/// Time for a request's head.
const HEADER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// What the admin listener tells of; cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    metrics: Metrics,
    readiness: Readiness,
}

impl Admin {
    /// Tells of these.
    #[must_use]
    pub fn new(metrics: Metrics, readiness: Readiness) -> Self {
        Self { metrics, readiness }
    }

    /// Serves until drain.
    pub async fn serve(self, listener: TcpListener, lifeline: Lifeline) {
        let drain = lifeline.drain.clone();
        listener::accept(
            listener,
            CONNECTIONS,
            lifeline,
            move |stream, _peer, place| {
                let admin = self.clone();
                let drain = drain.clone();
                async move {
                    let _place = place;
                    tokio::select! {
                        () = admin.serve_connection(stream) => {}
                        () = drain.cancelled() => {}
                    }
                }
            },
        )
        .await;
    }

    async fn serve_connection(self, stream: TcpStream) {
        let service = service_fn(|request: Request<Incoming>| {
            let answer = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        // Errors here are the client's.
        let _ended = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        if method != Method::GET && method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET here\n".to_owned());
        }
        match path {
            "/livez" => text(StatusCode::OK, "live\n".to_owned()),
            "/readyz" => {
                let missing = self.readiness.missing();
                if missing.is_empty() {
                    return text(StatusCode::OK, "ready\n".to_owned());
                }
                text(StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
            }
            "/metrics" => {
                let mut answer = text(StatusCode::OK, self.metrics.page());
                answer.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static(
                        "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    ),
                );
                answer
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "/livez, /readyz and /metrics are here\n".to_owned(),
            ),
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut answer = Response::new(Body::full(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

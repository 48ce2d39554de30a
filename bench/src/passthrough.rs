//! The yardstick: a minimal hyper pass-through with the usual client pool, no authentication, no log, no metrics.
//!
//! `passthrough LISTEN UPSTREAM` forwards HTTP/1.1, and after an upgrade the bytes of both sides.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

mod relay;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(upstream)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: passthrough LISTEN UPSTREAM");
    };
    let authority: http::uri::Authority = upstream.parse()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let server = auto::Builder::new(TokioExecutor::new());
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, authority, server) = (client.clone(), authority.clone(), server.clone());
        tokio::spawn(async move {
            let service =
                service_fn(move |request| forward(client.clone(), authority.clone(), request));
            let _ended = server
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn forward(
    client: Client<HttpConnector, Incoming>,
    authority: http::uri::Authority,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Infallible> {
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    uri.scheme = Some(http::uri::Scheme::HTTP);
    uri.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    let downstream = hyper::upgrade::on(&mut request);
    match client.request(request).await {
        Ok(mut answer) => {
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                let upstream = hyper::upgrade::on(&mut answer);
                tokio::spawn(relay::relay(downstream, upstream));
            }
            Ok(answer)
        }
        // The bench counts every answer that is not the upstream's own as a failed run.
        Err(_) => std::process::exit(1),
    }
}

//! The listener and its connections: HTTP/1.1 with upgrades, as Node speaks it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::client_address::Peer;
use crate::fault::{self, Verdict};
use crate::options::Manner;
use crate::state::App;
use crate::wire::{Cut, Wire};

/// How long to wait before accepting again when the machine has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A running listener. Dropping it ends everything it serves; [`Serving::stop`] also waits for that.
pub(crate) struct Serving {
    stop: watch::Sender<bool>,
    alive: mpsc::Receiver<()>,
}

impl Serving {
    pub(crate) fn start(listener: TcpListener, app: App, router: Router) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (held, alive) = mpsc::channel(1);
        tokio::spawn(accept(listener, app, router, (stopping, held)));
        Self { stop, alive }
    }

    /// Closes the listener and every connection, and waits until they are gone.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        // Every task holds a sender; nothing is ever sent, so this ends when the last of them has.
        let _ = self.alive.recv().await;
    }
}

type Ends = (watch::Receiver<bool>, mpsc::Sender<()>);

async fn accept(listener: TcpListener, app: App, router: Router, ends: Ends) {
    let (mut stopping, held) = ends;
    loop {
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let ends = (stopping.clone(), held.clone());
        tokio::spawn(connection(
            stream,
            peer,
            (Arc::clone(&app), router.clone()),
            ends,
        ));
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, what: (App, Router), ends: Ends) {
    let (mut stopping, _held) = ends;
    // Without it small answers wait for the far end's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let cut = Cut::default();
    let wire = Wire::new(stream, cut.clone(), stopping.clone());
    let (app, router) = what;
    let line = Line {
        app,
        router: TowerToHyperService::new(router),
        peer,
        cut,
    };
    let service = service_fn(move |request| answer(line.clone(), request));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(wire), service);
    tokio::select! {
        _ = stopping.wait_for(|stop| *stop) => {}
        // Its errors are the far end's doing or a fault's.
        _ = serving.with_upgrades() => {}
    }
}

#[derive(Clone)]
struct Line {
    app: App,
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
    cut: Cut,
}

async fn answer(line: Line, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Peer(line.peer));
    parts.extensions.insert((Peer(line.peer), line.cut.clone()));
    let body = line.app.recorder.receive(&parts, Body::new(body));
    let verdict = fault::meet(&line.app, parts.uri.path()).await;
    let request = Request::from_parts(parts, body);
    let routed = || async {
        match line.router.call(request).await {
            Ok(response) => slow_refusal(&line.app, response).await,
            Err(never) => match never {},
        }
    };
    match verdict {
        Verdict::Answer(response) => Ok(*response),
        Verdict::Route => Ok(routed().await),
        Verdict::RouteThenHold(latch) => {
            let response = routed().await;
            latch.pass().await;
            Ok(response)
        }
        Verdict::RouteThenReset => {
            let _ = routed().await;
            line.cut.cut();
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Verdict::Reset => {
            line.cut.cut();
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
}

/// 6.x holds back every 401 and 403 (RC §1.2); so does this, where the options say how long.
async fn slow_refusal(app: &App, response: Response<Body>) -> Response<Body> {
    let refused = matches!(
        response.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    if let (true, Manner::V6, Some(delay)) = (refused, app.manner(), app.options.refusal_delay) {
        tokio::time::sleep(delay).await;
    }
    response
}

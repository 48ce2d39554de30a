//! The sockets of DDP: upgrades, framing, heartbeats (RC §6.1).
//!
//! Nothing of the handshake's headers authenticates (RC §6.2); they only tell where the client is.
//! Every task ends with its socket, and a socket that does not keep up with events is closed.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseCode, CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::heartbeat::{Beat, Heartbeat, SILENCE};
use super::session::{Session, Step};
use super::sockjs::{self, Framing};
use crate::auth::Origin;
use crate::client_address::{self, Peer};
use crate::latch::Latch;
use crate::random;
use crate::state::App;
use crate::wire::Cut;

/// The largest message the monolith takes, websocket-driver's default.
const LARGEST_MESSAGE: usize = 67_108_863;

/// What a socket reads at once: small, because benches hold thousands of idle ones.
const READ_AT_ONCE: usize = 4 * 1024;

/// `/websocket` and `/sockjs/*`.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/websocket", get(raw))
        .route("/sockjs/info", get(info))
        .route("/sockjs/{server}/{session}/websocket", get(framed))
        .route("/sockjs/{server}/{session}/xhr", post(fallback))
        .route("/sockjs/{server}/{session}/xhr_streaming", post(fallback))
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

async fn raw(
    State(app): State<App>,
    Extension((peer, cut)): Extension<(Peer, Cut)>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    open(app, (Framing::Raw, cut), origin(&headers, peer), upgrade)
}

async fn framed(
    State(app): State<App>,
    Extension((peer, cut)): Extension<(Peer, Cut)>,
    Path((server, session)): Path<(String, String)>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    if !sockjs::is_session_path(&server, &session) {
        return StatusCode::NOT_FOUND.into_response();
    }
    open(app, (Framing::SockJs, cut), origin(&headers, peer), upgrade)
}

type From = Box<dyn FnOnce(&App) -> Origin + Send>;

fn origin(headers: &HeaderMap, peer: Peer) -> From {
    let headers = headers.clone();
    Box::new(move |app| {
        let address = client_address::of_ddp(&headers, peer, app.options.forwarded_count);
        let agent = headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok());
        Origin {
            address: address.unwrap_or_default(),
            user_agent: agent.unwrap_or_default().to_owned(),
            ..Origin::default()
        }
    })
}

fn open(app: App, wanted: (Framing, Cut), from: From, upgrade: Upgrade) -> Response {
    let Ok(upgrade) = upgrade else {
        let words = "Can \"Upgrade\" only to \"WebSocket\".";
        return (StatusCode::BAD_REQUEST, words).into_response();
    };
    let from = from(&app);
    upgrade
        .read_buffer_size(READ_AT_ONCE)
        .max_message_size(LARGEST_MESSAGE)
        .max_frame_size(LARGEST_MESSAGE)
        .on_upgrade(move |socket| serve(socket, app, from, wanted))
}

/// What SockJS clients ask before they connect.
async fn info(headers: HeaderMap) -> Response {
    let entropy = random::id().bytes().fold(7, |sum: u32, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let body = json!({"websocket": true, "origins": ["*:*"], "cookie_needed": false,
                      "entropy": entropy});
    let no_store = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
    let mut response = (
        [
            (header::CONTENT_TYPE, "application/json; charset=UTF-8"),
            (header::CACHE_CONTROL, no_store),
        ],
        body.to_string(),
    )
        .into_response();
    let origin = headers.get(header::ORIGIN).cloned();
    let star = header::HeaderValue::from_static("*");
    let allowed = response.headers_mut();
    if origin.is_some() {
        let yes = header::HeaderValue::from_static("true");
        allowed.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    allowed.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(star));
    response
}

/// The HTTP fallbacks open, so that it shows when something lets them through; they carry nothing.
async fn fallback() -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "application/javascript; charset=UTF-8",
        )],
        "o\n",
    )
        .into_response()
}

/// Counts a socket as open while it lives.
struct Open(App);

impl Open {
    fn new(app: &App) -> Self {
        app.sockets.fetch_add(1, Ordering::Relaxed);
        Self(App::clone(app))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let sockets: &AtomicUsize = &self.0.sockets;
        sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a connection ends.
enum Ended {
    /// The far end is gone, or the machine fails.
    Gone,
    /// We end it.
    Closed,
    /// The far end sent what is no frame: such as one with a reserved bit, for no extension was agreed on.
    Broken,
}

struct Line {
    socket: WebSocket,
    framing: Framing,
    cut: Cut,
    app: App,
    /// By which what it says is recorded.
    number: usize,
    /// Texts that came while an answer was held back, oldest first.
    waiting: VecDeque<String>,
}

impl Line {
    async fn text(&mut self, text: String) -> Result<(), Ended> {
        self.socket
            .send(Message::Text(text.into()))
            .await
            .map_err(|_| Ended::Gone)
    }

    async fn message(&mut self, message: &Value) -> Result<(), Ended> {
        let text = self.framing.wrap(&message.to_string());
        self.text(text).await
    }

    async fn take(&mut self, step: Step) -> Result<(), Ended> {
        if let Some(latch) = &step.hold {
            self.hold(latch).await?;
        }
        for message in &step.send {
            self.message(message).await?;
        }
        if let Some(message) = &step.torn {
            let text = self.framing.wrap(&message.to_string());
            self.cut.cut_after(text.len() / 2);
            self.text(text).await?;
        }
        if step.close {
            Err(Ended::Closed)
        } else {
            Ok(())
        }
    }

    /// Is busy until the latch is open; what the client sends meanwhile is kept for later.
    async fn hold(&mut self, latch: &Latch) -> Result<(), Ended> {
        let mut opened = pin!(latch.pass());
        loop {
            tokio::select! {
                () = &mut opened => return Ok(()),
                message = self.socket.recv() => self.receive(message)?,
            }
        }
    }

    /// Notes the texts of what the socket gave, and puts them behind those that wait.
    fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Ended> {
        for text in texts(message, self.framing)? {
            self.app.recorder.hear(self.number, &text);
            self.waiting.push_back(text);
        }
        Ok(())
    }

    /// Says good-bye and waits for the far end's, for as long as one heartbeat.
    async fn close(mut self, code: CloseCode) {
        if self.framing == Framing::SockJs && code == close_code::NORMAL {
            let _ = self.text(sockjs::GO_AWAY.to_owned()).await;
        }
        let reason = if code == close_code::NORMAL {
            "Normal closure"
        } else {
            "One or more reserved bits are on, or the frame is otherwise broken"
        };
        let goodbye = CloseFrame {
            code,
            reason: reason.into(),
        };
        if self
            .socket
            .send(Message::Close(Some(goodbye)))
            .await
            .is_err()
        {
            return;
        }
        let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = tokio::time::timeout(SILENCE, answered).await;
    }
}

async fn serve(socket: WebSocket, app: App, from: Origin, wanted: (Framing, Cut)) {
    let open = Open::new(&app);
    let (framing, cut) = wanted;
    let mut line = Line {
        socket,
        framing,
        cut,
        number: app.recorder.next_socket(),
        app: App::clone(&app),
        waiting: VecDeque::new(),
    };
    let ended = converse(&mut line, &app, from).await;
    // A socket that we close counts as closed from here on, whether or not the far end answers.
    drop(open);
    match ended {
        Err(Ended::Closed) => line.close(close_code::NORMAL).await,
        Err(Ended::Broken) => line.close(close_code::PROTOCOL).await,
        Ok(()) | Err(Ended::Gone) => {}
    }
}

async fn converse(line: &mut Line, app: &App, from: Origin) -> Result<(), Ended> {
    let mut events = app.events.subscribe();
    let mut session = Session::new(App::clone(app), from);
    if line.framing == Framing::SockJs {
        line.text(sockjs::OPEN.to_owned()).await?;
    }
    line.message(&Session::greeting()).await?;
    let mut heartbeat = Heartbeat::new(Instant::now());
    let mut beat_at = Instant::now() + sockjs::HEARTBEAT_EVERY;
    loop {
        let beats = line.framing == Framing::SockJs;
        tokio::select! {
            message = line.socket.recv() => {
                heartbeat.heard(Instant::now());
                line.receive(message)?;
                while let Some(text) = line.waiting.pop_front() {
                    let step = session.receive(&text);
                    line.take(step).await?;
                }
            }
            event = events.recv() => match event {
                Ok(event) => line.take(session.hear(&event)).await?,
                Err(RecvError::Lagged(_) | RecvError::Closed) => return Err(Ended::Closed),
            },
            () = sleep_until(heartbeat.due()) => match heartbeat.silent(Instant::now()) {
                Beat::Ping => line.message(&json!({"msg": "ping"})).await?,
                Beat::GiveUp => return Err(Ended::Closed),
            },
            () = sleep_until(beat_at), if beats => {
                beat_at = Instant::now() + sockjs::HEARTBEAT_EVERY;
                line.text(sockjs::HEARTBEAT.to_owned()).await?;
            }
        }
    }
}

/// The DDP texts of what a socket gave.
fn texts(
    message: Option<Result<Message, axum::Error>>,
    framing: Framing,
) -> Result<Vec<String>, Ended> {
    match message {
        Some(Ok(Message::Text(text))) => framing
            .unwrap_message(text.as_str())
            .map_err(|_| Ended::Closed),
        // Binary messages are no part of the protocol.
        Some(Ok(Message::Binary(_))) => Err(Ended::Closed),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Vec::new()),
        Some(Err(_)) => Err(Ended::Broken),
        Some(Ok(Message::Close(_))) | None => Err(Ended::Gone),
    }
}

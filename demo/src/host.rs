//! The host application: its own login, one page with the rooms, and the JWTs that carry its people to Gantry.
//!
//! Its page never sees a JWT (the cookie is `HttpOnly`) and its back end never sees a Rocket.Chat token: both know Gantry alone.
//! Nothing is loaded from elsewhere, and the content security policy says so to the browser.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use gantry::clock::Clock;
use lookalike::Lookalike;

use crate::chat::Chat;
use crate::host_sessions::{HostSession, HostSessions};
use crate::jwt::Signer;

mod app;
mod login;

/// The cookie that Gantry is told to read.
pub(crate) const JWT_COOKIE: &str = "host_jwt";
/// The host application's own cookie. Its path keeps it away from Gantry, which shares the host name with us.
const SESSION_COOKIE: &str = "host_session";
/// The only paths that the host application's own cookie is sent to.
const SESSION_PATH: &str = "/app";
/// Where our keys are.
const KEYS_PATH: &str = "/.well-known/jwks.json";

/// Everything that the host application's routes need.
pub(crate) struct Host {
    /// Our own origin.
    pub(crate) url: String,
    /// Signs our JWTs.
    pub(crate) signer: Signer,
    /// Who is logged in.
    pub(crate) sessions: HostSessions,
    /// Our back end's way to the chat.
    pub(crate) chat: Chat,
    /// Looked into for the demo's sake, to compare what browsers have with what Rocket.Chat gave out. A real host application
    /// could not, and this one cannot where it runs alone.
    pub(crate) rocketchat: Option<Lookalike>,
    /// Wall time.
    pub(crate) clock: Clock,
}

type App = State<Arc<Host>>;

impl Host {
    /// The host application's routes.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/", get(async || Redirect::to(SESSION_PATH)))
            .route("/login", get(login::page).post(login::log_in))
            .route("/app", get(app::page))
            .route("/app/state", get(app::state))
            .route("/app/logout", post(app::log_out))
            .route("/assets/{file}", get(asset))
            .route(KEYS_PATH, get(jwks))
            .layer(middleware::from_fn_with_state(Arc::clone(&self), guard))
            .with_state(self)
    }

    /// The login of a request, if it has one.
    fn session(&self, headers: &HeaderMap) -> Option<HostSession> {
        let id = cookie(headers, SESSION_COOKIE)?;
        self.sessions
            .find(id, &self.signer, self.clock.now())
            .ok()
            .flatten()
    }

    /// Our host and port, as a browser puts them in `Host`.
    fn authority(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, rest)| rest)
    }

    /// The policy of our pages: our own files, Gantry as module, socket and frame, nothing else.
    fn content_security_policy(&self) -> String {
        format!(
            "default-src 'none'; script-src 'self' {gantry}; style-src 'self'; img-src 'self' data:; \
             connect-src 'self' {gantry} {socket}; form-action 'self'; frame-src {gantry}; frame-ancestors 'none'; \
             base-uri 'none'",
            gantry = self.chat.gantry(),
            socket = self.chat.socket_url(),
        )
    }
}

/// Sends browsers to the one name whose cookies Gantry shares, refuses posts from foreign pages, and sets the headers that every
/// answer of ours has.
async fn guard(State(host): App, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST);
    // Whoever verifies our JWTs may know us by another name than browsers do, and keys are for everybody.
    let ours = request.uri().path() == KEYS_PATH
        || named.is_none_or(|named| named.as_bytes() == host.authority().as_bytes());
    let mut response = if !ours && request.method() == Method::GET {
        // `localhost` is another site than `127.0.0.1`: the frame would be without our cookie there.
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        Redirect::temporary(&format!("{}{path}", host.url)).into_response()
    } else if !ours || from_elsewhere(&host, &request) {
        StatusCode::FORBIDDEN.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(host.content_security_policy()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed: [(HeaderName, &str); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: it would make the browser send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Does a changing request come from a page that is not ours (login and logout by a foreign page)?
fn from_elsewhere(host: &Host, request: &Request) -> bool {
    let origin = request.headers().get(header::ORIGIN);
    request.method() == Method::POST
        && origin.is_some_and(|origin| origin.as_bytes() != host.url.as_bytes())
}

async fn jwks(State(host): App) -> Response {
    axum::Json(host.signer.jwks()).into_response()
}

/// Our pages' style and scripts.
async fn asset(Path(file): Path<String>) -> Response {
    const STYLE: &str = "text/css; charset=utf-8";
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    let (kind, text) = match file.as_str() {
        "app.css" => (STYLE, include_str!("../pages/app.css")),
        "app.js" => (SCRIPT, include_str!("../pages/app.js")),
        "behind.js" => (SCRIPT, include_str!("../pages/behind.js")),
        "chat.js" => (SCRIPT, include_str!("../pages/chat.js")),
        "element.js" => (SCRIPT, include_str!("../pages/element.js")),
        "rooms.js" => (SCRIPT, include_str!("../pages/rooms.js")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Every cookie of a request, in the order sent.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    cookies(headers)
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// `Set-Cookie` for both cookies, or for their end when `values` is none.
fn set_cookies(response: &mut Response, values: Option<(&str, &str)>) {
    let (session, jwt, end) = match values {
        Some((session, jwt)) => (session, jwt, ""),
        None => ("", "", "; Max-Age=0"),
    };
    let lines = [
        format!("{SESSION_COOKIE}={session}; Path={SESSION_PATH}; HttpOnly; SameSite=Lax{end}"),
        format!("{JWT_COOKIE}={jwt}; Path=/; HttpOnly; SameSite=Lax{end}"),
    ];
    for line in lines {
        if let Ok(mut line) = HeaderValue::try_from(line) {
            line.set_sensitive(true);
            response.headers_mut().append(header::SET_COOKIE, line);
        }
    }
}

#[cfg(test)]
mod tests;

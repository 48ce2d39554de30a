//! The single page that answers every navigation, and the headers that go on everything (RC §7.5).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::statics;
use crate::auth;
use crate::client_address::Peer;
use crate::state::App;

const PAGE: &str = include_str!("../../page/room.html");
/// Stand-ins for the hashes of the two inline scripts that RC's own page has; this one has none.
const INLINE_HASHES: &str = "'sha256-jqxtvDkBbRAl9Hpqv68WdNOieepg8tJSYu1xIy7zT34=' \
                             'sha256-aui5xYk3Lu1dQcnsPlNZI+qDTdfzdUv3fzsw80VLJgw='";

/// What no route knows: the API's 404, a file, or the page.
pub(crate) async fn catch_all(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return auth::unknown_endpoint().await;
    }
    if let Some(file) = statics::find(&app, path, request.uri().query()) {
        return file;
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "OPTIONS, GET, HEAD")],
        )
            .into_response();
    }
    let html = PAGE
        .replace("{{BASE}}", app.options.path_prefix())
        .replace("{{CSS}}", statics::style_path().trim_start_matches('/'))
        .replace("{{JS}}", statics::script_path().trim_start_matches('/'))
        .replace("{{CONFIG}}", &statics::config_hash(&app));
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "Accept-Encoding"),
    ];
    (headers, html).into_response()
}

/// Puts RC's security headers on every answer, and redirects to https where `Force_SSL` says so.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Some(location) = forced_to_https(&app, &request) {
        return (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
    }
    let mut response = next.run(request).await;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        security_headers(&app, response.headers_mut());
    }
    response
}

fn security_headers(app: &App, headers: &mut HeaderMap) {
    let state = app.state();
    let settings = &state.settings;
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(name).or_insert(value);
        }
    };
    put(header::X_XSS_PROTECTION, "1");
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if settings.on("Iframe_Restrict_Access") {
        put(
            header::X_FRAME_OPTIONS,
            settings.text("Iframe_X_Frame_Options"),
        );
    }
    if settings.on("Enable_CSP") {
        let domains: Vec<&str> = settings.list("Extra_CSP_Domains").collect();
        let policy = format!(
            "default-src 'self' ; connect-src *; font-src 'self' data:; frame-src *; \
             img-src * data: blob:; media-src * data:; \
             script-src 'self' 'unsafe-eval' {INLINE_HASHES} {}; style-src 'self' 'unsafe-inline'",
            domains.join(" ")
        );
        put(header::CONTENT_SECURITY_POLICY, &policy);
    }
}

/// Where a plain request is sent under `Force_SSL`; everybody on this machine is left alone.
fn forced_to_https(app: &App, request: &Request) -> Option<String> {
    if !app.state().settings.on("Force_SSL") {
        return None;
    }
    let text = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let forwarded = text("x-forwarded-for");
    let loopback = |address: &str| matches!(address.trim(), "127.0.0.1" | "::1" | "");
    let peer = request.extensions().get::<Peer>();
    let local =
        peer.is_some_and(|peer| peer.0.ip().is_loopback()) && forwarded.split(',').all(loopback);
    if local || text("x-forwarded-proto").contains("https") {
        return None;
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    Some(format!("https://{}{path}", text("host")))
}

//! CORS of `/api` as RC does it (RC §10): preflights by setting, every answer open to all, credentials never allowed.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::state::App;

const ALLOWED_HEADERS: &str = "Origin, X-Requested-With, Content-Type, Accept, X-User-Id, \
     X-Auth-Token, x-visitor-token, Authorization";
const ALLOWED_METHODS: &str = "GET, POST, PUT, DELETE, HEAD, PATCH";

/// Answers preflights and marks every other answer below `/api/v1/`.
pub(crate) async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let path = path.strip_prefix(app.options.path_prefix()).unwrap_or(path);
    if !path.starts_with("/api/") {
        return next.run(request).await;
    }
    if request.method() == Method::OPTIONS {
        return preflight(&app, request.headers());
    }
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert("access-control-allow-origin", HeaderValue::from_static("*"));
    response
}

fn preflight(app: &App, headers: &HeaderMap) -> Response {
    let state = app.state();
    if !state.settings.on("API_Enable_CORS") {
        let text = "CORS not enabled. Go to \"Admin > General > REST Api\" to enable it.";
        return (StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    }
    let origin = headers
        .get("origin")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let allowed = state.settings.text("API_CORS_Origin");
    let any = allowed == "*";
    if !any
        && !state
            .settings
            .list("API_CORS_Origin")
            .any(|known| known == origin)
    {
        return if app.manner().is_8() {
            (StatusCode::FORBIDDEN, "Invalid origin").into_response()
        } else {
            StatusCode::OK.into_response()
        };
    }
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(
        "access-control-allow-methods",
        HeaderValue::from_static(ALLOWED_METHODS),
    );
    headers.insert(
        "access-control-allow-headers",
        HeaderValue::from_static(ALLOWED_HEADERS),
    );
    let shown = if any { "*" } else { origin };
    if let Ok(value) = HeaderValue::from_str(shown) {
        headers.insert("access-control-allow-origin", value);
    }
    response
}

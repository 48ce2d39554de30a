//! Version, health and liveness (RC §10).

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;

use crate::answers;
use crate::auth::Visitor;
use crate::options::Manner;
use crate::state::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/info", get(info))
        .route("/health", get(health))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
}

/// Only major and minor, unless the caller may see statistics.
async fn info(State(app): State<App>, visitor: Visitor) -> Response {
    let version = app.options.version().to_owned();
    if visitor
        .caller
        .is_some_and(|caller| caller.may(&app, "view-statistics"))
    {
        let info = json!({"version": version, "build": {"nodeVersion": "v22.16.0"}, "commit": {}});
        return answers::success(json!({"info": info, "version": version}));
    }
    let short = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    answers::success(json!({
        "version": short,
        "minimumClientVersions": {"desktop": "3.9.6", "mobile": "4.39.0"},
    }))
}

async fn health(State(app): State<App>) -> Response {
    if app.manner() == Manner::V6 {
        return "ok".into_response();
    }
    answers::json_response(axum::http::StatusCode::OK, &json!({"status": "ok"}))
}

async fn livez(State(app): State<App>) -> Response {
    if app.manner() == Manner::V6 {
        return crate::auth::unknown_endpoint().await;
    }
    answers::json_response(axum::http::StatusCode::OK, &json!({"status": "ok"}))
}

async fn readyz(State(app): State<App>) -> Response {
    if app.manner() == Manner::V6 {
        return crate::auth::unknown_endpoint().await;
    }
    let checks = json!({"memory": "ok", "eventLoop": "ok", "mongo": "ok"});
    let body = json!({"status": "ok", "checks": checks});
    answers::json_response(axum::http::StatusCode::OK, &body)
}

//! Version, health and liveness (RC §10).

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;

use crate::answers;
use crate::auth::Visitor;
use crate::options::Manner;
use crate::state::App;

/// `/livez` and `/readyz` came with 7.11; before, the page behind every unknown path answers there.
pub(super) fn router(manner: Manner) -> Router<App> {
    let routes = Router::new()
        .route("/api/info", get(info))
        .route("/health", get(health));
    if manner == Manner::V6 {
        return routes;
    }
    routes
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
    answers::json_response(StatusCode::OK, &json!({"status": "ok"}))
}

async fn livez() -> Response {
    answers::json_response(StatusCode::OK, &json!({"status": "ok"}))
}

async fn readyz() -> Response {
    let checks = json!({"memory": "ok", "eventLoop": "ok", "mongo": "ok"});
    answers::json_response(StatusCode::OK, &json!({"status": "ok", "checks": checks}))
}

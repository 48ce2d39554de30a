//! What RC serves to everybody and for long: scripts and styles named by their hash, the runtime
//! configuration, assets, packages, translations (RC §7.5, §8).

use aws_lc_rs::digest;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::random;
use crate::state::App;

/// One script with a scope of its own, like the bundle that Meteor builds; each part uses those before it.
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n\n",
    include_str!("../../page/token.js"),
    include_str!("../../page/rest.js"),
    include_str!("../../page/transport.js"),
    include_str!("../../page/connection.js"),
    include_str!("../../page/elements.js"),
    include_str!("../../page/message.js"),
    include_str!("../../page/people.js"),
    include_str!("../../page/unread.js"),
    include_str!("../../page/room.js"),
    include_str!("../../page/parent.js"),
    include_str!("../../page/login.js"),
    include_str!("../../page/start.js"),
    "})();\n"
);
const STYLE: &str = include_str!("../../page/room.css");
const ICON: &str = include_str!("../../page/favicon.svg");
/// Paths below these are files or nothing.
const FILES_ONLY: [&str; 6] = [
    "/assets/",
    "/emoji-custom/",
    "/custom-sounds/",
    "/i18n/",
    "/packages/",
    "/images/",
];
/// Files whose name changes with their content.
const FOR_EVER: &str = "public, max-age=31536000";

/// The path of the page's script.
pub(super) fn script_path() -> String {
    format!("/{}.js", sha1(SCRIPT))
}

/// The path of the page's style sheet.
pub(super) fn style_path() -> String {
    format!("/{}.css", sha1(STYLE))
}

/// The hash without which the runtime configuration is not given out; it changes with `Site_Url`.
pub(super) fn config_hash(app: &App) -> String {
    sha1(&config(app))
}

/// The file at a path; `None` where the path is none of a file.
pub(super) fn find(app: &App, path: &str, query: Option<&str>) -> Option<Response> {
    if path == "/meteor_runtime_config.js" {
        return Some(runtime_config(app, query.unwrap_or_default()));
    }
    if path == script_path() {
        return Some(file("application/javascript", FOR_EVER, SCRIPT));
    }
    if path == style_path() {
        return Some(file("text/css; charset=utf-8", FOR_EVER, STYLE));
    }
    match path {
        "/lookalike-room.js" => Some(file("application/javascript", "public, max-age=0", SCRIPT)),
        "/assets/favicon.svg" | "/assets/logo.svg" | "/packages/lookalike/icon.svg" => {
            Some(file("image/svg+xml", FOR_EVER, ICON))
        }
        "/i18n/en.json" => Some(file("application/json", "public, max-age=0", "{}")),
        "/favicon.ico" | "/robots.txt" => Some(StatusCode::NOT_FOUND.into_response()),
        other if FILES_ONLY.iter().any(|prefix| other.starts_with(prefix)) => {
            Some(StatusCode::NOT_FOUND.into_response())
        }
        _ => None,
    }
}

fn file(content_type: &'static str, cache: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", sha1(text))) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn runtime_config(app: &App, query: &str) -> Response {
    let config = config(app);
    let right = format!("hash={}", sha1(&config));
    if !query.split('&').any(|pair| pair == right) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let headers = [
        (
            header::CONTENT_TYPE,
            "application/javascript; charset=UTF-8",
        ),
        (header::CACHE_CONTROL, FOR_EVER),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, config).into_response()
}

fn config(app: &App) -> String {
    let state = app.state();
    let config = json!({
        "meteorRelease": "METEOR@3.0.4",
        "meteorEnv": {"NODE_ENV": "production", "TEST_METADATA": "{}"},
        "ROOT_URL": state.settings.text("Site_Url"),
        "ROOT_URL_PATH_PREFIX": app.options.path_prefix(),
        "isModern": true,
    });
    format!("__meteor_runtime_config__ = {config};\n")
}

/// Meteor names files by SHA-1; nothing depends on its strength.
fn sha1(text: &str) -> String {
    random::hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

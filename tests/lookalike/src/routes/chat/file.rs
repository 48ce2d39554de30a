//! Uploaded files, data exports and what apps serve, outside `/api/v1` (RC §8).

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use serde_json::json;

use crate::answers;
use crate::chat::{self, Upload};
use crate::loose_auth::{Sources, user_of};
use crate::state::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/file-upload/{id}/{name}", get(file))
        .route("/ufs/{store}/{id}/{name}", get(stored_file))
        .route("/data-export/{id}", get(export))
        .route("/api/apps/{*path}", any(apps))
}

/// A file: unknown ones are 404 to everybody, others only for those who may see them.
async fn file(
    State(app): State<App>,
    Path((id, _name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(upload) = app.state().chat.uploads.find(&id).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (parts, _) = request.into_parts();
    let user_id = user_of(&app, &parts, Sources::All);
    if !may_see(&app, &upload, user_id.as_deref()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    served(&upload.content_type, &upload.name, upload.bytes)
}

/// The older address of the same files.
async fn stored_file(
    state: State<App>,
    Path((_store, id, name)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    file(state, Path((id, name)), request).await
}

/// No app is installed; the answer says only as whom the request was taken. Here cookies override
/// the headers.
async fn apps(State(app): State<App>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match user_of(&app, &parts, Sources::CookiesOverHeaders) {
        Some(user_id) => answers::success(json!({"apps": [], "userId": user_id})),
        None => (StatusCode::UNAUTHORIZED, "Unauthorized").into_response(),
    }
}

fn may_see(app: &App, upload: &Upload, user_id: Option<&str>) -> bool {
    let state = app.state();
    let settings = &state.settings;
    if !settings.on("FileUpload_ProtectFiles") {
        return true;
    }
    let Some(user_id) = user_id else { return false };
    let room = state.chat.room(&upload.room);
    if settings.on("FileUpload_Restrict_to_room_members") {
        return room.is_some_and(|room| room.holds(user_id));
    }
    if settings.on("FileUpload_Restrict_to_users_who_can_access_room") {
        return room.is_some_and(|room| chat::may_read(room, Some(user_id)));
    }
    true
}

/// An export of somebody's data, for the owner alone.
async fn export(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let user_id = user_of(&app, &parts, Sources::All);
    let state = app.state();
    let Some((owner, bytes)) = state.chat.exports.get(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if user_id.as_deref() != Some(owner.as_str()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    served("application/zip", "export.zip", bytes.clone())
}

fn served(content_type: &str, name: &str, bytes: Bytes) -> Response {
    let shown = ["image/", "video/", "audio/", "text/plain"];
    let inline = shown.iter().any(|kind| content_type.starts_with(kind));
    let disposition = if inline { "inline" } else { "attachment" };
    let disposition = format!("{disposition}; filename*=UTF-8''{}", chat::encoded(name));
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let text = |value: &str| {
        HeaderValue::from_str(value)
            .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
    };
    headers.insert(header::CONTENT_TYPE, text(content_type));
    headers.insert(header::CONTENT_DISPOSITION, text(&disposition));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=31536000"),
    );
    // What people upload must not run as a page of this origin.
    let nothing = HeaderValue::from_static("default-src 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    response
}

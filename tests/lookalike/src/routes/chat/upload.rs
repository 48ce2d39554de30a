//! Uploads over REST: `rooms.media` with its confirmation, and the older `rooms.upload`.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart, Path, State};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use serde_json::{Value, json};

use super::asked::Asked;
use crate::answers::{self, MeteorError, Refusal};
use crate::auth::Caller;
use crate::chat::{Draft, Upload};
use crate::moment;
use crate::state::App;
use crate::talk;

/// Bytes of one upload, RC's `FileUpload_MaxFileSize`.
const LARGEST_FILE: usize = 100 * 1024 * 1024;
/// The file with the form around it.
const LARGEST_BODY: usize = LARGEST_FILE + 1024 * 1024;

pub(super) fn router() -> Router<App> {
    let uploads = Router::new()
        .route("/api/v1/rooms.media/{rid}", post(media))
        .route("/api/v1/rooms.upload/{rid}", post(upload))
        .layer(DefaultBodyLimit::max(LARGEST_BODY));
    uploads.route("/api/v1/rooms.mediaConfirm/{rid}/{file}", post(confirm))
}

/// What a form held.
#[derive(Default)]
struct Form {
    file: Option<(String, String, Bytes)>,
    text: String,
    description: String,
}

/// Keeps the file; nobody is told of it until it is confirmed.
async fn media(
    State(app): State<App>,
    caller: Caller,
    Path(room_id): Path<String>,
    form: Multipart,
) -> Result<Response, Refusal> {
    may_upload(&app, &caller, &room_id)?;
    let upload = keep(&app, &caller, &room_id, &mut read(form).await?)?;
    Ok(answers::success(
        json!({"file": {"_id": upload.id, "url": upload.path()}}),
    ))
}

/// Keeps the file and shows it in one step.
async fn upload(
    State(app): State<App>,
    caller: Caller,
    Path(room_id): Path<String>,
    form: Multipart,
) -> Result<Response, Refusal> {
    may_upload(&app, &caller, &room_id)?;
    let mut form = read(form).await?;
    let upload = keep(&app, &caller, &room_id, &mut form)?;
    let message = show(&app, &caller, &upload.id, (&form.text, &form.description))?;
    Ok(answers::success(json!({"message": message})))
}

async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path((room_id, file_id)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, Refusal> {
    may_upload(&app, &caller, &room_id)?;
    let words = (
        asked.text("msg").unwrap_or_default(),
        asked.text("description").unwrap_or_default(),
    );
    let message = show(&app, &caller, &file_id, words)?;
    Ok(answers::success(json!({"message": message})))
}

fn may_upload(app: &App, caller: &Caller, room_id: &str) -> Result<(), Refusal> {
    let state = app.state();
    let room = state.chat.readable(room_id, Some(&caller.user_id));
    room.map(|_| ()).ok_or_else(Refusal::forbidden)
}

async fn read(mut multipart: Multipart) -> Result<Form, Refusal> {
    let mut form = Form::default();
    let broken = |_| Refusal::failure("The form cannot be read");
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        match field.name().unwrap_or_default() {
            "file" => {
                let name = field.file_name().unwrap_or("file").to_owned();
                let kind = field
                    .content_type()
                    .unwrap_or("application/octet-stream")
                    .to_owned();
                form.file = Some((name, kind, field.bytes().await.map_err(broken)?));
            }
            "msg" => form.text = field.text().await.map_err(broken)?,
            "description" => form.description = field.text().await.map_err(broken)?,
            _ => {}
        }
    }
    Ok(form)
}

fn keep(app: &App, caller: &Caller, room_id: &str, form: &mut Form) -> Result<Upload, Refusal> {
    let Some((name, kind, bytes)) = form.file.take() else {
        return Err(MeteorError::new("error-no-file", "No file uploaded").into());
    };
    if bytes.len() > LARGEST_FILE {
        return Err(MeteorError::new("error-file-too-large", "File is too large").into());
    }
    let upload = Upload {
        bytes,
        ..Upload::new(room_id, &caller.user_id, &name, &kind)
    };
    app.state().chat.uploads.keep(upload.clone());
    Ok(upload)
}

/// Says the message that shows a file.
fn show(app: &App, caller: &Caller, file_id: &str, words: (&str, &str)) -> Result<Value, Refusal> {
    let (text, description) = words;
    let upload = app.state().chat.uploads.confirm(file_id, &caller.user_id);
    let upload = upload.ok_or_else(|| MeteorError::new("invalid-file", "Invalid file"))?;
    let draft = Draft {
        text: text.to_owned(),
        attachments: Some(upload.attachments(description)),
        file: Some(upload.to_json()),
        ..Draft::default()
    };
    Ok(moment::to_rest(talk::post(
        app,
        &caller.user_id,
        &upload.room,
        draft,
    )?))
}

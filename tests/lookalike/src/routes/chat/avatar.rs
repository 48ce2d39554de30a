//! Avatars (RC §8): pictures for those who show a query or cookies, initials for everybody else.
//!
//! The answer is always 200. Every user here has a picture, which RC's users have only if they
//! uploaded one; it says `data-avatar="picture"`, so that tests can tell it from initials.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::chat;
use crate::loose_auth::{Sources, user_of};
use crate::state::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/avatar/{username}", get(of_user))
        .route("/avatar/uid/{id}", get(of_user))
        .route("/avatar/room/{id}", get(of_room))
}

async fn of_user(State(app): State<App>, Path(key): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let may_see = may_see(&app, &parts).is_ok();
    let name = app
        .state()
        .users
        .find_id_or_username(&key)
        .map(|user| user.username.clone());
    match name {
        Some(name) if may_see => picture(&app, &name),
        _ => initials(&app, &key),
    }
}

/// A room's picture, for those who may read the room.
async fn of_room(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let viewer = may_see(&app, &parts);
    let title = {
        let state = app.state();
        let room = state.chat.room(&id);
        let seen = |room: &&chat::Room| match &viewer {
            Ok(Some(user_id)) => chat::may_read(room, Some(user_id)),
            Ok(None) => room.kind == chat::RoomKind::Channel,
            Err(NotShown) => false,
        };
        room.filter(seen).map(|room| room.name.clone())
    };
    match title {
        Some(title) => picture(&app, &title),
        None => initials(&app, "?"),
    }
}

/// Pictures are blocked for whoever asks.
struct NotShown;

/// Whether pictures are shown to the asker, and who that is if known.
fn may_see(app: &App, parts: &Parts) -> Result<Option<String>, NotShown> {
    let user_id = user_of(app, parts, Sources::QueryAndCookies);
    let blocked = app
        .state()
        .settings
        .on("Accounts_AvatarBlockUnauthenticatedAccess");
    if blocked && user_id.is_none() {
        Err(NotShown)
    } else {
        Ok(user_id)
    }
}

fn initials(app: &App, name: &str) -> Response {
    let hue = hue(name);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 200 200\" data-avatar=\"initials\">\
         <rect width=\"200\" height=\"200\" fill=\"hsl({hue} 12% 55%)\"/>{}</svg>",
        letter(name),
    );
    image(app, svg)
}

fn picture(app: &App, name: &str) -> Response {
    let hue = hue(name);
    let other = (hue + 60) % 360;
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 200 200\" data-avatar=\"picture\">\
         <defs><linearGradient id=\"g\" x1=\"0\" y1=\"0\" x2=\"1\" y2=\"1\">\
         <stop offset=\"0\" stop-color=\"hsl({hue} 62% 52%)\"/>\
         <stop offset=\"1\" stop-color=\"hsl({other} 68% 40%)\"/></linearGradient></defs>\
         <rect width=\"200\" height=\"200\" fill=\"url(#g)\"/>{}</svg>",
        letter(name),
    );
    image(app, svg)
}

/// A colour of the name's own.
fn hue(name: &str) -> u32 {
    name.bytes().fold(7, |sum: u32, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    }) % 360
}

fn letter(name: &str) -> String {
    let letter = name
        .chars()
        .find(|symbol| symbol.is_alphanumeric())
        .unwrap_or('?');
    format!(
        "<text x=\"50%\" y=\"50%\" dy=\"0.35em\" text-anchor=\"middle\" font-size=\"110\" \
         font-weight=\"600\" font-family=\"Helvetica, Arial, sans-serif\" fill=\"#fff\">{}</text>",
        letter.to_uppercase()
    )
}

fn image(app: &App, svg: String) -> Response {
    let seconds = app.state().settings.whole("Accounts_AvatarCacheTime");
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml".to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={seconds}")),
        (header::CONTENT_DISPOSITION, "inline".to_owned()),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'".to_owned(),
        ),
    ];
    (headers, svg).into_response()
}

//! The host application's page: rooms, the frame, and a panel that shows what is going on.
//!
//! The panel is the demo's own: it compares everything the browser sends us with the tokens that Rocket.Chat gave out. Cookies do
//! not know ports, so what the browser keeps for Gantry reaches us too and is compared as well. Before a real Rocket.Chat nobody tells
//! us its tokens, and the panel says so.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{App, Host, JWT_COOKIE, SESSION_COOKIE, cookie, cookies, set_cookies};
use crate::chat::Present;
use crate::host_sessions::HostSession;
use crate::jwt::unix_seconds;
use crate::people::{PEOPLE, Person};

/// How long the page's logout waits for Rocket.Chat to have forgotten the token, so that it can say so.
const FORGETTING: Duration = Duration::from_secs(3);

/// The page, or the way to the login.
pub(super) async fn page(State(host): App, headers: HeaderMap) -> Response {
    if host.session(&headers).is_none() {
        return Redirect::to("/login").into_response();
    }
    Html(include_str!("../../pages/app.html")).into_response()
}

/// Everything the page shows, asked for every few seconds. Also what keeps the JWT young.
pub(super) async fn state(State(host): App, headers: HeaderMap) -> Response {
    let Some(session) = host.session(&headers) else {
        let body = json!({ "browser": browser(&headers, &[]) });
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    };
    // Rooms first: this call is what makes a new person's user and session.
    let rooms = host.chat.rooms(&session.jwt).await;
    let gantry = host.chat.session(&session.jwt).await;
    let present = host.chat.present(&session.jwt).await.unwrap_or_default();
    let username = session.person.username;
    let tokens = host.rocketchat.as_ref().map(|rc| rc.live_tokens(username));
    let user = match &host.rocketchat {
        Some(rc) => rc.user(username).map(|user| user.id.into()),
        // What Gantry says is all that a host application knows.
        None => gantry
            .as_ref()
            .ok()
            .map(|session| session["userId"].clone()),
    };
    let prints = tokens.as_ref().map(|tokens| {
        let prints = tokens.iter().map(|token| fingerprint(token));
        prints.collect::<Vec<_>>()
    });
    let body = json!({
        "person": person(&session),
        "host": {
            "sid": session.sid,
            "jwtExpires": unix_seconds(session.jwt_expires),
            "now": unix_seconds(host.clock.now()),
        },
        "gantry": outcome(gantry),
        "rooms": outcome(rooms),
        "people": people(&host, &session, &present),
        "chat": { "url": host.chat.gantry(), "socket": host.chat.socket_url() },
        "rocketchat": {
            "user": user,
            "tokens": prints,
        },
        "browser": browser(&headers, tokens.as_deref().unwrap_or_default()),
    });
    let mut response = Json(body).into_response();
    // Only a renewed JWT is handed over, and only to a login that did not end meanwhile: a late answer must not bring
    // cookies back that the logout took away.
    let renewed = cookie(&headers, JWT_COOKIE) != Some(session.jwt.as_str());
    let id = cookie(&headers, SESSION_COOKIE).filter(|_| renewed);
    if let (Some(id), Some(session)) = (id, host.session(&headers)) {
        set_cookies(&mut response, Some((id, &session.jwt)));
    }
    response
}

/// Ends the login here and the session at Gantry, and says what is left of both.
pub(super) async fn log_out(State(host): App, headers: HeaderMap) -> Response {
    let ended = cookie(&headers, SESSION_COOKIE).and_then(|id| host.sessions.end(id));
    let body = match ended {
        Some(session) => farewell(&host, &session).await,
        None => json!({}),
    };
    let mut response = Json(body).into_response();
    set_cookies(&mut response, None);
    response
}

/// Tells Gantry, and looks at what came of it.
async fn farewell(host: &Host, session: &HostSession) -> Value {
    let username = session.person.username;
    let rocketchat = host.rocketchat.as_ref();
    let before = rocketchat.map(|rc| rc.live_tokens(username).len());
    let logout = host.chat.logout(&session.jwt).await;
    // Gantry answers before Rocket.Chat has been told, and owes that call from then on.
    let forgotten = match rocketchat.zip(before) {
        Some((rc, before)) => {
            let forgetting = async {
                while rc.live_tokens(username).len() >= before.max(1) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            Some(tokio::time::timeout(FORGETTING, forgetting).await.is_ok())
        }
        None => None,
    };
    let old_jwt = host.chat.session(&session.jwt).await;
    json!({
        "gantry": outcome(logout.map(|()| true)),
        "oldJwtStatus": old_jwt.map_or_else(|trouble| trouble.status, |_| Some(200)),
        "tokenForgotten": forgotten,
        "tokensLeft": rocketchat.map(|rc| rc.live_tokens(username).len()),
    })
}

fn person(session: &HostSession) -> Value {
    let person = session.person;
    let number = PEOPLE
        .iter()
        .position(|known| known.username == person.username);
    described(number.unwrap_or_default(), person)
}

fn described(number: usize, person: &Person) -> Value {
    json!({
        "username": person.username, "name": person.name, "title": person.title,
        "initial": person.initial(), "number": number,
    })
}

/// Everybody else, with the presence that Rocket.Chat tells.
fn people(host: &Host, session: &HostSession, present: &[Present]) -> Vec<Value> {
    let others = PEOPLE
        .iter()
        .enumerate()
        .filter(|(_, person)| person.username != session.person.username);
    let mut people = Vec::new();
    for (number, person) in others {
        let mut one = described(number, person);
        let known = present
            .iter()
            .find(|known| known.username == person.username);
        one["status"] = known.map_or("offline", |known| &known.status).into();
        one["path"] = format!("/direct/{}", person.username).into();
        // Nobody can be written to before their first visit made their user.
        let joined = match &host.rocketchat {
            Some(rocketchat) => rocketchat.user(person.username).is_some(),
            None => known.is_some(),
        };
        one["joined"] = joined.into();
        people.push(one);
    }
    people
}

/// `{"ok": …}` or `{"trouble": …}`.
fn outcome<T: serde::Serialize>(result: Result<T, crate::chat::Trouble>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(trouble) => json!({ "trouble": trouble }),
    }
}

/// What the browser sent along.
fn browser(headers: &HeaderMap, tokens: &[String]) -> Value {
    json!({
        "cookies": cookies(headers).map(|(name, _)| name).collect::<Vec<_>>(),
        "tokenSent": sends_a_token(headers, tokens),
    })
}

/// Does any header of the browser hold a token that Rocket.Chat gave out?
fn sends_a_token(headers: &HeaderMap, tokens: &[String]) -> bool {
    headers.values().any(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        tokens.iter().any(|token| text.contains(token.as_str()))
    })
}

/// A token as Rocket.Chat stores it (RC §1.1): enough to recognise it, useless to whoever reads it.
fn fingerprint(token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    BASE64.encode(digest.as_ref())
}

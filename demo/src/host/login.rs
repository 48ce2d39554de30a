//! The host application's own login: a page with its people, and the post that begins a host session.

use std::fmt::Write as _;

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{App, SESSION_PATH, set_cookies};
use crate::people::{self, PASSWORD, PEOPLE};

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Login {
    username: String,
    password: String,
}

/// The login page.
pub(super) async fn page() -> Response {
    filled(PEOPLE[0].username, "").into_response()
}

/// Begins a host session, or shows the page again.
pub(super) async fn log_in(State(host): App, Form(login): Form<Login>) -> Response {
    let Some(person) = people::log_in(&login.username, &login.password) else {
        let page = filled(
            &login.username,
            "That is not the password. Everybody's password here is “demo”.",
        );
        return (StatusCode::UNAUTHORIZED, page).into_response();
    };
    let Ok((id, session)) = host.sessions.begin(person, &host.signer, host.clock.now()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Redirect::to(SESSION_PATH).into_response();
    set_cookies(&mut response, Some((&id, &session.jwt)));
    response
}

/// The page with one person chosen. Only our own constants are put in, so nothing needs escaping.
fn filled(chosen: &str, problem: &str) -> Html<String> {
    let mut choices = String::new();
    for (number, person) in PEOPLE.iter().enumerate() {
        let checked = if person.username == chosen {
            " checked"
        } else {
            ""
        };
        // Writing into a string cannot fail.
        let _written = write!(
            choices,
            r#"<label class="choice"><input type="radio" name="username" value="{username}" required{checked}>
<span class="face face-{number}" aria-hidden="true">{initial}</span>
<span class="who"><b>{name}</b><small>{title}</small></span></label>"#,
            username = person.username,
            initial = person.initial(),
            name = person.name,
            title = person.title,
        );
    }
    let page = include_str!("../../pages/login.html")
        .replace("{{people}}", &choices)
        .replace("{{password}}", PASSWORD)
        .replace("{{problem}}", problem);
    Html(page)
}

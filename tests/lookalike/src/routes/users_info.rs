//! Looking users up (RC §2.5).

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::answers::{self, Refusal};
use crate::auth::Caller;
use crate::documents::{self, Sight};
use crate::options::Manner;
use crate::state::App;
use crate::user::User;

/// How many `users.list` shows unless asked for another count.
const LIST_COUNT: usize = 50;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/users.info", get(info))
        .route("/api/v1/users.list", get(list))
}

type Pairs = Query<Vec<(String, String)>>;

async fn info(State(app): State<App>, caller: Caller, Query(query): Pairs) -> Response {
    let (key, value) = match sought(&app, &query) {
        Ok(sought) => sought,
        Err(refusal) => return refusal.into_response(),
    };
    let full = caller.may(&app, "view-full-other-user-info");
    let state = app.state();
    let found = match key {
        "userId" | "username" => state.users.find_id_or_username(value),
        "email" if full => state.users.find_email(value),
        _ => None,
    };
    let Some(user) = found else {
        return Refusal::failure("User not found.").into_response();
    };
    let own = user.id == caller.user_id;
    let sight = match (own, full) {
        (true, _) => Sight::Own,
        (false, true) => Sight::Full,
        (false, false) => Sight::Public,
    };
    let mut document = documents::of(user, sight);
    if own {
        document.insert(
            "services".to_owned(),
            documents::services(user, app.manner()),
        );
    }
    if query
        .iter()
        .any(|(key, value)| key == "includeUserRooms" && value == "true")
    {
        document.insert("rooms".to_owned(), json!([]));
    }
    answers::success(json!({"user": document}))
}

/// The one key that is searched by, with its value.
fn sought<'a>(app: &App, query: &'a [(String, String)]) -> Result<(&'a str, &'a str), Refusal> {
    let mut found = None;
    for (key, value) in query {
        match key.as_str() {
            "includeUserRooms" | "fields" => {}
            "userId" | "username" | "importId" if found.is_none() => found = Some((key, value)),
            "email" | "freeSwitchExtension" if app.manner() == Manner::V87 && found.is_none() => {
                found = Some((key, value));
            }
            _ => {
                return Err(Refusal::invalid_params(
                    "must NOT have additional properties",
                ));
            }
        }
    }
    match found {
        None => Err(Refusal::invalid_params(
            "must have required property 'userId'",
        )),
        Some((_, value)) if value.is_empty() => Err(Refusal::failure("Invalid search query.")),
        Some((key, value)) => Ok((key, value)),
    }
}

async fn list(State(app): State<App>, caller: Caller, Query(query): Pairs) -> Response {
    let number = |wanted: &str, default| {
        let pair = query.iter().find(|(key, _)| key == wanted);
        pair.and_then(|(_, value)| value.parse().ok())
            .unwrap_or(default)
    };
    let (count, offset) = (number("count", LIST_COUNT), number("offset", 0_usize));
    let full = caller.may(&app, "view-full-other-user-info");
    let sight = if full { Sight::Full } else { Sight::Public };
    let state = app.state();
    let all: Vec<&User> = state.users.all().collect();
    let page = all.iter().skip(offset).take(count);
    let users: Vec<Value> = page
        .map(|user| Value::Object(documents::of(user, sight)))
        .collect();
    let (count, total) = (users.len(), all.len());
    answers::success(json!({"users": users, "count": count, "offset": offset, "total": total}))
}

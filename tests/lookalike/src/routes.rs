//! The table of routes, one file per family.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::answers::Refusal;
use crate::options::Manner;
use crate::routes::chat::page;
use crate::state::App;
use crate::{auth, cors, ddp};

mod chat;
mod create_token;
mod info;
mod login;
mod me;
mod own_account;
mod probe;
mod settings;
mod user_tokens;
mod users_create;
mod users_info;
mod users_update;

/// Every route, below the path part of `ROOT_URL`.
pub(crate) fn router(app: App) -> Router {
    let routes = Router::new()
        .merge(info::router(app.manner()))
        .merge(login::router())
        .merge(me::router())
        .merge(users_info::router())
        .merge(users_create::router())
        .merge(users_update::router())
        .merge(user_tokens::router())
        .merge(own_account::router())
        .merge(create_token::router())
        .merge(settings::router())
        .merge(probe::router())
        .merge(chat::router())
        .merge(ddp::router())
        .fallback(page::catch_all)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(auth::quota_headers));
    let prefix = app.options.path_prefix().to_owned();
    let routes = if prefix.is_empty() {
        routes
    } else {
        // Outside the path part of ROOT_URL there is nothing.
        Router::new()
            .nest(&prefix, routes)
            .fallback(auth::unknown_endpoint)
    };
    routes
        .layer(from_fn_with_state(App::clone(&app), cors::cors))
        .layer(from_fn_with_state(App::clone(&app), page::guard))
        .with_state(app)
}

/// A method that the route does not have (RC §1.4).
async fn wrong_method(State(app): State<App>) -> Response {
    if app.manner() != Manner::V6 {
        return auth::unknown_endpoint().await;
    }
    let body = json!({"status": "error", "message": "API endpoint does not exist"});
    Refusal::other(StatusCode::METHOD_NOT_ALLOWED, body).into_response()
}

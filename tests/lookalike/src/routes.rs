//! The table of routes, one file per family.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::auth;
use crate::ddp;
use crate::routes::chat::page;
use crate::state::App;

mod chat;
mod info;
mod login;
mod me;
mod probe;

/// Every route, below the path part of `ROOT_URL`.
pub(crate) fn router(app: App) -> Router {
    let routes = Router::new()
        .merge(info::router())
        .merge(login::router())
        .merge(me::router())
        .merge(probe::router())
        .merge(chat::router())
        .merge(ddp::router())
        .fallback(page::catch_all)
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
        .layer(from_fn_with_state(App::clone(&app), page::guard))
        .with_state(app)
}

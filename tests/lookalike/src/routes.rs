//! The table of routes, one file per family.

use axum::Router;
use axum::middleware::from_fn;

use crate::auth;
use crate::ddp;
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
        .layer(from_fn(auth::quota_headers));
    let prefix = app.options.path_prefix().to_owned();
    let routes = if prefix.is_empty() {
        routes
    } else {
        Router::new().nest(&prefix, routes)
    };
    routes.fallback(auth::unknown_endpoint).with_state(app)
}

//! Rooms, messages, files, pages and tunnelled methods: everything about chatting.

use axum::Router;

use crate::state::App;

/// The routes about chatting.
pub(crate) fn router() -> Router<App> {
    Router::new()
}

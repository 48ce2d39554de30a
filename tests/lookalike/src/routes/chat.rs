//! Rooms, messages, files, pages and tunnelled methods: everything about chatting.

use axum::Router;

use crate::state::App;

mod asked;
mod avatar;
mod file;
mod messages;
mod method_call;
pub(super) mod page;
mod people;
mod room_lists;
mod rooms;
mod statics;
mod subscriptions;
mod upload;

/// The routes about chatting.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .merge(avatar::router())
        .merge(file::router())
        .merge(messages::router())
        .merge(method_call::router())
        .merge(people::router())
        .merge(rooms::router())
        .merge(room_lists::router())
        .merge(subscriptions::router())
        .merge(upload::router())
}

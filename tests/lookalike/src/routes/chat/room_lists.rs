//! Lists: of rooms, of a room's messages, of its members. One handler each for channels, groups and
//! direct rooms.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::asked::{Asked, paged};
use crate::answers::{self, Refusal};
use crate::auth::Caller;
use crate::chat::{self, Room, RoomKind, Stretch};
use crate::moment;
use crate::state::App;

pub(super) fn router() -> Router<App> {
    let mut router = Router::new()
        .route("/api/v1/channels.list", get(channels))
        .route("/api/v1/channels.list.joined", get(channels_joined))
        .route("/api/v1/groups.list", get(groups))
        .route("/api/v1/im.list", get(direct_rooms))
        .route("/api/v1/dm.list", get(direct_rooms));
    let families = [
        ("channels", RoomKind::Channel),
        ("groups", RoomKind::Group),
        ("im", RoomKind::Direct),
        ("dm", RoomKind::Direct),
    ];
    for (family, kind) in families {
        let path = |action: &str| format!("/api/v1/{family}.{action}");
        router = router
            .route(
                &path("history"),
                get(move |state, caller, asked| history(state, caller, asked, kind)),
            )
            .route(
                &path("messages"),
                get(move |state, caller, asked| messages(state, caller, asked, kind)),
            )
            .route(
                &path("members"),
                get(move |state, caller, asked| members(state, caller, asked, kind)),
            );
    }
    router
}

async fn channels(State(app): State<App>, _caller: Caller, asked: Asked) -> Response {
    let all = app.state().chat.channels().map(Room::to_json).collect();
    answers::success(paged("channels", all, asked.page()))
}

async fn channels_joined(State(app): State<App>, caller: Caller, asked: Asked) -> Response {
    own(&app, &caller, &asked, ("channels", RoomKind::Channel))
}

async fn groups(State(app): State<App>, caller: Caller, asked: Asked) -> Response {
    own(&app, &caller, &asked, ("groups", RoomKind::Group))
}

async fn direct_rooms(State(app): State<App>, caller: Caller, asked: Asked) -> Response {
    own(&app, &caller, &asked, ("ims", RoomKind::Direct))
}

/// The caller's rooms of one kind, those with the latest messages first.
fn own(app: &App, caller: &Caller, asked: &Asked, list: (&str, RoomKind)) -> Response {
    let (name, kind) = list;
    let state = app.state();
    let mut rooms: Vec<&Room> = state
        .chat
        .rooms_of(&caller.user_id)
        .filter(|room| room.kind == kind)
        .collect();
    rooms.sort_by_key(|room| std::cmp::Reverse(room.updated));
    let all = rooms
        .into_iter()
        .map(|room| chat::titled(room, &caller.user_id))
        .collect();
    answers::success(paged(name, all, asked.page()))
}

async fn history(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    kind: RoomKind,
) -> Result<Response, Refusal> {
    let state = app.state();
    let room = asked.room(&state, &caller.user_id, kind)?;
    let messages = state.chat.history(&room.id, asked.stretch());
    Ok(answers::success(
        json!({"messages": moment::to_rest(messages.into())}),
    ))
}

async fn messages(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    kind: RoomKind,
) -> Result<Response, Refusal> {
    let state = app.state();
    let room = asked.room(&state, &caller.user_id, kind)?;
    let whole = Stretch {
        oldest: None,
        latest: None,
        inclusive: false,
        offset: 0,
        count: usize::MAX,
    };
    let all = state.chat.history(&room.id, whole);
    Ok(answers::success(paged("messages", all, asked.page())))
}

async fn members(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
    kind: RoomKind,
) -> Result<Response, Refusal> {
    let state = app.state();
    let room = asked.room(&state, &caller.user_id, kind)?;
    let all: Vec<Value> = room
        .members()
        .map(|member| {
            let mut person = member.person.to_json();
            person["status"] = state.presence.status(&member.person.id).name().into();
            person
        })
        .collect();
    Ok(answers::success(paged("members", all, asked.page())))
}

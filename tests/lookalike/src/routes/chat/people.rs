//! What clients read at start besides rooms: who is there, who may do what, how things are set.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::Asked;
use crate::answers::{self, MeteorError, Refusal};
use crate::auth::{Caller, Visitor};
use crate::ddp;
use crate::moment;
use crate::params::Params;
use crate::permissions::ROLES;
use crate::state::App;
use crate::user::User;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/users.presence", get(presence))
        .route("/api/v1/users.getPresence", get(one_presence))
        .route("/api/v1/users.getAvatar", get(avatar))
        .route("/api/v1/permissions.listAll", get(permissions))
        .route("/api/v1/permissions.update", post(set_permissions))
        .route("/api/v1/settings/{id}", get(setting))
}

/// Sends to the picture outside the API, which has its own rules about credentials.
async fn avatar(
    State(app): State<App>,
    visitor: Visitor,
    asked: Asked,
) -> Result<Response, Refusal> {
    let own = visitor.caller.map(|caller| caller.user_id);
    let key = asked
        .query("username")
        .or_else(|| asked.query("userId"))
        .or(own.as_deref());
    let state = app.state();
    let user = key.and_then(|key| state.users.find_id_or_username(key));
    let user = user.ok_or_else(|| MeteorError::new("error-invalid-user", "Invalid user"))?;
    let path = format!("{}/avatar/{}", app.options.path_prefix(), user.username);
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, path)]).into_response())
}

/// Presence of the users in `ids` (comma separated), or of all.
async fn presence(State(app): State<App>, _caller: Caller, asked: Asked) -> Response {
    let ids: Option<Vec<&str>> = asked.query("ids").map(|ids| ids.split(',').collect());
    let wanted = |user: &&User| {
        ids.as_ref()
            .is_none_or(|ids| ids.contains(&user.id.as_str()))
    };
    let state = app.state();
    let users: Vec<Value> = state
        .users
        .all()
        .filter(wanted)
        .map(|user| {
            json!({"_id": user.id, "username": user.username, "name": user.name,
                   "status": state.presence.status(&user.id).name(),
                   "statusText": state.presence.text(&user.id), "utcOffset": 0})
        })
        .collect();
    answers::success(json!({"users": users, "full": ids.is_none()}))
}

/// Presence of one user, by default the caller.
async fn one_presence(
    State(app): State<App>,
    caller: Caller,
    asked: Asked,
) -> Result<Response, Refusal> {
    let key = asked.query("userId").or_else(|| asked.query("username"));
    let state = app.state();
    let user = state
        .users
        .find_id_or_username(key.unwrap_or(&caller.user_id));
    let user = user.ok_or_else(|| MeteorError::new("error-invalid-user", "Invalid user"))?;
    let status = state.presence.status(&user.id).name();
    Ok(answers::success(json!({"presence": status})))
}

async fn permissions(State(app): State<App>, _caller: Caller) -> Response {
    answers::success(json!({"update": moment::to_rest(ddp::permissions(&app)), "remove": []}))
}

/// A permission with all the roles that hold it from now on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holders {
    #[serde(rename = "_id")]
    id: String,
    roles: Vec<String>,
}

/// Sets who holds the permissions named, all of them or none.
async fn set_permissions(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    caller.require(&app, "access-permissions")?;
    let wanted = params.0.get("permissions").cloned().unwrap_or_default();
    let wanted: Vec<Holders> = serde_json::from_value(wanted)
        .map_err(|_| Refusal::invalid_params("must have required property 'permissions'"))?;
    {
        let permissions = &mut app.state().permissions;
        if wanted.iter().any(|one| !permissions.is_known(&one.id)) {
            return Err(plain("Invalid permission", "error-invalid-permission"));
        }
        let mut roles = wanted.iter().flat_map(|one| &one.roles);
        if roles.any(|role| !ROLES.contains(&role.as_str())) {
            return Err(plain("Invalid role", "error-invalid-role"));
        }
        for one in &wanted {
            permissions.set(&one.id, &one.roles);
        }
    }
    let permissions = moment::to_rest(ddp::permissions(&app));
    Ok(answers::success(json!({"permissions": permissions})))
}

/// A failure whose text does not repeat its kind.
fn plain(error: &str, kind: &str) -> Refusal {
    let body = json!({"success": false, "error": error, "errorType": kind});
    Refusal::other(StatusCode::BAD_REQUEST, body)
}

/// One setting, for those who may see settings.
async fn setting(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    caller.require(&app, "view-privileged-setting")?;
    let state = app.state();
    let value = state
        .settings
        .value(&id)
        .ok_or_else(|| Refusal::failure("Setting not found"))?;
    Ok(answers::success(json!({"_id": id, "value": value})))
}

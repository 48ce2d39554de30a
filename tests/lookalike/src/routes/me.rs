//! The caller's own document (RC §2.3).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::answers;
use crate::auth::Caller;
use crate::state::App;
use crate::user::User;

pub(super) fn router() -> Router<App> {
    Router::new().route("/api/v1/me", get(me))
}

async fn me(State(app): State<App>, caller: Caller) -> Response {
    let state = app.state();
    let user = state.users.get(&caller.user_id);
    answers::success(user.map_or(Value::Null, document))
}

/// The shape of `me`: the user's own fields, services reduced, no tokens.
pub(crate) fn document(user: &User) -> Value {
    let mut me = json!({
        "_id": user.id,
        "name": user.name,
        "emails": emails(user),
        "status": "offline",
        "statusConnection": "offline",
        "username": user.username,
        "utcOffset": 0,
        "active": user.active,
        "roles": user.roles,
        "settings": {"preferences": {}},
        "customFields": {},
        "services": {
            "password": {"exists": user.password_digest.is_some()},
            "totp": {"enabled": user.totp_secret.is_some()},
            "email2fa": {"enabled": user.email_two_factor},
        },
        "avatarUrl": format!("/avatar/{}", user.username),
    });
    for (key, value) in &user.more {
        me[key] = value.clone();
    }
    if let Some(address) = user.verified_email() {
        me["email"] = Value::from(address);
    }
    me
}

/// `emails` as the document holds it.
pub(crate) fn emails(user: &User) -> Value {
    let entry =
        |email: &crate::user::Email| json!({"address": email.address, "verified": email.verified});
    user.emails.iter().map(entry).collect()
}

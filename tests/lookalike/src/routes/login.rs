//! Login and logout (RC §2.1, §2.4).

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::answers::{MeteorError, Refusal, json_response};
use crate::auth::{Caller, Origin, Visitor};
use crate::documents;
use crate::options::Manner;
use crate::params::Params;
use crate::state::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/login", post(login))
        .route("/api/v1/logout", get(logout).post(logout))
}

async fn login(State(app): State<App>, visitor: Visitor, params: Params) -> Response {
    let code = params.text("code").map(str::to_owned).or(visitor.from.code);
    let from = Origin {
        code,
        ..visitor.from
    };
    let signed_in = match app.sign_in(&meteor_params(&params), &from) {
        Ok(signed_in) => signed_in,
        Err(why) => return refused(app.manner(), why).into_response(),
    };
    let state = app.state();
    let user = state.users.get(&signed_in.user_id);
    let data = json!({
        "userId": signed_in.user_id,
        "authToken": signed_in.token,
        "me": user.map_or(Value::Null, documents::me),
    });
    let mut body = json!({"status": "success", "data": data});
    if app.manner() != Manner::V6 {
        body["success"] = Value::Bool(true);
    }
    json_response(StatusCode::OK, &body)
}

/// The REST body as the parameter of Meteor's `login`: bodies that name nobody pass unchanged.
fn meteor_params(params: &Params) -> Value {
    let user = match (
        params.text("user"),
        params.text("username"),
        params.text("email"),
    ) {
        (Some(address), _, _) if address.contains('@') => json!({"email": address}),
        (Some(name), _, _) | (None, Some(name), _) => json!({"username": name}),
        (None, None, Some(address)) => json!({"email": address}),
        (None, None, None) => return Value::Object(params.0.clone()),
    };
    json!({"user": user, "password": params.0.get("password")})
}

/// The 401 of a refused login. That a user does not exist is not told.
fn refused(manner: Manner, why: MeteorError) -> Refusal {
    let unknown = why.reason == "User not found";
    let (error, message) = if unknown {
        (Value::from("Unauthorized"), "Unauthorized".to_owned())
    } else {
        (why.error, why.reason)
    };
    let mut body = json!({"status": "error", "error": error, "message": message});
    if let Some(details) = why.details {
        body["details"] = *details;
    }
    if manner != Manner::V6 {
        body["success"] = Value::Bool(false);
    }
    Refusal::other(StatusCode::UNAUTHORIZED, body)
}

/// Removes the token that came, and no other.
async fn logout(State(app): State<App>, caller: Caller) -> Response {
    app.remove_tokens(&caller.user_id, |token| token.hashed == caller.hashed);
    let data = json!({"message": "You've been logged out!"});
    json_response(StatusCode::OK, &json!({"status": "success", "data": data}))
}

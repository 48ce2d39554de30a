//! `users.createToken` in its three regimes (RC §3.1 to §3.3).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::json;

use crate::answers::{self, MeteorError, Refusal};
use crate::auth::Caller;
use crate::options::{CreateToken, Manner};
use crate::params::{Kind, Params, Schema};
use crate::state::App;
use crate::two_factor;

/// From 8.0 exactly these two keys.
const BODY: Schema = Schema {
    required: &[("userId", Kind::Filled), ("secret", Kind::Filled)],
    optional: &[],
};

const PERMISSION: &str = "user-generate-access-token";

pub(super) fn router() -> Router<App> {
    Router::new().route("/api/v1/users.createToken", post(create_token))
}

async fn create_token(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let user_id = if app.manner().is_8() {
        by_secret(&app, &caller, params)?
    } else {
        by_environment(&app, &caller, &params)?
    };
    let minted = app.mint(&user_id).ok_or_else(unknown_user)?;
    Ok(answers::success(
        json!({"data": {"userId": user_id, "authToken": minted.plain}}),
    ))
}

fn by_secret(app: &App, caller: &Caller, params: Params) -> Result<String, Refusal> {
    let params = BODY.check(params)?;
    if app.options.two_factor_on_users {
        two_factor::require(app, caller)?;
    }
    let user_id = params.text("userId").unwrap_or_default().to_owned();
    let right = matches!(
        app.options.create_token(),
        CreateToken::Secret(secret) if params.text("secret") == Some(secret.as_str())
    );
    let permitted =
        app.manner() == Manner::V80 || caller.user_id == user_id || caller.may(app, PERMISSION);
    if right && permitted {
        Ok(user_id)
    } else {
        Err(not_authorized().into())
    }
}

fn by_environment(app: &App, caller: &Caller, params: &Params) -> Result<String, Refusal> {
    let named = ["userId", "username", "user"]
        .into_iter()
        .find_map(|key| params.text(key));
    let Some(named) = named else {
        let reason = "The required \"userId\" or \"username\" param was not provided";
        return Err(MeteorError::new("error-user-param-not-provided", reason).into());
    };
    let state = app.state();
    let user_id = if params.text("userId").is_some() {
        state.users.get(named)
    } else {
        state.users.find_username(named)
    };
    let user_id = user_id
        .map(|user| user.id.clone())
        .ok_or_else(unknown_user)?;
    let permitted = caller.user_id == user_id || state.may(&caller.user_id, PERMISSION);
    if permitted && app.options.create_token() == CreateToken::Env {
        return Ok(user_id);
    }
    Err(not_authorized()
        .with_details(json!({"method": "createToken"}))
        .into())
}

fn not_authorized() -> MeteorError {
    MeteorError::new("error-not-authorized", "Not authorized")
}

fn unknown_user() -> Refusal {
    let reason = "The required \"userId\" or \"username\" param provided does not match any users";
    MeteorError::new("error-invalid-user", reason).into()
}

//! What users do to their own account, and the public ways around a login that a host must close (RC §9).
//!
//! They are thin: enough that a request which gets through here is seen to have an effect.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use crate::account;
use crate::answers::{self, MeteorError, Refusal};
use crate::auth::{Caller, Visitor};
use crate::documents::{self, Sight};
use crate::params::{Kind, Params, Schema};
use crate::presence::{self, Status};
use crate::random;
use crate::routes::user_tokens;
use crate::state::App;

const UPDATE: Schema = Schema {
    required: &[("data", Kind::Object)],
    optional: &[("customFields", Kind::Object)],
};

const REDEEM: Schema = Schema {
    required: &[("code", Kind::Filled)],
    optional: &[],
};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/users.updateOwnBasicInfo", post(update))
        .route("/api/v1/users.deleteOwnAccount", post(delete))
        .route("/api/v1/users.forgotPassword", post(mail))
        .route("/api/v1/users.sendConfirmationEmail", post(mail))
        .route("/api/v1/users.setStatus", post(set_status))
        .route("/api/v1/users.2fa.enableEmail", post(enable_email))
        .route("/api/v1/users.2fa.disableEmail", post(disable_email))
        .route("/api/v1/loginCode.redeem", post(redeem))
}

async fn update(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = UPDATE.check(params)?;
    let data = params.0.get("data").cloned().unwrap_or_default();
    let text = |key: &str| data.get(key).and_then(Value::as_str);
    let mut state = app.state();
    let found = state.users.get(&caller.user_id).cloned();
    let mut user = found.ok_or_else(|| Refusal::unauthenticated(app.manner()))?;
    if let Some(name) = text("name") {
        account::check_name(name)?;
        name.clone_into(&mut user.name);
    }
    if let Some(username) = text("username") {
        account::check_username(&state.settings, username)?;
        account::check_username_free(&state, username, &caller.user_id)?;
        username.clone_into(&mut user.username);
    }
    if let Some(password) = text("newPassword") {
        user.password_digest = Some(random::sha256_hex(password.as_bytes()));
    }
    let document = documents::of(&user, Sight::Own);
    let replaced = state.users.replace(user);
    replaced.map_err(|_| MeteorError::new(403, "Username already exists."))?;
    Ok(answers::success(json!({"user": document})))
}

async fn delete(State(app): State<App>, caller: Caller) -> Result<Response, Refusal> {
    let mut state = app.state();
    if !state.settings.on("Accounts_AllowDeleteOwnAccount") {
        return Err(MeteorError::new("error-not-allowed", "Not allowed").into());
    }
    state.users.remove(&caller.user_id);
    Ok(answers::success(json!({})))
}

async fn mail(_visitor: Visitor) -> Response {
    answers::success(json!({}))
}

async fn set_status(State(app): State<App>, caller: Caller, params: Params) -> Response {
    let message = params.0.get("message").cloned().unwrap_or_default();
    let status = params.text("status").and_then(Status::of_name);
    presence::wish(&app, &caller.user_id, status, message.as_str());
    if let Some(user) = app.state().users.get_mut(&caller.user_id) {
        user.more.insert("statusText".to_owned(), message);
    }
    answers::success(json!({}))
}

/// Turns the second factor on and drops the user's other tokens (RC §2.7).
async fn enable_email(State(app): State<App>, caller: Caller) -> Response {
    if let Some(user) = app.state().users.get_mut(&caller.user_id) {
        user.email_two_factor = true;
    }
    user_tokens::remove_others(&app, &caller);
    answers::success(json!({}))
}

async fn disable_email(State(app): State<App>, caller: Caller) -> Result<Response, Refusal> {
    crate::two_factor::require(&app, &caller)?;
    if let Some(user) = app.state().users.get_mut(&caller.user_id) {
        user.email_two_factor = false;
    }
    Ok(answers::success(json!({})))
}

/// Codes come from RC's own OAuth and SAML flows only, so none is ever right here (RC §3.7).
async fn redeem(_visitor: Visitor, params: Params) -> Result<Response, Refusal> {
    REDEEM.check(params)?;
    Err(MeteorError::new("error-invalid-code", "Invalid code").into())
}

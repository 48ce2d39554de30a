//! Ending tokens, and personal access tokens (RC §2.6, §2.7, §1.5).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::answers::{self, MeteorError, Refusal};
use crate::auth::Caller;
use crate::clock::iso;
use crate::params::{Kind, Params, Schema};
use crate::state::App;
use crate::tokens::{StampedToken, TokenKind};
use crate::two_factor;

const LOGOUT: Schema = Schema {
    required: &[],
    optional: &[("userId", Kind::Filled)],
};

const GENERATE: Schema = Schema {
    required: &[("tokenName", Kind::Filled)],
    optional: &[("bypassTwoFactor", Kind::Flag)],
};

const NAMED: Schema = Schema {
    required: &[("tokenName", Kind::Filled)],
    optional: &[],
};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/users.logout", post(logout))
        .route(
            "/api/v1/users.logoutOtherClients",
            post(logout_other_clients),
        )
        .route("/api/v1/users.removeOtherTokens", post(remove_other_tokens))
        .route("/api/v1/users.generatePersonalAccessToken", post(generate))
        .route(
            "/api/v1/users.regeneratePersonalAccessToken",
            post(regenerate),
        )
        .route("/api/v1/users.removePersonalAccessToken", post(remove))
        .route("/api/v1/users.getPersonalAccessTokens", get(list))
}

/// Wipes the whole array, personal access tokens included.
async fn logout(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = LOGOUT.check(params)?;
    let user_id = params.text("userId").unwrap_or(&caller.user_id);
    if user_id != caller.user_id && !caller.may(&app, "logout-other-user") {
        return Err(Refusal::forbidden());
    }
    if app.state().users.get(user_id).is_none() {
        let reason = "Invalid \"userId\" parameter provided";
        return Err(MeteorError::new("error-invalid-user-id", reason).into());
    }
    app.remove_tokens(user_id, |_| true);
    Ok(answers::success(
        json!({"message": format!("User {user_id} has been logged out!")}),
    ))
}

/// Answers the caller's own token in plain.
async fn logout_other_clients(State(app): State<App>, caller: Caller) -> Response {
    remove_others(&app, &caller);
    let state = app.state();
    let days = state.settings.number("Accounts_LoginExpiration");
    let user = state.users.get(&caller.user_id);
    let token = user.and_then(|user| user.token(&caller.hashed));
    let expires_at = token
        .and_then(|token| token.expires_at(days))
        .map_or(Value::Null, |ms| Value::from(iso(ms)));
    answers::success(json!({"token": caller.token, "tokenExpires": expires_at}))
}

async fn remove_other_tokens(State(app): State<App>, caller: Caller) -> Response {
    remove_others(&app, &caller);
    answers::success(json!({}))
}

/// Removes the user's login tokens but the caller's; personal access tokens stay.
pub(crate) fn remove_others(app: &App, caller: &Caller) {
    let others = |token: &StampedToken| !token.is_personal() && token.hashed != caller.hashed;
    app.remove_tokens(&caller.user_id, others);
}

async fn generate(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = GENERATE.check(params)?;
    two_factor::require(&app, &caller)?;
    permitted(&app, &caller)?;
    let name = params.text("tokenName").unwrap_or_default();
    if bypass_of(&app, &caller, name).is_some() {
        let reason = "A token with this name already exists";
        return Err(MeteorError::new("error-token-already-exists", reason).into());
    }
    let bypass = params.flag("bypassTwoFactor") == Some(true);
    Ok(added(&app, &caller, name, bypass))
}

async fn regenerate(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = NAMED.check(params)?;
    two_factor::require(&app, &caller)?;
    permitted(&app, &caller)?;
    let name = params.text("tokenName").unwrap_or_default();
    let bypass = bypass_of(&app, &caller, name).ok_or_else(unknown_token)?;
    app.remove_tokens(&caller.user_id, |token| is_named(token, name));
    Ok(added(&app, &caller, name, bypass))
}

async fn remove(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = NAMED.check(params)?;
    two_factor::require(&app, &caller)?;
    permitted(&app, &caller)?;
    let name = params.text("tokenName").unwrap_or_default();
    if app.remove_tokens(&caller.user_id, |token| is_named(token, name)) == 0 {
        return Err(unknown_token());
    }
    Ok(answers::success(json!({})))
}

/// Shows the last six characters of each.
async fn list(State(app): State<App>, caller: Caller) -> Result<Response, Refusal> {
    permitted(&app, &caller)?;
    let state = app.state();
    let tokens = state
        .users
        .get(&caller.user_id)
        .map_or(&[][..], |user| &user.tokens);
    let shown = tokens.iter().filter_map(|token| match &token.kind {
        TokenKind::Login { .. } => None,
        TokenKind::Personal {
            name,
            bypass_two_factor,
        } => Some(json!({
            "name": name,
            "lastTokenPart": &token.plain[token.plain.len().saturating_sub(6)..],
            "bypassTwoFactor": bypass_two_factor,
        })),
    });
    Ok(answers::success(
        json!({"tokens": shown.collect::<Vec<_>>()}),
    ))
}

fn permitted(app: &App, caller: &Caller) -> Result<(), Refusal> {
    if caller.may(app, "create-personal-access-tokens") {
        return Ok(());
    }
    Err(MeteorError::new("not-authorized", "Not Authorized").into())
}

fn is_named(token: &StampedToken, wanted: &str) -> bool {
    matches!(&token.kind, TokenKind::Personal { name, .. } if name == wanted)
}

/// Whether the token of this name skips two-factor; `None` if there is no such token.
fn bypass_of(app: &App, caller: &Caller, wanted: &str) -> Option<bool> {
    let state = app.state();
    state
        .users
        .get(&caller.user_id)?
        .tokens
        .iter()
        .find_map(|token| match &token.kind {
            TokenKind::Personal {
                name,
                bypass_two_factor,
            } if name == wanted => Some(*bypass_two_factor),
            TokenKind::Personal { .. } | TokenKind::Login { .. } => None,
        })
}

fn added(app: &App, caller: &Caller, name: &str, bypass_two_factor: bool) -> Response {
    let kind = TokenKind::Personal {
        name: name.to_owned(),
        bypass_two_factor,
    };
    let token = StampedToken::new(kind);
    let plain = token.plain.clone();
    app.token_file.note(&token);
    if let Some(user) = app.state().users.get_mut(&caller.user_id) {
        user.tokens.push(token);
    }
    answers::success(json!({"token": plain}))
}

fn unknown_token() -> Refusal {
    MeteorError::new("error-token-does-not-exists", "Token does not exist").into()
}

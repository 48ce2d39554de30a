//! Methods that make or end tokens (RC §6.4): those that a sidecar must never let through unseen.

use serde_json::{Value, json};

use super::methods::{Login, Returned};
use crate::answers::MeteorError;
use crate::moment;
use crate::options::CreateToken;
use crate::state::App;
use crate::tokens::{StampedToken, TokenKind};

/// The names of the methods here.
pub(super) const NAMES: &[&str] = &[
    "createToken",
    "getNewToken",
    "logoutOtherClients",
    "removeOtherTokens",
    "personalAccessTokens:generateToken",
    "personalAccessTokens:regenerateToken",
    "personalAccessTokens:removeToken",
];

/// Runs the method if it is one of these.
pub(super) fn call(app: &App, login: &Login, method: &str, params: &[Value]) -> Option<Returned> {
    let text = |at: usize| params.get(at).and_then(Value::as_str).unwrap_or_default();
    let flag = |at: usize| params.get(at).and_then(Value::as_bool).unwrap_or(false);
    match method {
        "createToken" => Some(create_token(app, login, text(0)).map(Some)),
        "getNewToken" => Some(new_token(app, login).map(Some)),
        "logoutOtherClients" => {
            remove_others(app, login);
            Some(Ok(Some(with_expiry(app, login))))
        }
        "removeOtherTokens" => {
            remove_others(app, login);
            Some(Ok(None))
        }
        "personalAccessTokens:generateToken" => {
            Some(generate(app, login, (text(0), flag(1))).map(Some))
        }
        "personalAccessTokens:regenerateToken" => Some(regenerate(app, login, text(0)).map(Some)),
        "personalAccessTokens:removeToken" => Some(remove(app, login, text(0)).map(|()| None)),
        _ => None,
    }
}

/// Below 8.0 only, under the same rules as `users.createToken` (RC §3.1, §3.2).
fn create_token(app: &App, login: &Login, user_id: &str) -> Result<Value, MeteorError> {
    let allowed = user_id == login.user_id
        || app
            .state()
            .may(&login.user_id, "user-generate-access-token");
    if app.options.create_token() != CreateToken::Env || !allowed {
        let details = json!({"method": "createToken"});
        return Err(
            MeteorError::new("error-not-authorized", "Not authorized").with_details(details)
        );
    }
    let minted = app.mint(user_id);
    let minted = minted.ok_or_else(|| MeteorError::new("error-invalid-user", "Invalid user"))?;
    Ok(json!({"userId": user_id, "authToken": minted.plain}))
}

/// A second token that dies when the present one would.
fn new_token(app: &App, login: &Login) -> Result<Value, MeteorError> {
    let logged_out = || MeteorError::new(403, "You are not logged in.");
    let mut state = app.state();
    let days = state.settings.number("Accounts_LoginExpiration");
    let user = state.users.get_mut(&login.user_id).ok_or_else(logged_out)?;
    let when = user
        .token(&login.hashed)
        .and_then(StampedToken::when)
        .ok_or_else(logged_out)?;
    let token = StampedToken::new(TokenKind::Login { when });
    user.tokens.push(token.clone());
    app.token_file.note(&token);
    Ok(json!({"id": login.user_id, "token": token.plain,
              "tokenExpires": token.expires_at(days).map(moment::ejson), "type": "resume"}))
}

fn remove_others(app: &App, login: &Login) {
    app.remove_tokens(&login.user_id, |token| {
        !token.is_personal() && token.hashed != login.hashed
    });
}

fn with_expiry(app: &App, login: &Login) -> Value {
    let state = app.state();
    let days = state.settings.number("Accounts_LoginExpiration");
    let expires = state
        .users
        .get(&login.user_id)
        .and_then(|user| user.token(&login.hashed)?.expires_at(days))
        .map(moment::ejson);
    json!({"token": login.token, "tokenExpires": expires})
}

/// Whether a stamped token is the personal one of a name.
fn is_named(token: &StampedToken, wanted: &str) -> bool {
    matches!(&token.kind, TokenKind::Personal { name, .. } if name == wanted)
}

fn generate(app: &App, login: &Login, wanted: (&str, bool)) -> Result<Value, MeteorError> {
    let (name, bypass_two_factor) = wanted;
    let mut state = app.state();
    if !state.may(&login.user_id, "create-personal-access-tokens") {
        return Err(MeteorError::new("not-authorized", "Not Authorized"));
    }
    let user = state.users.get_mut(&login.user_id);
    let user = user.ok_or_else(|| MeteorError::new("error-invalid-user", "Invalid user"))?;
    if user.tokens.iter().any(|token| is_named(token, name)) {
        let reason = "A token with this name already exists";
        return Err(MeteorError::new("error-token-already-exists", reason));
    }
    let kind = TokenKind::Personal {
        name: name.to_owned(),
        bypass_two_factor,
    };
    let token = StampedToken::new(kind);
    let plain = token.plain.clone();
    app.token_file.note(&token);
    user.tokens.push(token);
    Ok(plain.into())
}

fn regenerate(app: &App, login: &Login, name: &str) -> Result<Value, MeteorError> {
    let bypass = app.state().users.get(&login.user_id).is_some_and(|user| {
        user.tokens.iter().any(|token| {
            is_named(token, name)
                && matches!(
                    token.kind,
                    TokenKind::Personal {
                        bypass_two_factor: true,
                        ..
                    }
                )
        })
    });
    remove(app, login, name)?;
    generate(app, login, (name, bypass))
}

fn remove(app: &App, login: &Login, name: &str) -> Result<(), MeteorError> {
    if app.remove_tokens(&login.user_id, |token| is_named(token, name)) == 0 {
        return Err(MeteorError::new(
            "error-token-does-not-exists",
            "Token does not exist",
        ));
    }
    Ok(())
}

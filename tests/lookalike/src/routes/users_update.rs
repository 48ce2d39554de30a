//! Changing other users: profile and activation (RC §2.8, §2.9).

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use crate::account::{self, not_allowed};
use crate::answers::{self, MeteorError, Refusal};
use crate::auth::Caller;
use crate::documents::{self, Sight};
use crate::params::{Kind, Params, Schema};
use crate::state::{App, State as Workspace};
use crate::user::{Email, User};
use crate::users::Duplicate;
use crate::{random, two_factor};

const UPDATE: Schema = Schema {
    required: &[("userId", Kind::Filled), ("data", Kind::Object)],
    optional: &[("confirmRelinquish", Kind::Flag)],
};

const DATA: Schema = Schema {
    required: &[],
    optional: &[
        ("email", Kind::Text),
        ("name", Kind::Text),
        ("password", Kind::Text),
        ("username", Kind::Text),
        ("bio", Kind::Text),
        ("nickname", Kind::Text),
        ("statusText", Kind::Text),
        ("active", Kind::Flag),
        ("roles", Kind::Texts),
        ("requirePasswordChange", Kind::Flag),
        ("setRandomPassword", Kind::Flag),
        ("sendWelcomeEmail", Kind::Flag),
        ("verified", Kind::Flag),
        ("customFields", Kind::Object),
        ("status", Kind::Text),
        ("freeSwitchExtension", Kind::Text),
    ],
};

const ACTIVE: Schema = Schema {
    required: &[("userId", Kind::Filled), ("activeStatus", Kind::Flag)],
    optional: &[("confirmRelinquish", Kind::Flag)],
};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/users.update", post(update))
        .route("/api/v1/users.setActiveStatus", post(set_active_status))
}

async fn update(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = UPDATE.check(params)?;
    let Some(Value::Object(data)) = params.0.get("data").cloned() else {
        return Err(Refusal::invalid_params("data must be object"));
    };
    let data = DATA.check(Params(data))?;
    two_factor::require(&app, &caller)?;
    let user_id = params.text("userId").unwrap_or_default();
    let user = {
        let mut state = app.state();
        let changed = changed(&state, &caller, user_id, &data)?;
        state
            .users
            .replace(changed.clone())
            .map_err(|taken| match taken {
                Duplicate::Username => MeteorError::new(403, "Username already exists."),
                Duplicate::Email => MeteorError::new(403, "Email already exists."),
            })?;
        changed
    };
    if !user.active {
        app.remove_tokens(user_id, |_| true);
    }
    let full = caller.may(&app, "view-full-other-user-info");
    let sight = if full { Sight::Full } else { Sight::Public };
    Ok(answers::success(
        json!({"user": documents::of(&user, sight)}),
    ))
}

/// The user's document with the data applied.
fn changed(
    state: &Workspace,
    caller: &Caller,
    user_id: &str,
    data: &Params,
) -> Result<User, Refusal> {
    account::check_name(data.text("name").unwrap_or_default())?;
    if let Some(fields) = data.0.get("customFields") {
        account::check_custom_fields(&state.settings, fields)?;
    }
    if user_id != caller.user_id && !state.may(&caller.user_id, "edit-other-user-info") {
        return Err(not_allowed("Editing user is not allowed").into());
    }
    let Some(mut user) = state.users.get(user_id).cloned() else {
        return Err(MeteorError::new("error-invalid-user", "Invalid user").into());
    };
    account::check_roles(state, &caller.user_id, data)?;
    if let Some(username) = data.text("username") {
        account::check_username(&state.settings, username)?;
        account::check_username_free(state, username, user_id)?;
        username.clone_into(&mut user.username);
    }
    let verified = data.flag("verified");
    if let Some(address) = data.text("email") {
        account::check_email(state, address, user_id)?;
        let verified = verified.unwrap_or(false);
        user.emails = vec![Email {
            address: address.to_owned(),
            verified,
        }];
    } else if let (Some(verified), Some(email)) = (verified, user.emails.first_mut()) {
        email.verified = verified;
    }
    if let Some(name) = data.text("name") {
        name.clone_into(&mut user.name);
    }
    if let Some(password) = data.text("password") {
        user.password_digest = Some(random::sha256_hex(password.as_bytes()));
    }
    if let Some(active) = data.flag("active") {
        user.active = active;
    }
    if let Some(roles) = data.0.get("roles").and_then(Value::as_array) {
        user.roles = roles
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
    }
    for key in [
        "bio",
        "nickname",
        "statusText",
        "requirePasswordChange",
        "freeSwitchExtension",
    ] {
        if let Some(value) = data.0.get(key) {
            user.more.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(fields) = data.0.get("customFields")
        && !state.settings.text("Accounts_CustomFields").is_empty()
    {
        user.more.insert("customFields".to_owned(), fields.clone());
    }
    Ok(user)
}

async fn set_active_status(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = ACTIVE.check(params)?;
    let permitted = ["edit-other-user-active-status", "manage-moderation-actions"]
        .into_iter()
        .any(|permission| caller.may(&app, permission));
    if !permitted {
        return Err(Refusal::permission());
    }
    let user_id = params.text("userId").unwrap_or_default();
    let active = params.flag("activeStatus") == Some(true);
    match app.state().users.get_mut(user_id) {
        Some(user) => user.active = active,
        None => return Err(MeteorError::new("error-invalid-user", "Invalid user").into()),
    }
    if !active {
        app.remove_tokens(user_id, |_| true);
    }
    Ok(answers::success(
        json!({"user": {"_id": user_id, "active": active}}),
    ))
}

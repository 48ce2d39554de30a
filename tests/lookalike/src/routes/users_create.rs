//! `users.create` with all its checks and its race (RC §4.1 to §4.5), and `users.register` (RC §1.3).
//!
//! The check and the insert are two steps with time between them, and the unique indexes decide: who loses
//! gets the errors of RC §4.4.

use std::sync::PoisonError;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Map, Value, json};

use crate::account::{self, not_allowed};
use crate::answers::{self, MeteorError, Refusal};
use crate::auth::{Caller, Visitor};
use crate::documents::{self, Sight};
use crate::options::Manner;
use crate::params::{Kind, Params, Schema};
use crate::state::{App, State as Workspace};
use crate::user::{Email, User};
use crate::users::Duplicate;
use crate::{random, talk, two_factor};

const CREATE: Schema = Schema {
    required: &[
        ("email", Kind::Text),
        ("name", Kind::Text),
        ("username", Kind::Text),
        ("password", Kind::Text),
    ],
    optional: &[
        ("active", Kind::Flag),
        ("bio", Kind::Text),
        ("nickname", Kind::Text),
        ("statusText", Kind::Text),
        ("joinDefaultChannels", Kind::Flag),
        ("requirePasswordChange", Kind::Flag),
        ("setRandomPassword", Kind::Flag),
        ("sendWelcomeEmail", Kind::Flag),
        ("verified", Kind::Flag),
        ("roles", Kind::Texts),
        ("customFields", Kind::Object),
        ("freeSwitchExtension", Kind::Text),
        ("fields", Kind::Text),
    ],
};

const REGISTER: Schema = Schema {
    required: &[
        ("email", Kind::Text),
        ("name", Kind::Text),
        ("username", Kind::Text),
        ("pass", Kind::Text),
    ],
    optional: &[
        ("secretURL", Kind::Text),
        ("reason", Kind::Text),
        ("customFields", Kind::Object),
    ],
};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/users.create", post(create))
        .route("/api/v1/users.register", post(register))
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Refusal> {
    let params = CREATE.check(params)?;
    if app.manner() == Manner::V6 && params.0.contains_key("freeSwitchExtension") {
        return Err(Refusal::invalid_params(
            "must NOT have additional properties",
        ));
    }
    if app.options.two_factor_on_users {
        two_factor::require(&app, &caller)?;
    }
    let user = checked(&app, &caller, &params)?;
    let user_id = insert(&app, user).await?;
    if params.flag("joinDefaultChannels") != Some(false) {
        talk::join_defaults(&app, &mut app.state(), &user_id);
    }
    let mails = ["sendWelcomeEmail", "setRandomPassword"]
        .into_iter()
        .any(|key| params.flag(key) == Some(true));
    let full = caller.may(&app, "view-full-other-user-info");
    let state = app.state();
    if mails && state.settings.text("SMTP_Host").is_empty() {
        let reason = "Error trying to send email: no SMTP server";
        return Err(MeteorError::new("error-email-send-failed", reason).into());
    }
    let sight = if full { Sight::Full } else { Sight::Public };
    let user = state
        .users
        .get(&user_id)
        .map(|user| documents::of(user, sight));
    Ok(answers::success(json!({"user": user})))
}

async fn register(
    State(app): State<App>,
    visitor: Visitor,
    params: Params,
) -> Result<Response, Refusal> {
    let params = REGISTER.check(params)?;
    if visitor.caller.is_some() {
        return Err(Refusal::failure("Logged in users can not register again."));
    }
    let user = {
        let state = app.state();
        if state.settings.text("Accounts_RegistrationForm") == "Disabled" {
            let reason = "User registration is disabled";
            return Err(MeteorError::new("error-user-registration-disabled", reason).into());
        }
        account::check_name(params.text("name").unwrap_or_default())?;
        check_identity(&state, &params)?;
        user(&app, &state, &params)
    };
    let user_id = insert(&app, user).await?;
    let mut state = app.state();
    talk::join_defaults(&app, &mut state, &user_id);
    let user = state
        .users
        .get(&user_id)
        .map(|user| documents::of(user, Sight::Public));
    Ok(answers::success(json!({"user": user})))
}

/// Everything that is checked before the window.
fn checked(app: &App, caller: &Caller, params: &Params) -> Result<User, Refusal> {
    let state = app.state();
    account::check_name(params.text("name").unwrap_or_default())?;
    if let Some(fields) = params.0.get("customFields") {
        account::check_custom_fields(&state.settings, fields)?;
    }
    if !state.may(&caller.user_id, "create-user") {
        return Err(not_allowed("Adding user is not allowed").into());
    }
    account::check_roles(&state, &caller.user_id, params)?;
    if params.0.contains_key("active")
        && !state.may(&caller.user_id, "edit-other-user-active-status")
    {
        return Err(not_allowed("Editing user active status is not allowed").into());
    }
    check_identity(&state, params)?;
    Ok(user(app, &state, params))
}

fn check_identity(state: &Workspace, params: &Params) -> Result<(), MeteorError> {
    if state.settings.on("Accounts_RequireNameForSignUp") {
        account::check_filled("Name", params.text("name"))?;
    }
    account::check_filled("Username", params.text("username"))?;
    let random = params.flag("setRandomPassword") == Some(true);
    if !random {
        let password = params.text("password").or_else(|| params.text("pass"));
        account::check_filled("Password", password)?;
    }
    let username = params.text("username").unwrap_or_default();
    account::check_username(&state.settings, username)?;
    account::check_username_free(state, username, "")?;
    account::check_email(state, params.text("email").unwrap_or_default(), "")
}

/// The document to insert.
fn user(app: &App, state: &Workspace, params: &Params) -> User {
    let settings = &state.settings;
    let text = |key: &str| params.text(key).unwrap_or_default().to_owned();
    let roles = match params.0.get("roles").and_then(Value::as_array) {
        Some(roles) => roles
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        None => {
            let defaults = settings.list("Accounts_Registration_Users_Default_Roles");
            defaults.map(str::to_owned).collect()
        }
    };
    let mut more: Map<String, Value> = ["bio", "nickname", "statusText", "freeSwitchExtension"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), params.0.get(key)?.clone())))
        .collect();
    if let Some(fields) = params.0.get("customFields")
        && !settings.text("Accounts_CustomFields").is_empty()
    {
        more.insert("customFields".to_owned(), fields.clone());
    }
    if params.flag("requirePasswordChange") == Some(true) {
        more.insert("requirePasswordChange".to_owned(), Value::Bool(true));
    }
    let waits = settings.on("Accounts_ManuallyApproveNewUsers");
    let active = params.flag("active").unwrap_or(!waits);
    if !active && app.manner().is_8() && !params.0.contains_key("active") {
        more.insert("inactiveReason".to_owned(), json!("pending_approval"));
    }
    let password = params
        .text("password")
        .or_else(|| params.text("pass"))
        .unwrap_or_default();
    User {
        id: random::id(),
        username: text("username"),
        name: text("name"),
        emails: vec![Email {
            address: text("email"),
            verified: params.flag("verified") == Some(true),
        }],
        roles,
        user_type: "user".to_owned(),
        active,
        password_digest: Some(random::sha256_hex(password.as_bytes())),
        totp_secret: None,
        email_two_factor: settings.on("Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In"),
        mailed_code: None,
        two_factor_passes: Vec::new(),
        created_at: app.clock.now_ms(),
        tokens: Vec::new(),
        tokens_minted: 0,
        by_api: true,
        more,
    }
}

/// Waits through the window and inserts; the user's id.
async fn insert(app: &App, user: User) -> Result<String, MeteorError> {
    let latch = app
        .create_latch
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if let Some(latch) = latch {
        latch.pass().await;
    }
    tokio::time::sleep(app.options.create_window).await;
    let (user_id, username) = (user.id.clone(), user.username.clone());
    put(app, user)?;
    // Meteor looks for names that differ in case only after the insert, and takes its own back if it finds
    // one; so two at once can both be rolled back. Each step lets the other racer take its own.
    tokio::task::yield_now().await;
    let clashes = app
        .state()
        .users
        .find_folded(&username)
        .any(|other| other.id != user_id);
    if clashes {
        tokio::task::yield_now().await;
        app.state().users.remove(&user_id);
        return Err(MeteorError::new(403, "Username already exists."));
    }
    Ok(user_id)
}

fn put(app: &App, mut user: User) -> Result<(), MeteorError> {
    let mut state = app.state();
    if let Some(seats) = app.options.seats
        && user.active
        && state
            .users
            .all()
            .filter(|user| user.active && user.user_type == "user")
            .count()
            >= seats
    {
        let reason = "Maximum number of users reached";
        return Err(MeteorError::new("error-license-user-limit-reached", reason));
    }
    let has_admin = state
        .users
        .all()
        .any(|user| user.roles.iter().any(|role| role == "admin"));
    if !has_admin {
        user.roles.push("admin".to_owned());
    }
    state.users.insert(user).map_err(|taken| match taken {
        Duplicate::Username => MeteorError::new(403, "Username already exists."),
        Duplicate::Email => MeteorError::new(403, "Email already exists."),
    })
}

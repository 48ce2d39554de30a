//! What stands in a fresh workspace, and how a user that tests put in becomes a document.

use serde_json::Map;

use crate::permissions::SERVICE_ROLE;
use crate::random;
use crate::state::App;
use crate::tokens::{StampedToken, TokenKind};
use crate::user::{Email, NewUser, User};

/// The service account's username.
pub(crate) const SERVICE_USERNAME: &str = "gantry.bot";

/// The account that the sidecar acts with.
pub(crate) struct Service {
    pub(crate) user_id: String,
    pub(crate) token: String,
    pub(crate) password: String,
}

/// Puts the accounts of a fresh workspace in.
pub(crate) fn workspace(app: &App) -> Service {
    let password = random::token();
    let accounts = [
        NewUser {
            id: Some("rocket.cat".to_owned()),
            name: "Rocket.Cat".to_owned(),
            roles: vec!["bot".to_owned()],
            user_type: "bot".to_owned(),
            ..NewUser::new("rocket.cat")
        },
        NewUser {
            name: "Administrator".to_owned(),
            roles: vec!["admin".to_owned()],
            email: Some("admin@lookalike.test".to_owned()),
            password: Some(random::token()),
            ..NewUser::new("admin")
        },
        NewUser {
            name: "Gantry".to_owned(),
            roles: vec![SERVICE_ROLE.to_owned()],
            email: Some("gantry.bot@lookalike.test".to_owned()),
            password: Some(password.clone()),
            ..NewUser::new(SERVICE_USERNAME)
        },
    ];
    let kind = TokenKind::Personal {
        name: "gantry".to_owned(),
        bypass_two_factor: true,
    };
    let personal = StampedToken::new(kind);
    app.token_file.note(&personal);
    let token = personal.plain.clone();
    let mut users = accounts.map(|account| user(app, &account));
    let [_, _, service] = &mut users;
    service.tokens.push(personal);
    let user_id = service.id.clone();
    let mut state = app.state();
    for user in users {
        state
            .users
            .insert(user)
            .expect("a fresh workspace has no users");
    }
    Service {
        user_id,
        token,
        password,
    }
}

/// The document of a new user.
pub(crate) fn user(app: &App, new: &NewUser) -> User {
    let name = if new.name.is_empty() {
        &new.username
    } else {
        &new.name
    };
    let address = new.email.iter().cloned();
    let auto_opt_in = "Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In";
    let email_two_factor = app.state().settings.on(auto_opt_in);
    User {
        id: new.id.clone().unwrap_or_else(random::id),
        username: new.username.clone(),
        name: name.clone(),
        emails: address
            .map(|address| Email {
                address,
                verified: new.verified,
            })
            .collect(),
        roles: new.roles.clone(),
        user_type: new.user_type.clone(),
        active: new.active,
        password_digest: new
            .password
            .as_ref()
            .map(|text| random::sha256_hex(text.as_bytes())),
        totp_secret: new.totp_secret.clone(),
        email_two_factor,
        mailed_code: None,
        two_factor_passes: Vec::new(),
        created_at: app.clock.now_ms(),
        tokens: Vec::new(),
        tokens_minted: 0,
        by_api: false,
        more: Map::new(),
    }
}

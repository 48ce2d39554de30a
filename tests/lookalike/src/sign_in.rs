//! Meteor's `login`, the same for REST and DDP: the handlers, and what can refuse one (RC §2.1, §2.2).

use serde_json::Value;

use crate::answers::MeteorError;
use crate::auth::Origin;
use crate::fault;
use crate::lockout::Trier;
use crate::random;
use crate::state::{Core, State};
use crate::two_factor::{self, Fallback};
use crate::user::User;

/// A login that went through.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) user_id: String,
    /// The token, plain: for a resume the one that came.
    pub(crate) token: String,
    /// When it dies, in milliseconds; `None` for a personal access token.
    pub(crate) expires_at: Option<i64>,
    /// `resume` or `password`.
    pub(crate) kind: &'static str,
}

enum Request<'a> {
    Resume(&'a str),
    Password { user: Login<'a>, digest: String },
}

#[derive(Clone, Copy)]
enum Login<'a> {
    Username(&'a str),
    Email(&'a str),
    Id(&'a str),
}

impl Core {
    /// Logs in with the parameter of Meteor's `login` method.
    pub(crate) fn sign_in(&self, params: &Value, from: &Origin) -> Result<SignedIn, MeteorError> {
        // The web client wraps a login with its code so: {"totp":{"login":{..},"code":".."}}.
        if let Some(wrapped) = params.get("totp") {
            let code = wrapped
                .get("code")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let from = Origin {
                code,
                ..from.clone()
            };
            return self.sign_in(wrapped.get("login").unwrap_or(&Value::Null), &from);
        }
        let request = Request::parse(params)?;
        let now = self.clock.now_ms();
        let mut state = self.state();
        let state = &mut *state;
        let trier = Trier {
            address: &from.address,
            username: request.username(),
        };
        let outcome = state.attempt(&request, from, trier, now);
        let user_id = match outcome {
            Ok(user_id) => user_id,
            Err(why) => {
                state.lockout.failed(trier, &why, now);
                return Err(why);
            }
        };
        state.lockout.succeeded(trier);
        let days = state.settings.number("Accounts_LoginExpiration");
        let cap = self.options.max_login_tokens;
        let user = state
            .users
            .get_mut(&user_id)
            .expect("the lock is held since it was found");
        let (token, kind) = match request {
            Request::Resume(token) => {
                let hashed = random::hashed_token(token);
                (
                    user.token(&hashed).cloned().expect("it was just resumed"),
                    "resume",
                )
            }
            Request::Password { .. } => {
                let minted = user.mint(now, cap);
                self.token_file.note(&minted);
                self.tell_tokens(user);
                (minted, "password")
            }
        };
        let expires_at = token.expires_at(days);
        Ok(SignedIn {
            user_id,
            token: token.plain,
            expires_at,
            kind,
        })
    }
}

impl State {
    /// Runs the handler and then the checks, in RC's order; the id of the user who may come in.
    fn attempt(
        &mut self,
        request: &Request<'_>,
        from: &Origin,
        trier: Trier<'_>,
        now: i64,
    ) -> Result<String, MeteorError> {
        let found = self.credential(request, now);
        self.lockout.check(&self.settings, trier, now)?;
        let user_id = found?;
        let user = self
            .users
            .get_mut(&user_id)
            .expect("it was found under the same lock");
        if user.user_type == "app" {
            let reason = "App user is not allowed to login";
            return Err(MeteorError::new(
                "error-app-user-is-not-allowed-to-login",
                reason,
            ));
        }
        if !user.active {
            return Err(MeteorError::new(
                "error-user-is-not-activated",
                "User is not activated",
            ));
        }
        if user.roles.is_empty() {
            return Err(MeteorError::new(
                "error-user-has-no-roles",
                "User has no roles",
            ));
        }
        if matches!(request, Request::Resume(_)) {
            return Ok(user_id);
        }
        let admin = user.roles.iter().any(|role| role == "admin");
        if self.settings.on("Accounts_EmailVerification")
            && !admin
            && user.verified_email().is_none()
        {
            return Err(MeteorError::new("error-invalid-email", "Invalid email"));
        }
        two_factor::check(user, &self.settings, from, (Fallback::None, now))?;
        Ok(user_id)
    }

    /// Whose credential it is.
    fn credential(&self, request: &Request<'_>, now: i64) -> Result<String, MeteorError> {
        let refused = |reason: &str| Err(MeteorError::new(403, reason));
        match request {
            Request::Resume(token) => {
                let hashed = random::hashed_token(token);
                let owner = self
                    .users
                    .all()
                    .find_map(|user| Some((user, user.token(&hashed)?)));
                let Some((user, token)) = owner else {
                    return Err(fault::logged_out());
                };
                let days = self.settings.number("Accounts_LoginExpiration");
                if token.expires_at(days).is_some_and(|at| at <= now) {
                    return refused("Your session has expired. Please log in again.");
                }
                Ok(user.id.clone())
            }
            Request::Password { user, digest } => {
                let Some(user) = self.named(*user) else {
                    return refused("User not found");
                };
                match &user.password_digest {
                    None => refused("User has no password set"),
                    Some(known) if known != digest => refused("Incorrect password"),
                    Some(_) => Ok(user.id.clone()),
                }
            }
        }
    }

    fn named(&self, login: Login<'_>) -> Option<&User> {
        match login {
            Login::Id(id) => self.users.get(id),
            Login::Email(address) => self.users.find_email(address),
            Login::Username(name) => self
                .users
                .find_username(name)
                .or_else(|| self.users.find_folded(name).next()),
        }
    }
}

impl<'a> Request<'a> {
    fn parse(params: &'a Value) -> Result<Self, MeteorError> {
        if let Some(token) = params.get("resume") {
            let token = token.as_str().ok_or_else(|| mismatch("resume"))?;
            return Ok(Self::Resume(token));
        }
        let (Some(user), Some(password)) = (params.get("user"), params.get("password")) else {
            return Err(MeteorError::new(
                400,
                "Unrecognized options for login request",
            ));
        };
        let part = |key: &str| user.get(key).and_then(Value::as_str);
        let user = part("id")
            .map(Login::Id)
            .or_else(|| part("username").map(Login::Username))
            .or_else(|| part("email").map(Login::Email))
            .ok_or_else(|| mismatch("user"))?;
        let digest = match password {
            Value::String(plain) => random::sha256_hex(plain.as_bytes()),
            hashed => {
                let algorithm = hashed.get("algorithm").and_then(Value::as_str);
                let digest = hashed.get("digest").and_then(Value::as_str);
                match (algorithm, digest) {
                    (Some("sha-256"), Some(digest)) => digest.to_owned(),
                    _ => return Err(mismatch("password")),
                }
            }
        };
        Ok(Self::Password { user, digest })
    }

    fn username(&self) -> Option<&'a str> {
        match self {
            Self::Password {
                user: Login::Username(name),
                ..
            } => Some(name),
            Self::Password { .. } | Self::Resume(_) => None,
        }
    }
}

fn mismatch(field: &str) -> MeteorError {
    MeteorError::new(400, format!("Match failed in field {field}"))
}

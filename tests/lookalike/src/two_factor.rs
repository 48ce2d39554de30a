//! The second factor: which one a user has, and whether a code is right (RC §1.5, §2.2).

use serde_json::{Value, json};
use totp_rs::Builder;

use crate::answers::{MeteorError, Refusal};
use crate::auth::{Caller, Origin};
use crate::random;
use crate::settings::Settings;
use crate::state::App;
use crate::user::{TwoFactorPass, User};

const REMEMBER_FOR: &str = "Accounts_TwoFactorAuthentication_RememberFor";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Totp,
    Email,
    Password,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Email => "email",
            Self::Password => "password",
        }
    }
}

/// Whether the password may stand in where a user has no other factor; logins never ask for it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    Password,
    None,
}

/// The check of a REST route that insists on a second factor.
pub(crate) fn require(app: &App, caller: &Caller) -> Result<(), Refusal> {
    let now = app.clock.now_ms();
    let mut state = app.state();
    let state = &mut *state;
    let Some(user) = state.users.get_mut(&caller.user_id) else {
        return Ok(());
    };
    let remember = state.settings.whole(REMEMBER_FOR) * 1000;
    let from = (caller.from.user_agent.clone(), caller.from.address.clone());
    let remembered = user
        .two_factor_passes
        .iter()
        .any(|pass| pass.hashed_token == caller.hashed && pass.from == from && pass.until > now);
    let just_made = now - user.created_at < remember && enabled(user).is_empty();
    if caller.bypass_two_factor || remembered || just_made {
        return Ok(());
    }
    check(
        user,
        &state.settings,
        &caller.from,
        (Fallback::Password, now),
    )?;
    let hashed_token = caller.hashed.clone();
    user.two_factor_passes.push(TwoFactorPass {
        hashed_token,
        from,
        until: now + remember,
    });
    Ok(())
}

/// Whether the code that came is right, where the user needs one.
pub(crate) fn check(
    user: &mut User,
    settings: &Settings,
    from: &Origin,
    how: (Fallback, i64),
) -> Result<(), MeteorError> {
    let (fallback, now) = how;
    if !settings.on("Accounts_TwoFactorAuthentication_Enabled") {
        return Ok(());
    }
    let asked = from.method.as_deref().and_then(|name| {
        [Method::Totp, Method::Email, Method::Password]
            .into_iter()
            .find(|m| m.name() == name)
    });
    let by_password = fallback == Fallback::Password
        && settings.on("Accounts_TwoFactorAuthentication_Enforce_Password_Fallback")
        && user.password_digest.is_some();
    let first = enabled(user)
        .first()
        .copied()
        .or(by_password.then_some(Method::Password));
    let Some(first) = first else { return Ok(()) };
    let method = asked.unwrap_or(first);
    let Some(code) = from.code.as_deref() else {
        return Err(challenge(user, method, Stage::Required));
    };
    let right = match method {
        Method::Totp => user
            .totp_secret
            .as_deref()
            .is_some_and(|s| totp_is(s, code, now)),
        Method::Email => user.mailed_code.take_if(|mailed| mailed == code).is_some(),
        Method::Password => by_password && user.password_digest.as_deref() == Some(code),
    };
    if right {
        Ok(())
    } else {
        Err(challenge(user, method, Stage::Invalid))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Required,
    Invalid,
}

fn challenge(user: &mut User, method: Method, stage: Stage) -> MeteorError {
    let mails = method == Method::Email && stage == Stage::Required;
    if mails {
        user.mailed_code = Some(random::code());
    }
    let available: Value = enabled(user).into_iter().map(Method::name).collect();
    let details = json!({
        "method": method.name(),
        "codeGenerated": mails,
        "availableMethods": available,
    });
    let (code, reason) = match stage {
        Stage::Required => ("totp-required", "TOTP Required"),
        Stage::Invalid => ("totp-invalid", "TOTP Invalid"),
    };
    MeteorError::new(code, reason).with_details(details)
}

/// The user's own methods, the first preferred.
fn enabled(user: &User) -> Vec<Method> {
    let mut methods = Vec::new();
    if user.totp_secret.is_some() {
        methods.push(Method::Totp);
    }
    if user.email_two_factor && user.verified_email().is_some() {
        methods.push(Method::Email);
    }
    methods
}

fn totp_is(secret: &[u8], code: &str, now: i64) -> bool {
    // Tests may set secrets shorter than the RFC wants; RC does not mind either.
    let totp = Builder::new()
        .with_secret(secret.to_vec())
        .with_skew(1)
        .build_noncompliant();
    totp.check(code, u64::try_from(now / 1000).unwrap_or(0))
        .is_some()
}

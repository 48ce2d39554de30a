//! Mints auth tokens: `users.createToken` in the regime of the Rocket.Chat at hand (RC §3), or the password fallback (RC §3.7).

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::clock::Clock;
use crate::config;
use crate::config::rocketchat::{Mint, Regime};
use crate::rocketchat::answer::Answer;
use crate::rocketchat::caller::Caller;
use crate::rocketchat::error::{Refusal, RefusedData};
use crate::rocketchat::notices::Notices;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::password::Passwords;
use crate::rocketchat::transport::Request;
use crate::rocketchat::unclaimed::Unclaimed;
use crate::rocketchat::version::Regimes;
use crate::rocketchat::{ApiError, User, wire};
use crate::secret::Secret;

/// What is missing when the regime wants a secret and the config has none.
pub(in crate::rocketchat) const NO_SECRET: &str = "this Rocket.Chat (8.0 or later) mints tokens for a secret only: set \
    rocketchat.create_token_secret_file, and CREATE_TOKENS_FOR_USERS_SECRET in Rocket.Chat's environment to the same value";

/// What is wrong when Rocket.Chat does not know the form of our request.
const WRONG_FORM: &str = "it does not understand the request for a token: check rocketchat.version";

/// How tokens are minted.
#[derive(Debug)]
pub(in crate::rocketchat) struct Minter {
    /// Which regime is spoken.
    pub(in crate::rocketchat) regimes: Regimes,
    secret: ArcSwapOption<Secret>,
    passwords: Option<Passwords>,
}

/// What came of one `users.createToken`.
enum Tried {
    Minted(Unclaimed),
    /// As a wrong configuration would be answered, or another regime (RC §3.3).
    Unfit(&'static str),
    /// In a way that may pass (RC §3.4).
    Failed(ApiError),
}

impl Minter {
    /// As configured.
    pub(in crate::rocketchat) fn new(
        config: &config::rocketchat::RocketChat,
        clock: &Clock,
    ) -> Self {
        Self {
            regimes: Regimes::new(config.version),
            secret: ArcSwapOption::from(config.create_token_secret.clone().map(Arc::new)),
            passwords: match &config.mint {
                Mint::CreateToken => None,
                Mint::Password { key } => Some(Passwords::new(key.clone(), clock.clone())),
            },
        }
    }

    /// Shows this secret from now on.
    pub(in crate::rocketchat) fn take_secret(&self, secret: Option<Secret>) {
        self.secret.store(secret.map(Arc::new));
    }

    /// The logins of the password fallback, when it is configured.
    pub(in crate::rocketchat) fn passwords(&self) -> Option<&Passwords> {
        self.passwords.as_ref()
    }

    /// Whether this regime can be served with the secret that is configured.
    pub(in crate::rocketchat) fn lacks_secret(&self, regime: Regime) -> bool {
        self.passwords.is_none() && self.secret.load().is_none() && regime != Regime::NoSecret
    }

    /// Mints a token for a user; it is logged out unless claimed.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(in crate::rocketchat) async fn mint(
        &self,
        caller: &Caller,
        notices: &Notices,
        user: &User,
    ) -> Result<Unclaimed, ApiError> {
        match &self.passwords {
            Some(passwords) => passwords.log_in(&caller.transport, user).await,
            None => self.create_token(caller, notices, user).await,
        }
    }

    async fn create_token(
        &self,
        caller: &Caller,
        notices: &Notices,
        user: &User,
    ) -> Result<Unclaimed, ApiError> {
        let mut regime = self.regimes.current(&caller.transport).await?;
        let (mut retried, mut switched) = (false, false);
        loop {
            match self.try_once(caller, regime, &user.id).await? {
                Tried::Minted(token) => {
                    notices.permitted(Operation::CreateToken);
                    return Ok(token);
                }
                Tried::Unfit(mend) => {
                    let other = self.regimes.other_than(regime, &caller.transport).await;
                    match other {
                        Some(other) if !switched => {
                            (regime, switched) = (other, true);
                        }
                        Some(_) | None => {
                            notices.refused(Operation::CreateToken, mend);
                            return Err(ApiError::NotPermitted(Operation::CreateToken.verb()));
                        }
                    }
                }
                // Meteor 3 may fail on a user that never had a token (RC §3.4); the second try finds one.
                Tried::Failed(_) if !retried => retried = true,
                Tried::Failed(error) => return Err(error),
            }
        }
    }

    async fn try_once(
        &self,
        caller: &Caller,
        regime: Regime,
        user_id: &str,
    ) -> Result<Tried, ApiError> {
        let secret = self.secret.load_full();
        let secret = match (regime, &secret) {
            (Regime::NoSecret, _) => None,
            (Regime::Secret | Regime::SecretAndPermission, Some(secret)) => Some(secret.reveal()),
            (Regime::Secret | Regime::SecretAndPermission, None) => {
                return Ok(Tried::Unfit(NO_SECRET));
            }
        };
        let request =
            Request::new(Operation::CreateToken).json(&wire::CreateToken { user_id, secret });
        let mut answer = caller.call(request).await?;
        if answer.is_good() {
            return answer
                .take_token()
                .map(Tried::Minted)
                .ok_or(ApiError::Invalid);
        }
        Ok(judge(&answer, regime))
    }
}

fn judge(answer: &Answer, regime: Regime) -> Tried {
    let failure = answer.failure(Operation::CreateToken);
    match answer.refused() {
        Some(refused) if refused.is_second_factor() => Tried::Unfit(
            "it wants a second factor: use a personal access token made with bypassTwoFactor as the service account",
        ),
        Some(refused) => match refused.code.as_deref() {
            Some("error-not-authorized") => Tried::Unfit(mend(regime)),
            Some("invalid-params") => Tried::Unfit(WRONG_FORM),
            _ if matches!(failure, ApiError::NotPermitted(_)) => Tried::Unfit(mend(regime)),
            code => Tried::Failed(ApiError::Refused(Refusal::new(code, RefusedData::Other))),
        },
        None if matches!(failure, ApiError::NotPermitted(_)) => Tried::Unfit(mend(regime)),
        None => Tried::Failed(failure),
    }
}

/// What `error-not-authorized` may mean; Rocket.Chat does not tell which (RC §3.3).
fn mend(regime: Regime) -> &'static str {
    match regime {
        Regime::NoSecret => {
            "set CREATE_TOKENS_FOR_USERS=true in Rocket.Chat's environment, and give a role of the service account the permission \
             user-generate-access-token"
        }
        Regime::Secret => {
            "set CREATE_TOKENS_FOR_USERS_SECRET in Rocket.Chat's environment to the value of rocketchat.create_token_secret"
        }
        Regime::SecretAndPermission => {
            "set CREATE_TOKENS_FOR_USERS_SECRET in Rocket.Chat's environment to the value of rocketchat.create_token_secret, and \
             give a role of the service account the permission user-generate-access-token"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rocketchat::limits::Quota;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let check = |status: u16, body: &str, again: bool| {
            let answer = Answer::new(status, Quota::default(), body.as_bytes().to_vec());
            let tried = judge(&answer, Regime::SecretAndPermission);
            assert_eq!(
                matches!(tried, Tried::Failed(_)),
                again,
                "for {status} {body}"
            );
        };
        check(400, r#"{"errorType":"error-not-authorized"}"#, false);
        check(400, r#"{"errorType":"invalid-params"}"#, false);
        check(
            400,
            r#"{"errorType":"totp-required","details":{"method":"email"}}"#,
            false,
        );
        check(403, r#"{"success":false,"error":"unauthorized"}"#, false);
        check(400, r#"{"errorType":"error-invalid-user"}"#, true);
        check(
            400,
            r#"{"success":false,"error":"Cannot read properties of undefined"}"#,
            true,
        );
        check(
            500,
            r#"{"success":false,"error":"Internal server error"}"#,
            true,
        );
    }
}

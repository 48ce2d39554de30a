//! Who we are at Rocket.Chat: a configured token, or one from a login that is repeated when the token dies.
//!
//! However many calls meet the death of a token, one login is made; after a refusal the next one waits (RC §5.5). Calls made
//! meanwhile fail at once.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use totp_rs::{Builder, Totp};

use crate::clock::unix_seconds;
use crate::config::rocketchat::ServiceAccount as Setting;
use crate::rocketchat::ApiError;
use crate::rocketchat::brake::Brake;
use crate::rocketchat::login::{Login, LoginRefusal, log_in, password_digest};
use crate::rocketchat::logout;
use crate::rocketchat::transport::{Identity, SecondFactor, Transport};
use crate::secret::Secret;

/// A login younger than this may not be known everywhere at Rocket.Chat yet; if its token stays refused, that counts as a refused
/// login, because something ends our logins as fast as we make them.
const YOUNG: Duration = Duration::from_secs(10);

/// The service account.
pub(in crate::rocketchat) struct ServiceAccount {
    setting: Setting,
    totp: Option<Totp>,
    held: ArcSwapOption<Held>,
    login: tokio::sync::Mutex<()>,
    brake: Mutex<Brake>,
    complaint: Mutex<Option<&'static str>>,
}

/// What calls are made with now.
pub(in crate::rocketchat) struct Held {
    /// The headers.
    pub(in crate::rocketchat) identity: Identity,
    /// Of the login; `None` for a configured token.
    since: Option<SystemTime>,
}

impl Held {
    /// From a login just made?
    pub(in crate::rocketchat) fn is_young(&self, now: SystemTime) -> bool {
        self.since.is_some_and(|since| now < since + YOUNG)
    }
}

impl ServiceAccount {
    /// Nothing is asked of Rocket.Chat yet.
    pub(in crate::rocketchat) fn new(setting: &Setting) -> Self {
        let (held, totp) = match setting {
            Setting::Token {
                user_id,
                auth_token,
            } => (Identity::new(user_id, auth_token.reveal()), None),
            Setting::Password { totp_secret, .. } => (None, totp_secret.as_ref().and_then(totp)),
        };
        Self {
            setting: setting.clone(),
            totp,
            held: ArcSwapOption::from(held.map(|identity| {
                Arc::new(Held {
                    identity,
                    since: None,
                })
            })),
            login: tokio::sync::Mutex::new(()),
            brake: Mutex::new(Brake::default()),
            complaint: Mutex::new(None),
        }
    }

    /// Is it this one, with the same ways in?
    pub(in crate::rocketchat) fn acts_as(&self, setting: &Setting) -> bool {
        self.setting == *setting
    }

    /// What to make a call with; logs in when there is nothing.
    ///
    /// # Errors
    /// [`ApiError::ServiceAccountRefused`] when the login was refused, now or so shortly ago that it is not tried again; others
    /// when Rocket.Chat did not answer it.
    pub(in crate::rocketchat) async fn held(
        &self,
        transport: &Arc<Transport>,
    ) -> Result<Arc<Held>, ApiError> {
        if let Some(held) = self.held.load_full() {
            return Ok(held);
        }
        let Setting::Password {
            username, password, ..
        } = &self.setting
        else {
            self.complain(Some(
                "the configured user id or token cannot stand in a header",
            ));
            return Err(ApiError::ServiceAccountRefused);
        };
        let turn = tokio::time::timeout(transport.patience(), self.login.lock());
        let _turn = turn.await.map_err(|_elapsed| ApiError::Timeout)?;
        if let Some(held) = self.held.load_full() {
            return Ok(held);
        }
        if self.brake().wait(transport.clock().now()).is_some() {
            return Err(ApiError::ServiceAccountRefused);
        }
        self.log_in(transport, username, password).await
    }

    async fn log_in(
        &self,
        transport: &Arc<Transport>,
        username: &str,
        password: &Secret,
    ) -> Result<Arc<Held>, ApiError> {
        let digest = password_digest(password.reveal());
        let mut login = log_in(transport, username, &digest, None).await?;
        if let (Login::Refused(LoginRefusal::SecondFactor { .. }), Some(totp)) =
            (&login, &self.totp)
        {
            // The first refusal is not counted by Rocket.Chat (RC §5.5); a code sent unasked would be.
            let code = code_of(totp, transport.clock().now());
            login = log_in(transport, username, &digest, Some(&code)).await?;
        }
        let now = transport.clock().now();
        let token = match login {
            Login::In(token) => token,
            Login::Refused(refusal) => {
                self.login_refused(&refusal, now);
                return Err(ApiError::ServiceAccountRefused);
            }
        };
        let (user_id, auth_token) = token.claim();
        let Some(identity) = Identity::new(&user_id, auth_token.reveal()) else {
            tracing::error!(
                "Rocket.Chat gave the service account an auth token that no header can carry; it lives until it expires"
            );
            self.brake().refused(now);
            return Err(ApiError::Invalid);
        };
        self.brake().accepted();
        self.complain(None);
        let held = Arc::new(Held {
            identity,
            since: Some(now),
        });
        self.held.store(Some(Arc::clone(&held)));
        tracing::info!("the service account logged in at Rocket.Chat");
        Ok(held)
    }

    fn login_refused(&self, refusal: &LoginRefusal, now: SystemTime) {
        let (complaint, pause) = {
            let mut brake = self.brake();
            match refusal {
                LoginRefusal::LockedOut { .. } => (
                    "logins are blocked after too many failures, see Block_Multiple_Failed_Logins in Rocket.Chat",
                    brake.locked_out(now),
                ),
                LoginRefusal::Password => ("wrong username or password", brake.refused(now)),
                LoginRefusal::SecondFactor { by_totp: true } => (
                    "a one-time code is wanted: set rocketchat.service_account.totp_secret_file, or use a personal access token",
                    brake.refused(now),
                ),
                LoginRefusal::SecondFactor { by_totp: false } => (
                    "a second factor other than TOTP is wanted: use a personal access token",
                    brake.refused(now),
                ),
                LoginRefusal::WrongCode => (
                    "the one-time code is refused: check totp_secret_file and both clocks",
                    brake.refused(now),
                ),
                LoginRefusal::Other(_) => (
                    "the account may not log in: it must be active, of type user, with a role",
                    brake.refused(now),
                ),
            }
        };
        self.complain(Some(complaint));
        tracing::error!(
            "Rocket.Chat refused the login of the service account ({complaint}); the next try is in {} s at the earliest",
            pause.as_secs()
        );
    }

    /// Rocket.Chat answered 401 to a call made with this. True when another may be had, by login.
    pub(in crate::rocketchat) fn rejected(&self, held: &Arc<Held>, now: SystemTime) -> bool {
        match &self.setting {
            Setting::Token { .. } => {
                self.complain(Some("the token is unknown to Rocket.Chat"));
                false
            }
            Setting::Password { .. } => {
                let before = self.held.compare_and_swap(held, None);
                let was_current = before.as_ref().is_some_and(|it| Arc::ptr_eq(it, held));
                if was_current && held.is_young(now) {
                    self.complain(Some("its login is taken back at once"));
                    self.brake().refused(now);
                }
                true
            }
        }
    }

    /// A call went well.
    pub(in crate::rocketchat) fn accepted(&self) {
        self.complain(None);
    }

    /// The answer to a challenge by this method (RC §1.5), if we can give one.
    pub(in crate::rocketchat) fn second_factor(
        &self,
        method: Option<&str>,
        now: SystemTime,
    ) -> Option<SecondFactor> {
        let Setting::Password { password, .. } = &self.setting else {
            return None;
        };
        match method {
            Some("totp") => self.totp.as_ref().map(|totp| SecondFactor {
                method: "totp",
                code: code_of(totp, now),
            }),
            Some("password") => Some(SecondFactor {
                method: "password",
                code: password_digest(password.reveal()),
            }),
            Some(_) | None => None,
        }
    }

    /// Why it is refused, for the operator.
    pub(in crate::rocketchat) fn complaint(&self) -> Option<&'static str> {
        *self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs out what a login gave; a configured token stays.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat did not say that it is gone.
    pub(in crate::rocketchat) async fn close(
        &self,
        transport: &Arc<Transport>,
    ) -> Result<(), ApiError> {
        if matches!(self.setting, Setting::Token { .. }) {
            return Ok(());
        }
        match self.held.swap(None) {
            Some(held) => logout::log_out(transport, held.identity.clone()).await,
            None => Ok(()),
        }
    }

    fn complain(&self, complaint: Option<&'static str>) {
        *self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = complaint;
    }

    fn brake(&self) -> MutexGuard<'_, Brake> {
        self.brake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceAccount")
            .finish_non_exhaustive()
    }
}

/// Rocket.Chat's codes: SHA-1, six digits, 30 seconds. Its secrets are longer than the library's least length; a shorter one is
/// the operator's choice.
fn totp(secret: &Secret) -> Option<Totp> {
    let base32: String = secret
        .reveal()
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '='))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let Ok(secret) = totp_rs::Secret::try_from_base32(base32) else {
        tracing::error!(
            "rocketchat.service_account.totp_secret is not base32; no one-time codes can be made from it"
        );
        return None;
    };
    Some(Builder::new().with_secret(secret).build_noncompliant())
}

fn code_of(totp: &Totp, now: SystemTime) -> String {
    totp.generate(unix_seconds(now)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_codes_are_those_of_rfc_6238_cut_to_six_digits() {
        // RFC 6238 appendix B: the secret is the ASCII text 12345678901234567890.
        let secret = Secret::new("GEZD GNBV gy3t qojq gezd gnbv gy3t qojq".to_owned());
        let totp = totp(&secret).expect("base32");
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(code_of(&totp, at(59)), "287082");
        assert_eq!(code_of(&totp, at(1_111_111_109)), "081804");
        assert_eq!(code_of(&totp, at(2_000_000_000)), "279037");
    }

    #[test]
    fn a_secret_that_is_not_base32_makes_no_codes() {
        assert!(totp(&Secret::new("not base32!".to_owned())).is_none());
    }

    #[test]
    fn a_configured_token_answers_no_challenge_and_shows_nothing() {
        let setting = Setting::Token {
            user_id: "u1".to_owned(),
            auth_token: Secret::new("t0ken".to_owned()),
        };
        let account = ServiceAccount::new(&setting);
        assert!(
            account
                .second_factor(Some("password"), SystemTime::UNIX_EPOCH)
                .is_none()
        );
        assert_eq!(format!("{account:?}"), "ServiceAccount { .. }");
    }
}

//! Passwords of the users we create: random and forgotten, or derived for the fallback of RC §3.7, which logs in with them.
//!
//! A refused login is not repeated at will: by user it waits longer each time, and after many refusals in a row all of them wait,
//! so that our address is never locked out (RC §5.5).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::{hmac, rand};
use data_encoding::BASE64URL_NOPAD;

use crate::clock::Clock;
use crate::recent::Recent;
use crate::rocketchat::brake::Brake;
use crate::rocketchat::error::{Refusal, RefusedData};
use crate::rocketchat::login::{Login, LoginRefusal, log_in, password_digest};
use crate::rocketchat::transport::Transport;
use crate::rocketchat::unclaimed::Unclaimed;
use crate::rocketchat::{ApiError, User};
use crate::secret::Secret;

/// Ends every password, so that each class that a policy may ask for is there (RC §4.3).
const CLASSES: &str = ".Aa1-";

/// Users whose refusals are remembered; a workspace where more are refused at a time is misconfigured anyway.
const REMEMBERED: usize = 10_000;

/// How long a refusal is remembered: longer than the longest pause.
const REMEMBERED_FOR: Duration = Duration::from_secs(2 * 3600);

/// Refusals in a row after which all logins pause: well below the 50 at which Rocket.Chat blocks an address.
const IN_A_ROW: u32 = 20;

/// A password that nobody knows.
pub(in crate::rocketchat) fn random() -> Result<Secret, ApiError> {
    let mut bytes = [0; 32];
    // Without random bytes no user is made; the system is then beyond our help.
    rand::fill(&mut bytes).map_err(|_unspecified| ApiError::Invalid)?;
    Ok(shaped(&bytes))
}

/// The password of a user by name, the same at each call.
pub(in crate::rocketchat) fn derived(key: &Secret, username: &str) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.reveal().as_bytes());
    shaped(hmac::sign(&key, username.as_bytes()).as_ref())
}

/// Text of at least 14 characters with all classes and never more than two equal ones in a row: a password policy that forbids
/// repeats would else refuse one derived password in some thousands for ever.
fn shaped(bytes: &[u8]) -> Secret {
    let text = BASE64URL_NOPAD.encode(bytes);
    let mut password = String::with_capacity(text.len() * 2);
    for (place, c) in text.chars().enumerate() {
        if place > 0 && place % 2 == 0 {
            password.push('.');
        }
        password.push(c);
    }
    password.push_str(CLASSES);
    Secret::new(password)
}

/// Logins of users by their derived passwords.
#[derive(Debug)]
pub(in crate::rocketchat) struct Passwords {
    key: Secret,
    refused: Recent<String, (Brake, Cause)>,
    streak: Mutex<Streak>,
}

/// Why a user's login was refused last.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Password,
    SecondFactor,
    LockedOut,
}

#[derive(Debug, Default)]
struct Streak {
    refusals: u32,
    brake: Brake,
}

impl Passwords {
    /// Logins with passwords derived from this key.
    pub(in crate::rocketchat) fn new(key: Secret, clock: Clock) -> Self {
        Self {
            key,
            refused: Recent::lasting(REMEMBERED, REMEMBERED_FOR, clock),
            streak: Mutex::default(),
        }
    }

    /// The password that a user of this name is created with.
    pub(in crate::rocketchat) fn of(&self, username: &str) -> Secret {
        derived(&self.key, username)
    }

    /// Logs a user in.
    ///
    /// # Errors
    /// [`ApiError::PasswordRefused`], [`ApiError::SecondFactorRequired`], [`ApiError::Refused`] for a user that may not log in,
    /// [`ApiError::RateLimited`] while logins pause.
    pub(in crate::rocketchat) async fn log_in(
        &self,
        transport: &Arc<Transport>,
        user: &User,
    ) -> Result<Unclaimed, ApiError> {
        let now = transport.clock().now();
        if let Some(wait) = self.streak().brake.wait(now) {
            return Err(ApiError::RateLimited(wait));
        }
        let (mut brake, _) = match self.refused.get(&user.id) {
            Some((brake, cause)) => match brake.wait(now) {
                Some(wait) => return Err(cause.error(wait)),
                None => (brake, cause),
            },
            None => (Brake::default(), Cause::Password),
        };
        let digest = password_digest(self.of(&user.username).reveal());
        let refusal = match log_in(transport, &user.username, &digest, None).await? {
            Login::In(token) => {
                self.refused.take(&user.id);
                *self.streak() = Streak::default();
                return Ok(token);
            }
            Login::Refused(refusal) => refusal,
        };
        let now = transport.clock().now();
        let (cause, wait) = match refusal {
            LoginRefusal::Password | LoginRefusal::WrongCode => {
                self.count(now);
                (Cause::Password, brake.refused(now))
            }
            // Not counted by Rocket.Chat, but each try may send the user an e-mail.
            LoginRefusal::SecondFactor { .. } => (Cause::SecondFactor, brake.refused(now)),
            LoginRefusal::LockedOut { address } => {
                if address {
                    self.streak().brake.locked_out(now);
                }
                (Cause::LockedOut, brake.locked_out(now))
            }
            LoginRefusal::Other(code) => {
                self.count(now);
                return Err(ApiError::Refused(Refusal::new(
                    Some(&code),
                    RefusedData::Other,
                )));
            }
        };
        self.refused.insert(user.id.clone(), (brake, cause));
        Err(cause.error(wait))
    }

    fn count(&self, now: SystemTime) {
        let mut streak = self.streak();
        streak.refusals += 1;
        if streak.refusals >= IN_A_ROW {
            let pause = streak.brake.locked_out(now);
            tracing::error!(
                "Rocket.Chat refused {} logins with derived passwords in a row; none is tried for {} s. Was \
                 rocketchat.password_key changed, or were the users made by somebody else?",
                streak.refusals,
                pause.as_secs()
            );
        }
    }

    fn streak(&self) -> MutexGuard<'_, Streak> {
        self.streak.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cause {
    fn error(self, wait: Duration) -> ApiError {
        match self {
            Self::Password => ApiError::PasswordRefused,
            Self::SecondFactor => ApiError::SecondFactorRequired,
            Self::LockedOut => ApiError::RateLimited(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Secret {
        Secret::new(text.repeat(32))
    }

    #[test]
    fn a_derived_password_is_the_same_each_time_and_differs_by_name_and_key() {
        let password = derived(&key("k"), "alice");
        assert!(password.matches(derived(&key("k"), "alice").reveal().as_bytes()));
        assert!(!password.matches(derived(&key("k"), "Alice").reveal().as_bytes()));
        assert!(!password.matches(derived(&key("x"), "alice").reveal().as_bytes()));
    }

    #[test]
    fn every_password_satisfies_a_strict_policy() {
        let check = |password: &Secret| {
            let text = password.reveal();
            assert!(text.len() >= 14);
            assert!(text.chars().any(|c| c.is_ascii_lowercase()));
            assert!(text.chars().any(|c| c.is_ascii_uppercase()));
            assert!(text.chars().any(|c| c.is_ascii_digit()));
            assert!(text.chars().any(|c| c.is_ascii_punctuation()));
            let bytes = text.as_bytes();
            assert!(
                bytes
                    .windows(3)
                    .all(|run| run[0] != run[1] || run[1] != run[2])
            );
        };
        check(&shaped(&[0; 32]));
        check(&shaped(&[0xff; 32]));
        for number in 0..200 {
            check(&derived(&key("k"), &format!("user{number}")));
        }
        let (one, other) = (random().expect("random"), random().expect("random"));
        check(&one);
        assert!(!one.matches(other.reveal().as_bytes()));
    }
}

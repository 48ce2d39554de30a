//! What can go wrong with a call of ours to Rocket.Chat, by status and `errorType`, never by text (RC §13.9).
//!
//! No error holds a token, a URL, or a user's data.

use std::fmt;
use std::time::Duration;

/// Why a call of ours failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No connection, or it broke.
    #[error("rocket.chat cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// No answer within `rocketchat.timeouts.call`.
    #[error("rocket.chat did not answer in time")]
    Timeout,
    /// An answer that no Rocket.Chat gives: wrong type, missing fields, an HTML page.
    #[error("rocket.chat gave an answer that cannot be understood")]
    Invalid,
    /// Status 5xx.
    #[error("rocket.chat failed with status {0}")]
    Failed(u16),
    /// 429 (RC §5.2); the time until the window's reset.
    #[error("rocket.chat asked to slow down")]
    RateLimited(Duration),
    /// Our own credential was refused: 401, or a login that failed.
    #[error("rocket.chat refused the service account")]
    ServiceAccountRefused,
    /// A configuration fault: permission missing, `createToken` switched off or its secret wrong (RC §3.3).
    #[error("rocket.chat does not permit the service account to {0}")]
    NotPermitted(&'static str),
    /// A write was refused for this user's data.
    #[error("rocket.chat refused the user's data ({0}): {advice}", advice = .0.about().advice())]
    Refused(Refusal),
    /// `mint: password` only: the user does not have the derived password, because somebody else made the user, or the
    /// password or `rocketchat.password_key` was changed since.
    #[error("rocket.chat refused the user's derived password")]
    PasswordRefused,
    /// `mint: password` only: Rocket.Chat wants a second factor that only the user has (RC §2.2).
    #[error("rocket.chat wants a second factor for the user's login")]
    SecondFactorRequired,
}

impl ApiError {
    /// Fixed slug for logs and metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Invalid => "invalid",
            Self::Failed(_) => "failed",
            Self::RateLimited(_) => "rate-limited",
            Self::ServiceAccountRefused => "service-account-refused",
            Self::NotPermitted(_) => "not-permitted",
            Self::Refused(_) => "refused",
            Self::PasswordRefused => "password-refused",
            Self::SecondFactorRequired => "second-factor-required",
        }
    }

    /// May Rocket.Chat have done what it was asked all the same? Not when it said no.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout | Self::Invalid | Self::Failed(_) => true,
            Self::RateLimited(_)
            | Self::ServiceAccountRefused
            | Self::NotPermitted(_)
            | Self::Refused(_)
            | Self::PasswordRefused
            | Self::SecondFactorRequired => false,
        }
    }

    /// What was refused, when a user's data was.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unreachable(_)
            | Self::Timeout
            | Self::Invalid
            | Self::Failed(_)
            | Self::RateLimited(_)
            | Self::ServiceAccountRefused
            | Self::NotPermitted(_)
            | Self::PasswordRefused
            | Self::SecondFactorRequired => None,
        }
    }
}

/// Rocket.Chat's code for a refusal, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    error_type: String,
    about: RefusedData,
}

/// What a refusal is about, as far as Rocket.Chat tells (RC §4.3, §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedData {
    /// The username breaks the pattern, is blocked, or is empty.
    Username,
    /// The username is taken, ignoring case, or is a team's.
    UsernameTaken,
    /// The e-mail address is malformed or its domain is not welcome.
    Email,
    /// The e-mail address belongs to another user.
    EmailTaken,
    /// Username or e-mail address are taken: lost a race, or Rocket.Chat does not say which.
    Taken,
    /// The display name is empty or holds characters that are refused.
    Name,
    /// The workspace has no seat left.
    Seats,
    /// Anything else.
    Other,
}

impl RefusedData {
    /// What an operator can do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Username => {
                "the username is blocked there or breaks UTF8_User_Names_Validation; change users.username or that setting"
            }
            Self::UsernameTaken => {
                "the username is taken, perhaps in other case or by a team; make users.username tell them apart"
            }
            Self::Email => {
                "the e-mail address or its domain is not welcome there; see Accounts_AllowedDomainsList and \
                 Accounts_BlockedDomainsList"
            }
            Self::EmailTaken => {
                "the e-mail address belongs to another user there; change it at the issuer or there"
            }
            Self::Taken => "the username or the e-mail address is taken there",
            Self::Name => {
                "the display name is empty or holds <, >, / or \\; change it at the issuer"
            }
            Self::Seats => "no seat is left there; deactivate users or extend the licence",
            Self::Other => "its own log may say more",
        }
    }
}

impl Refusal {
    /// Longest code that is kept; Rocket.Chat's own have up to 40 characters.
    const LONGEST: usize = 64;

    /// Keeps a code only if it looks like one, so that an odd answer puts nothing else into a log.
    pub(in crate::rocketchat) fn new(error_type: Option<&str>, about: RefusedData) -> Self {
        let code = error_type.filter(|code| {
            (1..=Self::LONGEST).contains(&code.len())
                && code
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        });
        Self {
            error_type: code.unwrap_or("no code").to_owned(),
            about,
        }
    }

    /// The `errorType`, a number in digits; `no code` when there was none, or none that looks like a code.
    #[must_use]
    pub fn error_type(&self) -> &str {
        &self.error_type
    }

    /// What it is about.
    #[must_use]
    pub fn about(&self) -> RefusedData {
        self.about
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.error_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_shows_a_code_or_nothing() {
        let check = |error_type: Option<&str>, shown: &str| {
            let refusal = Refusal::new(error_type, RefusedData::Other);
            assert_eq!(refusal.to_string(), shown, "for {error_type:?}");
        };
        check(Some("error-field-unavailable"), "error-field-unavailable");
        check(Some("403"), "403");
        check(Some("alice@example.org is already in use"), "no code");
        check(Some(&"e".repeat(65)), "no code");
        check(Some(""), "no code");
        check(None, "no code");
    }
}

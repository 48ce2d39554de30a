//! Login by username and password (RC §2.1), for the service account and for the password fallback.

use std::sync::Arc;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;

use crate::rocketchat::ApiError;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::transport::{Request, Transport};
use crate::rocketchat::unclaimed::Unclaimed;
use crate::rocketchat::wire;

/// What came of a login that Rocket.Chat answered.
#[derive(Debug)]
pub(in crate::rocketchat) enum Login {
    /// The token, to be claimed.
    In(Unclaimed),
    /// It was refused.
    Refused(LoginRefusal),
}

/// Why a login was refused (RC §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rocketchat) enum LoginRefusal {
    /// Unknown user or wrong password: Rocket.Chat does not tell them apart.
    Password,
    /// A one-time code is wanted; by `totp`, `email` or `password`.
    SecondFactor {
        /// The one-time code comes from an app that shares a secret with Rocket.Chat.
        by_totp: bool,
    },
    /// The one-time code that was sent is wrong.
    WrongCode,
    /// Too many failures (RC §5.5).
    LockedOut {
        /// From this address, whoever logs in; else for this user.
        address: bool,
    },
    /// Another code, such as `error-user-is-not-activated`.
    Other(String),
}

/// The lower-case hex SHA-256 of a password: what Rocket.Chat's clients send, and the code of its password challenge (RC §1.5).
pub(in crate::rocketchat) fn password_digest(password: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, password.as_bytes()).as_ref())
}

/// Logs in. A refusal is counted by Rocket.Chat (RC §5.5), so whoever calls this must not call it again at will.
///
/// # Errors
/// [`ApiError`] when Rocket.Chat neither logged in nor refused.
pub(in crate::rocketchat) async fn log_in(
    transport: &Arc<Transport>,
    username: &str,
    digest: &str,
    code: Option<&str>,
) -> Result<Login, ApiError> {
    let request = Request::new(Operation::Login).json(&wire::Login {
        username,
        password: wire::Digest {
            digest,
            algorithm: "sha-256",
        },
        code,
    });
    let mut answer = transport.call(&request).await?;
    if answer.is_good() {
        return answer.take_token().map(Login::In).ok_or(ApiError::Invalid);
    }
    let Some(refused) = answer.refused_login() else {
        return Err(answer.failure(Operation::Login));
    };
    let by_totp = refused.method() == Some("totp");
    Ok(Login::Refused(match refused.code.as_deref() {
        Some("totp-required") => LoginRefusal::SecondFactor { by_totp },
        Some("totp-invalid" | "totp-max-attempts") => LoginRefusal::WrongCode,
        Some("error-login-blocked-for-ip") => LoginRefusal::LockedOut { address: true },
        Some("error-login-blocked-for-user") => LoginRefusal::LockedOut { address: false },
        Some(code) if code.starts_with("error-") => LoginRefusal::Other(code.to_owned()),
        Some(_) | None => LoginRefusal::Password,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hashed_as_rocket_chats_clients_do() {
        assert_eq!(
            password_digest("password"),
            "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
        );
    }
}

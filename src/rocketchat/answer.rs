//! An answer of Rocket.Chat as received, and what its status means for our calls (RC §1.2, §1.4).

use serde::de::DeserializeOwned;

use crate::rocketchat::ApiError;
use crate::rocketchat::limits::Quota;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::unclaimed::Unclaimed;
use crate::rocketchat::wire;

/// Status and body; the body may hold a token, so there is no `Debug`.
pub(in crate::rocketchat) struct Answer {
    status: u16,
    quota: Quota,
    body: Vec<u8>,
    token: Option<Unclaimed>,
}

/// A refusal that names its reason by a code.
#[derive(Debug)]
pub(in crate::rocketchat) struct Refused {
    /// `errorType`, or `error` of a login.
    pub(in crate::rocketchat) code: Option<String>,
    /// `details`, null when absent.
    pub(in crate::rocketchat) details: serde_json::Value,
}

impl Refused {
    /// Rocket.Chat wants a second factor, or did not like ours (RC §1.5).
    pub(in crate::rocketchat) fn is_second_factor(&self) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| code.starts_with("totp-"))
    }

    /// `details.method` of such a challenge.
    pub(in crate::rocketchat) fn method(&self) -> Option<&str> {
        self.details
            .get("method")
            .and_then(|method| method.as_str())
    }
}

impl Answer {
    pub(in crate::rocketchat) fn new(status: u16, quota: Quota, body: Vec<u8>) -> Self {
        Self {
            status,
            quota,
            body,
            token: None,
        }
    }

    /// The HTTP status.
    pub(in crate::rocketchat) fn status(&self) -> u16 {
        self.status
    }

    /// What it says about the limiter.
    pub(in crate::rocketchat) fn quota(&self) -> Quota {
        self.quota
    }

    /// Is it 200? Rocket.Chat knows no other good answer.
    pub(in crate::rocketchat) fn is_good(&self) -> bool {
        self.status == 200
    }

    /// The body of a good answer.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] when it is not what a Rocket.Chat answers; for other statuses as [`Answer::failure`].
    pub(in crate::rocketchat) fn good<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if !self.is_good() {
            return Err(self.plain_failure());
        }
        serde_json::from_slice(&self.body).map_err(|_not_ours| ApiError::Invalid)
    }

    /// The refusal in a 400 of a REST route; `None` for other statuses, and for bodies that no Rocket.Chat sends.
    pub(in crate::rocketchat) fn refused(&self) -> Option<Refused> {
        if self.status != 400 {
            return None;
        }
        let (code, details) = self.refusal()?.into_parts();
        Some(Refused { code, details })
    }

    /// The refusal of a login: 401, or 400 where a stack dresses it as other routes do (RC §2.1).
    pub(in crate::rocketchat) fn refused_login(&self) -> Option<Refused> {
        if !matches!(self.status, 400 | 401) {
            return None;
        }
        let (code, details) = self.refusal()?.into_login_parts();
        Some(Refused { code, details })
    }

    fn refusal(&self) -> Option<wire::Refused> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What an answer means that is neither good nor a refusal the caller knows.
    pub(in crate::rocketchat) fn failure(&self, operation: Operation) -> ApiError {
        if self.status == 403 {
            return ApiError::NotPermitted(operation.verb());
        }
        match self.refused() {
            Some(refused) if refused.is_second_factor() => ApiError::NotPermitted(
                "do this without a second factor; use a personal access token with bypassTwoFactor",
            ),
            Some(Refused {
                code: Some(code), ..
            }) if is_permission(&code) => ApiError::NotPermitted(operation.verb()),
            Some(_) | None => self.plain_failure(),
        }
    }

    fn plain_failure(&self) -> ApiError {
        match self.status {
            401 => ApiError::ServiceAccountRefused,
            500..=599 => ApiError::Failed(self.status),
            _ => ApiError::Invalid,
        }
    }

    /// Puts the token of a minting answer under guard.
    pub(in crate::rocketchat) fn guard(&mut self, token: Unclaimed) {
        self.token = Some(token);
        // The guard is the only holder now.
        self.body.clear();
    }

    /// The token of a minting answer.
    pub(in crate::rocketchat) fn take_token(&mut self) -> Option<Unclaimed> {
        self.token.take()
    }
}

/// Codes that say the caller may not, whatever the data (RC §1.4, §3.3, §4.3).
fn is_permission(code: &str) -> bool {
    matches!(
        code,
        "error-not-authorized"
            | "error-unauthorized"
            | "error-not-allowed"
            | "error-action-not-allowed"
            | "error-no-permission"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::new(status, Quota::default(), body.as_bytes().to_vec())
    }

    #[test]
    fn a_status_means_what_the_contract_says() {
        let check = |status: u16, body: &str, kind: &str| {
            let failure = answer(status, body).failure(Operation::CreateUser);
            assert_eq!(failure.kind(), kind, "for {status} {body}");
        };
        check(401, "{}", "service-account-refused");
        check(
            403,
            r#"{"success":false,"error":"unauthorized"}"#,
            "not-permitted",
        );
        check(403, "<html>", "not-permitted");
        check(
            400,
            r#"{"errorType":"error-action-not-allowed"}"#,
            "not-permitted",
        );
        check(400, r#"{"errorType":"totp-required"}"#, "not-permitted");
        check(400, "<html>", "invalid");
        check(404, "{}", "invalid");
        check(302, "", "invalid");
        check(
            500,
            r#"{"success":false,"error":"Internal server error"}"#,
            "failed",
        );
        check(503, "<html>", "failed");
    }

    #[test]
    fn a_good_status_with_a_page_is_not_a_good_answer() {
        let page = answer(200, "<!DOCTYPE html>").good::<wire::Info>();
        assert!(matches!(page, Err(ApiError::Invalid)));
        let short = answer(200, r#"{"success":true}"#).good::<wire::UserAnswer>();
        assert!(matches!(short, Err(ApiError::Invalid)));
    }

    #[test]
    fn a_page_with_status_400_is_not_a_refusal() {
        assert!(answer(400, "<html>Bad Request</html>").refused().is_none());
        assert!(
            answer(400, r#"{"success":false,"error":"User not found."}"#)
                .refused()
                .is_some()
        );
    }
}

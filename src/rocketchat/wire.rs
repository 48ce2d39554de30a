//! The shapes of Rocket.Chat's answers and of our bodies: lenient about what we do not use, strict about what we rely on.

use serde::{Deserialize, Serialize};

use crate::rocketchat::{ApiError, NewUser, User};

/// `GET /api/info` (RC §10).
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct Info {
    version: Option<String>,
    info: Option<LongInfo>,
}

#[derive(Debug, Deserialize)]
struct LongInfo {
    version: Option<String>,
}

impl Info {
    /// Major and minor at least.
    pub(in crate::rocketchat) fn version(&self) -> Option<&str> {
        let long = self.info.as_ref().and_then(|info| info.version.as_deref());
        self.version.as_deref().or(long)
    }
}

/// `GET /api/v1/me` (RC §2.3).
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct Me {
    #[serde(rename = "_id")]
    pub(in crate::rocketchat) id: String,
    #[serde(default)]
    pub(in crate::rocketchat) roles: Vec<String>,
}

/// `GET /api/v1/permissions.listAll` (RC §11).
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct Permissions {
    pub(in crate::rocketchat) update: Vec<Permission>,
}

/// A permission and the roles that hold it.
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct Permission {
    #[serde(rename = "_id")]
    pub(in crate::rocketchat) id: String,
    #[serde(default)]
    pub(in crate::rocketchat) roles: Vec<String>,
}

/// `GET /api/v1/settings.public` (RC §3.5).
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct Settings {
    pub(in crate::rocketchat) settings: Vec<Setting>,
}

/// A setting.
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct Setting {
    #[serde(rename = "_id")]
    pub(in crate::rocketchat) id: String,
    #[serde(default)]
    pub(in crate::rocketchat) value: serde_json::Value,
}

impl Settings {
    /// The value of a setting, if the answer has it.
    pub(in crate::rocketchat) fn value(&self, id: &str) -> Option<&serde_json::Value> {
        self.settings
            .iter()
            .find(|setting| setting.id == id)
            .map(|setting| &setting.value)
    }
}

/// `GET /api/v1/users.info` and `POST /api/v1/users.create` (RC §2.5, §4.1).
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct UserAnswer {
    pub(in crate::rocketchat) user: WireUser,
}

/// A user as Rocket.Chat shows it.
#[derive(Debug, Deserialize)]
pub(in crate::rocketchat) struct WireUser {
    #[serde(rename = "_id")]
    pub(in crate::rocketchat) id: String,
    pub(in crate::rocketchat) username: Option<String>,
    pub(in crate::rocketchat) active: Option<bool>,
    name: Option<String>,
    #[serde(rename = "type")]
    user_type: Option<String>,
    roles: Option<Vec<String>>,
    emails: Option<Vec<Email>>,
}

#[derive(Debug, Deserialize)]
struct Email {
    address: Option<String>,
}

impl TryFrom<WireUser> for User {
    type Error = ApiError;

    /// A user without id or username is none that we can act as (RC §1.3); one that does not say that it is active is not.
    fn try_from(user: WireUser) -> Result<Self, ApiError> {
        let username = user.username.unwrap_or_default();
        if user.id.is_empty() || username.is_empty() {
            return Err(ApiError::Invalid);
        }
        Ok(Self {
            id: user.id,
            username,
            name: user.name,
            active: user.active.unwrap_or(false),
            user_type: user.user_type,
            roles: user.roles,
            email: user
                .emails
                .unwrap_or_default()
                .into_iter()
                .find_map(|email| email.address),
        })
    }
}

/// The good answer of `users.createToken` and `login` (RC §2.1, §3.2).
#[derive(Deserialize)]
pub(in crate::rocketchat) struct Minted {
    pub(in crate::rocketchat) data: MintedData,
}

/// A token just made. No `Debug`: it is the secret itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::rocketchat) struct MintedData {
    pub(in crate::rocketchat) user_id: String,
    pub(in crate::rocketchat) auth_token: String,
}

/// A refusal of any route (RC §1.4, §2.1).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::rocketchat) struct Refused {
    error_type: Option<Code>,
    error: Option<Code>,
    #[serde(default)]
    details: serde_json::Value,
}

/// A code is a string or a number (RC §1.4); anything else is none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Code {
    Text(String),
    Number(i64),
    Odd(serde::de::IgnoredAny),
}

impl Code {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Odd(_) => None,
        }
    }
}

impl Refused {
    /// The code of a REST route's refusal.
    pub(in crate::rocketchat) fn into_parts(self) -> (Option<String>, serde_json::Value) {
        (self.error_type.and_then(Code::into_text), self.details)
    }

    /// The code of a login's refusal, which stands in `error` (RC §2.1).
    pub(in crate::rocketchat) fn into_login_parts(self) -> (Option<String>, serde_json::Value) {
        let code = self
            .error_type
            .and_then(Code::into_text)
            .or(self.error.and_then(Code::into_text));
        (code, self.details)
    }
}

/// The body of `users.create` (RC §4.2). `active` is never sent: it would need another permission.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::rocketchat) struct CreateUser<'a> {
    username: &'a str,
    name: &'a str,
    email: &'a str,
    password: &'a str,
    verified: bool,
    join_default_channels: bool,
    require_password_change: bool,
    send_welcome_email: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
}

impl<'a> CreateUser<'a> {
    pub(in crate::rocketchat) fn new(user: &NewUser<'a>, password: &'a str) -> Self {
        Self {
            username: user.username,
            name: user.name,
            email: user.email,
            password,
            verified: user.email_verified,
            join_default_channels: user.join_default_channels,
            require_password_change: false,
            send_welcome_email: false,
            roles: user.roles,
        }
    }
}

/// The body of `users.update` (RC §2.9).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::rocketchat) struct UpdateUser<'a> {
    pub(in crate::rocketchat) user_id: &'a str,
    pub(in crate::rocketchat) data: UpdateData<'a>,
}

/// What changes; absent keys stay.
#[derive(Serialize)]
pub(in crate::rocketchat) struct UpdateData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rocketchat) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rocketchat) email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rocketchat) verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rocketchat) roles: Option<&'a [String]>,
}

/// The body of `users.createToken` (RC §3.2): from 8.0 exactly these two keys, before that exactly the first.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::rocketchat) struct CreateToken<'a> {
    pub(in crate::rocketchat) user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rocketchat) secret: Option<&'a str>,
}

/// The body of `login` (RC §2.1), with the password hashed as Rocket.Chat's own clients do.
#[derive(Serialize)]
pub(in crate::rocketchat) struct Login<'a> {
    pub(in crate::rocketchat) username: &'a str,
    pub(in crate::rocketchat) password: Digest<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::rocketchat) code: Option<&'a str>,
}

/// A hashed password.
#[derive(Serialize)]
pub(in crate::rocketchat) struct Digest<'a> {
    pub(in crate::rocketchat) digest: &'a str,
    pub(in crate::rocketchat) algorithm: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Refused {
        serde_json::from_str(body).expect("a refusal")
    }

    #[test]
    fn an_error_type_is_a_string_or_a_number_or_nothing() {
        let check = |body: &str, code: Option<&str>| {
            assert_eq!(refused(body).into_parts().0.as_deref(), code, "for {body}");
        };
        check(
            r#"{"errorType":"error-field-unavailable"}"#,
            Some("error-field-unavailable"),
        );
        check(
            r#"{"errorType":403,"error":"Username already exists. [403]"}"#,
            Some("403"),
        );
        check(r#"{"errorType":{"$gt":""}}"#, None);
        check(r#"{"errorType":null}"#, None);
        check(r#"{"success":false,"error":"User not found."}"#, None);
    }

    #[test]
    fn the_code_of_a_login_stands_in_error() {
        let check = |body: &str, code: &str| {
            assert_eq!(refused(body).into_login_parts().0.as_deref(), Some(code));
        };
        check(r#"{"status":"error","error":403,"message":"x"}"#, "403");
        check(
            r#"{"status":"error","error":"totp-required","details":{"method":"totp"}}"#,
            "totp-required",
        );
        check(
            r#"{"error":"TOTP Required [totp-required]","errorType":"totp-required"}"#,
            "totp-required",
        );
    }

    #[test]
    fn a_user_that_does_not_say_it_is_active_is_not() {
        let shown = r#"{"user":{"_id":"u1","username":"alice","unknown":[1]},"success":true}"#;
        let answer: UserAnswer = serde_json::from_str(shown).expect("a user");
        let user = User::try_from(answer.user).expect("a user");
        assert!(!user.active);
        assert_eq!((user.user_type, user.roles, user.email), (None, None, None));
    }

    #[test]
    fn a_user_without_a_username_is_refused() {
        let shown = r#"{"user":{"_id":"u1","active":true}}"#;
        let answer: UserAnswer = serde_json::from_str(shown).expect("a user");
        assert!(matches!(
            User::try_from(answer.user),
            Err(ApiError::Invalid)
        ));
    }

    #[test]
    fn roles_of_a_wrong_type_are_refused_rather_than_hidden() {
        let shown = r#"{"user":{"_id":"u1","username":"alice","active":true,"roles":"admin"}}"#;
        assert!(serde_json::from_str::<UserAnswer>(shown).is_err());
    }

    #[test]
    fn a_new_user_is_sent_without_active_and_without_empty_roles() {
        let user = NewUser {
            username: "alice",
            name: "Alice",
            email: "alice@example.org",
            email_verified: true,
            roles: &[],
            join_default_channels: false,
        };
        let body = serde_json::to_string(&CreateUser::new(&user, "p")).expect("JSON");
        assert_eq!(
            body,
            r#"{"username":"alice","name":"Alice","email":"alice@example.org","password":"p","verified":true,"joinDefaultChannels":false,"requirePasswordChange":false,"sendWelcomeEmail":false}"#
        );
    }
}

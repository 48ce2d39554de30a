//! Section `rocketchat`: where Rocket.Chat is and how Gantry acts there.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use url::Url;

use super::types::{DurationText, Hidden};

use crate::secret::Secret;
use crate::tls;

mod encrypted;
mod validate;

use encrypted::TlsFile;

/// How we reach Rocket.Chat.
#[derive(Clone, Debug)]
pub struct RocketChat {
    /// Its base URL, without a path. Default `http://127.0.0.1:3000`.
    pub url: Url,
    /// TLS towards it; there exactly when the URL is `https`.
    pub tls: Option<tls::upstream::Files>,
    /// Who we are there.
    pub service_account: ServiceAccount,
    /// The shared secret of `users.createToken`, Rocket.Chat 8.0 and later (RC §3.2).
    pub create_token_secret: Option<Secret>,
    /// Which `createToken` regime is spoken.
    pub version: VersionSetting,
    /// How auth tokens are minted.
    pub mint: Mint,
    /// Bounds on time.
    pub timeouts: Timeouts,
    /// Bounds on minting.
    pub minting: Minting,
}

/// The account that creates users and mints tokens (RC §11).
#[derive(Clone, Debug)]
pub enum ServiceAccount {
    /// A user id with a personal access token, best made with `bypassTwoFactor`.
    Token {
        /// The account's id.
        user_id: String,
        /// Its token.
        auth_token: Secret,
    },
    /// A login by name and password, repeated when its token dies.
    Password {
        /// The account's username.
        username: String,
        /// Its password.
        password: Secret,
        /// Base32 secret for one-time codes, when the account has TOTP.
        totp_secret: Option<Secret>,
    },
}

impl PartialEq for ServiceAccount {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Token {
                    user_id,
                    auth_token,
                },
                Self::Token {
                    user_id: other_id,
                    auth_token: other_token,
                },
            ) => user_id == other_id && auth_token.is(other_token),
            (
                Self::Password {
                    username,
                    password,
                    totp_secret,
                },
                Self::Password {
                    username: other_name,
                    password: other_password,
                    totp_secret: other_totp,
                },
            ) => {
                let same_totp = match (totp_secret, other_totp) {
                    (Some(totp), Some(other)) => totp.is(other),
                    (None, None) => true,
                    _ => false,
                };
                username == other_name && password.is(other_password) && same_totp
            }
            _ => false,
        }
    }
}

/// `rocketchat.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionSetting {
    /// Ask `/api/info`.
    Auto,
    /// Taken as given.
    Fixed(Regime),
}

/// Which rules `users.createToken` follows (RC §0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// Before 8.0: `{userId}`, no secret (`version: 6` or `7`).
    NoSecret,
    /// 8.0 to 8.6: `{userId, secret}`, no permission asked (`version: 8.0`).
    Secret,
    /// 8.7 and later: `{userId, secret}` and the permission (`version: 8.7`).
    SecretAndPermission,
}

/// `rocketchat.mint`.
#[derive(Clone, Debug)]
pub enum Mint {
    /// `users.createToken`.
    CreateToken,
    /// The fallback of RC §3.7: users are created with a password derived from this key, and logged in with it.
    Password {
        /// At least 32 bytes, from `rocketchat.password_key` or `password_key_file`.
        key: Secret,
    },
}

/// Bounds on the time of calls.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection, its TLS handshake included; default 2 s.
    pub connect: Duration,
    /// For a whole control-plane call; default 10 s.
    pub call: Duration,
    /// Until the head of a forwarded answer; default 60 s.
    pub response_header: Duration,
}

/// Bounds on exchanges running and waiting.
#[derive(Clone, Copy, Debug)]
pub struct Minting {
    /// Exchanges running at a time; default 16.
    pub concurrency: usize,
    /// Exchanges waiting for a place; default 2000.
    pub queue: usize,
    /// How long one waits; default 10 s.
    pub queue_timeout: Duration,
}

/// Least bytes of `password_key`: as many as the digest that derives passwords gives.
const LEAST_PASSWORD_KEY: usize = 32;

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RocketChatFile {
    /// Rocket.Chat's base URL without a path: `http` where nobody else reads on the way, `https` elsewhere.
    url: String,
    /// TLS towards an `https` URL.
    tls: TlsFile,
    /// The account that finds and creates users and mints their tokens: `user_id` with a token, or `username` with a password.
    /// Required.
    service_account: ServiceAccountFile,
    /// The value of Rocket.Chat's `CREATE_TOKENS_FOR_USERS_SECRET`; needed from Rocket.Chat 8.0 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    create_token_secret: Option<Hidden>,
    /// File that holds `create_token_secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    create_token_secret_file: Option<PathBuf>,
    /// Which rules of `users.createToken` are spoken: `auto` asks Rocket.Chat, `6` and `7` send no secret, `8.0` (to 8.6) and
    /// `8.7` (and later) do.
    version: VersionWord,
    /// How auth tokens are minted: by `users.createToken`, or by logging in with a derived `password` where the former cannot be
    /// switched on.
    mint: MintWord,
    /// At least 32 random bytes from which passwords are derived, for `mint: password`. Whoever has it can log in as every user
    /// that Gantry created.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_key: Option<Hidden>,
    /// File that holds `password_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_key_file: Option<PathBuf>,
    /// Bounds on the time of calls.
    timeouts: TimeoutsFile,
    /// Bounds on exchanges of principals for Rocket.Chat credentials.
    minting: MintingFile,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ServiceAccountFile {
    /// The account's user id, with `auth_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// Its personal access token, made to bypass two-factor authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<Hidden>,
    /// File that holds `auth_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token_file: Option<PathBuf>,
    /// The account's username, with `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Hidden>,
    /// File that holds `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_file: Option<PathBuf>,
    /// Base32 secret of the account's one-time codes, if it has two-factor authentication by app.
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_secret: Option<Hidden>,
    /// File that holds `totp_secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    totp_secret_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum VersionWord {
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "6")]
    Six,
    #[serde(rename = "7")]
    Seven,
    #[serde(rename = "8.0")]
    Eight,
    #[serde(rename = "8.7")]
    EightSeven,
}

impl JsonSchema for VersionWord {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    /// Numbers too, because that is what YAML makes of an unquoted `8.0`.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["auto", 6, 7, 8.0, 8.7, "6", "7", "8.0", "8.7"] })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum MintWord {
    CreateToken,
    Password,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TimeoutsFile {
    /// For a connection, its TLS handshake included.
    connect: DurationText,
    /// For a whole call that Gantry makes itself.
    call: DurationText,
    /// Until the head of a forwarded answer.
    response_header: DurationText,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct MintingFile {
    /// Exchanges running at a time.
    #[schemars(range(min = 1, max = 1024))]
    concurrency: usize,
    /// Exchanges waiting for a place; past that, 503.
    #[schemars(range(min = 0, max = 1_000_000))]
    queue: usize,
    /// How long one waits.
    queue_timeout: DurationText,
}

impl Default for RocketChatFile {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:3000".to_owned(),
            tls: TlsFile::default(),
            service_account: ServiceAccountFile::default(),
            create_token_secret: None,
            create_token_secret_file: None,
            version: VersionWord::Auto,
            mint: MintWord::CreateToken,
            password_key: None,
            password_key_file: None,
            timeouts: TimeoutsFile::default(),
            minting: MintingFile::default(),
        }
    }
}

impl Default for TimeoutsFile {
    fn default() -> Self {
        Self {
            connect: "2s".into(),
            call: "10s".into(),
            response_header: "60s".into(),
        }
    }
}

impl Default for MintingFile {
    fn default() -> Self {
        Self {
            concurrency: 16,
            queue: 2000,
            queue_timeout: "10s".into(),
        }
    }
}

//! Section `rocketchat`: where Rocket.Chat is and how Gantry acts there.

use std::time::Duration;

use url::Url;

use crate::secret::Secret;

/// How we reach Rocket.Chat.
#[derive(Clone, Debug)]
pub struct RocketChat {
    /// Its base URL, `http` only, without a path. Default `http://127.0.0.1:3000`.
    pub url: Url,
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
    /// For a TCP connection; default 2 s.
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

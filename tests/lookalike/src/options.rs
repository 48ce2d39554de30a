//! How a lookalike is set up: which Rocket.Chat it plays and how its host configured it.
//!
//! The defaults are a fresh workspace of the newest manner with everything strict switched on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Which Rocket.Chat is played (RC §0.1). Each stands for one release of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// 6.x: Meteor 2, the 401 without `success`, `CREATE_TOKENS_FOR_USERS`.
    V6,
    /// 7.x, late in the line: the 401 of 8.x, token minting still as in 6.x.
    V7,
    /// 8.0 to 8.6: token minting by shared secret, without a permission.
    V80,
    /// 8.7 and later: shared secret and permission.
    V87,
}

impl Manner {
    /// The full version that the manner reports.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V6 => "6.13.1",
            Self::V7 => "7.13.2",
            Self::V80 => "8.0.2",
            Self::V87 => "8.7.1",
        }
    }

    /// The manner for a version such as `8.7` or `6.13.1`; `None` below 6 or when it is no version.
    #[must_use]
    pub fn of_version(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next().unwrap_or(Ok(0)).ok()?;
        match (major, minor) {
            (6, _) => Some(Self::V6),
            (7, _) => Some(Self::V7),
            (8, 0..=6) => Some(Self::V80),
            (8.., _) => Some(Self::V87),
            _ => None,
        }
    }

    /// Whether this is an 8.x: headers resolve on every route, bodies are checked by schema.
    pub(crate) fn is_8(self) -> bool {
        self >= Self::V80
    }
}

/// What the server's environment says about `users.createToken` (RC §3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CreateToken {
    /// What the manner needs: [`CreateToken::Env`] below 8.0, then [`Options::SECRET`].
    #[default]
    Fitting,
    /// Nothing is set: the route refuses everybody.
    Off,
    /// `CREATE_TOKENS_FOR_USERS=true`; means something below 8.0 only.
    Env,
    /// `CREATE_TOKENS_FOR_USERS_SECRET`; means something from 8.0 only.
    Secret(String),
}

/// The set-up of one lookalike.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which Rocket.Chat is played.
    pub manner: Manner,
    /// The full version to report instead of the manner's own, such as `8.6.0`.
    pub version: Option<String>,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// The environment of `users.createToken`.
    pub create_token: CreateToken,
    /// `API_Enable_Rate_Limiter` (RC §5.1).
    pub rate_limiter: bool,
    /// Calls per window and route where the route has no limit of its own.
    pub limit_calls: u32,
    /// The length of that window.
    pub limit_window: Duration,
    /// `HTTP_FORWARDED_COUNT`: how many proxies are believed (RC §5.3).
    pub forwarded_count: usize,
    /// `MAX_RESUME_LOGIN_TOKENS`: login tokens a user keeps (RC §3.4).
    pub max_login_tokens: usize,
    /// `Accounts_LoginExpiration`, in days (RC §3.5).
    pub login_expiration_days: f64,
    /// `ROOT_URL`; its path part prefixes every route.
    pub root_url: Option<String>,
    /// How long an answer of 401 or 403 is held back; 6.x does 500 to 1000 ms (RC §1.2).
    pub refusal_delay: Option<Duration>,
    /// Time between the check and the insert of `users.create` (RC §4.4), stands for hashing the password.
    pub create_window: Duration,
    /// How many uses of a just minted token are refused, as where the insert is not awaited (RC §3.4).
    pub unsettled_uses: u32,
    /// Whether `users.create` and `users.createToken` insist on a second factor, as announced (RC §1.5).
    pub two_factor_on_users: bool,
    /// How many active users the licence allows; `None` is no limit.
    pub seats: Option<usize>,
    /// A file to which every token is written as it is made, one a line, for tests that look where none may be.
    pub tokens_file: Option<PathBuf>,
}

impl Options {
    /// The shared secret of `users.createToken` unless another is given.
    pub const SECRET: &'static str = "createtoken-secret";

    /// The defaults in another manner.
    #[must_use]
    pub fn new(manner: Manner) -> Self {
        Self {
            manner,
            version: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            create_token: CreateToken::Fitting,
            rate_limiter: true,
            limit_calls: 10,
            limit_window: Duration::from_secs(60),
            forwarded_count: 1,
            max_login_tokens: 50,
            login_expiration_days: 90.0,
            root_url: None,
            refusal_delay: None,
            create_window: Duration::from_millis(2),
            unsettled_uses: 0,
            two_factor_on_users: false,
            seats: None,
            tokens_file: None,
        }
    }

    /// The full version reported.
    pub(crate) fn version(&self) -> &str {
        self.version
            .as_deref()
            .unwrap_or_else(|| self.manner.version())
    }

    /// The environment of `users.createToken`, with the manner's default filled in.
    pub(crate) fn create_token(&self) -> CreateToken {
        match &self.create_token {
            CreateToken::Fitting if self.manner.is_8() => CreateToken::Secret(Self::SECRET.into()),
            CreateToken::Fitting => CreateToken::Env,
            given => given.clone(),
        }
    }

    /// The path part of `ROOT_URL` without a final slash; empty when there is none.
    pub(crate) fn path_prefix(&self) -> &str {
        let Some((_, rest)) = self
            .root_url
            .as_deref()
            .and_then(|url| url.split_once("://"))
        else {
            return "";
        };
        rest.find('/')
            .map_or("", |slash| rest[slash..].trim_end_matches('/'))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new(Manner::V87)
    }
}

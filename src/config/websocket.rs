//! Section `websocket`: what a socket may cost, and what it may do before anybody is logged in on it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::listen::at_most;
use super::types::{DurationText, SizeText};
use super::validation::{Checked, Validation};

/// Rules of sockets.
#[derive(Clone, Debug)]
pub struct WebSocket {
    /// What passes on a socket that nobody is logged in on; default the least that Rocket.Chat's client starts with.
    pub anonymous: Anonymous,
    /// Time for somebody to be logged in on a socket that nobody opened, and for a login to be answered; default 10 s.
    pub login_timeout: Duration,
    /// Time between our pings to a client that is silent; default 30 s.
    pub ping_interval: Duration,
    /// Bytes of one message from the client; default 1 MiB.
    pub max_message: usize,
    /// Sockets open that nobody is logged in on yet; default 5000.
    pub pending: usize,
    /// Those of one client; default 1000, `None` for as many as there are.
    pub pending_per_client: Option<usize>,
}

/// What passes on a socket that nobody is logged in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// What Rocket.Chat's web client asks for before its login, such as public settings.
    Minimal,
    /// Nothing but the login itself.
    None,
}

/// Bounds of `login_timeout`: shorter fails honest exchanges, longer keeps half-open sockets.
const LOGIN_TIMEOUT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(120));

/// Bounds of `ping_interval`: shorter is traffic without use, longer outlasts the idle limits of what stands in front.
const PING_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// Least `max_message`: a login with a large JWT fits.
const LEAST_MESSAGE: u64 = 16 * 1024;

/// Most `max_message`: every socket may hold one.
const MOST_MESSAGE: u64 = 64 * 1024 * 1024;

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WebSocketFile {
    /// What passes on a socket that nobody is logged in on: `minimal` is what Rocket.Chat's client starts with, `none` is nothing
    /// but the login.
    anonymous: AnonymousWord,
    /// Longest wait for somebody to be logged in on a socket that nobody opened, and for the answer to a login; 1 second to 2 minutes.
    login_timeout: DurationText,
    /// Time between pings to a client that is silent, 1 second to 10 minutes.
    ping_interval: DurationText,
    /// Most bytes of one message from a client, 16 KiB to 64 MiB; while nobody is logged in, 64 KiB at most.
    max_message: SizeText,
    /// Most sockets on which nobody is logged in yet; those that the upgrade itself identified do not count.
    #[schemars(range(min = 1, max = 1_000_000))]
    pending: usize,
    /// Most of those from one client, by the address that `trusted_proxies` tell, or its /64 of IPv6; 0 for no such limit.
    #[schemars(range(min = 0, max = 1_000_000))]
    pending_per_client: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum AnonymousWord {
    Minimal,
    None,
}

impl Default for WebSocketFile {
    fn default() -> Self {
        Self {
            anonymous: AnonymousWord::Minimal,
            login_timeout: "10s".into(),
            ping_interval: "30s".into(),
            max_message: "1MiB".into(),
            pending: 5_000,
            pending_per_client: 1_000,
        }
    }
}

impl WebSocketFile {
    /// Checks the section at `key`.
    pub(super) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<WebSocket> {
        let login_timeout = validation.period(
            &key.field("login_timeout"),
            &self.login_timeout,
            LOGIN_TIMEOUT,
        );
        let ping_interval = validation.period(
            &key.field("ping_interval"),
            &self.ping_interval,
            PING_INTERVAL,
        );
        let max_message = validation.size(
            &key.field("max_message"),
            &self.max_message,
            LEAST_MESSAGE,
            MOST_MESSAGE,
        );
        Ok(WebSocket {
            anonymous: match self.anonymous {
                AnonymousWord::Minimal => Anonymous::Minimal,
                AnonymousWord::None => Anonymous::None,
            },
            login_timeout: login_timeout?,
            ping_interval: ping_interval?,
            max_message: usize::try_from(max_message?).unwrap_or(usize::MAX),
            pending: self.pending,
            pending_per_client: at_most(self.pending_per_client),
        })
    }
}

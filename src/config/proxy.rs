//! Section `proxy`: what passes without identity, what is denied, and who may embed.

use super::types::Origin;

/// Rules of the public side.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Paths served without credentials, on top of the built-in static ones (RC §8). `/x/*` takes everything below `/x/`.
    pub public_paths: Vec<PathRule>,
    /// Paths refused with 403, on top of the built-in table (RC §9).
    pub denied: Vec<PathRule>,
    /// Pass livechat (`/livechat`, `/api/v1/livechat/*`) without credentials; default false, which denies it.
    pub livechat: bool,
    /// Origins besides `listen.public_url` whose pages may use cookies and open sockets.
    pub allowed_origins: Vec<Origin>,
    /// Host pages that may embed Rocket.Chat; empty keeps Rocket.Chat's own framing headers.
    pub frame_ancestors: Vec<Origin>,
}

/// A path, or a path and everything below it; compared with the request's decoded path only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// Exactly this path.
    Exact(String),
    /// Every path that starts with this text, which ends in `/`.
    Below(String),
}

impl PathRule {
    /// Does the rule take this decoded path?
    #[must_use]
    pub fn takes(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Below(prefix) => path.starts_with(prefix.as_str()),
        }
    }
}

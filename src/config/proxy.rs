//! Section `proxy`: what passes without identity, what is denied, and who may embed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::types::Origin;
use super::validation::{Checked, Validation};

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
    /// Reads `/x` or `/x/*`. Only normal forms are taken: a rule in another spelling would never meet a request's path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let path = text
            .strip_suffix('*')
            .filter(|path| path.ends_with('/'))
            .unwrap_or(text);
        let inner = path.strip_prefix('/')?;
        let odd = |c: char| c.is_control() || "*%?#\\".contains(c);
        let segments = inner.strip_suffix('/').unwrap_or(inner);
        let normal = segments.is_empty()
            || segments
                .split('/')
                .all(|part| !matches!(part, "" | "." | ".."));
        if path.contains(odd) || !normal || inner == "/" {
            return None;
        }
        let path = path.to_owned();
        Some(if text.ends_with('*') {
            Self::Below(path)
        } else {
            Self::Exact(path)
        })
    }

    /// Does the rule take this decoded path?
    #[must_use]
    pub fn takes(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Below(prefix) => path.starts_with(prefix.as_str()),
        }
    }
}

/// The section as the file has it.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProxyFile {
    /// Paths served without credentials, on top of Rocket.Chat's static files; `/x/*` takes everything below `/x/`.
    public_paths: Vec<String>,
    /// Paths answered with 403, on top of the built-in table of routes that would bypass the host's login.
    denied: Vec<String>,
    /// Pass livechat (`/livechat`, `/api/v1/livechat/*`) without credentials; else it is denied.
    livechat: bool,
    /// Origins besides `listen.public_url` whose pages may use cookies, open sockets and read answers.
    allowed_origins: Vec<String>,
    /// Origins of the host pages that may embed Rocket.Chat; empty keeps Rocket.Chat's own framing headers.
    frame_ancestors: Vec<String>,
}

/// What a path rule should be.
const RULE: &str = "a decoded absolute path such as /x, or /x/* for everything below /x/, without `.`, `..`, `//`, `%`, `?` and `#`";

impl ProxyFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Proxy> {
        let public_key = key.field("public_paths");
        let mut public_paths =
            validation.each(&public_key, &self.public_paths, RULE, PathRule::parse);
        let everything = PathRule::Below("/".to_owned());
        if let Some(index) = public_paths
            .iter()
            .flatten()
            .position(|rule| *rule == everything)
        {
            let problem = "would serve every path without identity; name the public ones";
            public_paths = Err(validation.mistake(&public_key.entry(index), problem));
        }
        let denied = validation.each(&key.field("denied"), &self.denied, RULE, PathRule::parse);
        let allowed_origins =
            validation.origins(&key.field("allowed_origins"), &self.allowed_origins);
        let frame_ancestors =
            validation.origins(&key.field("frame_ancestors"), &self.frame_ancestors);
        Ok(Proxy {
            public_paths: public_paths?,
            denied: denied?,
            livechat: self.livechat,
            allowed_origins: allowed_origins?,
            frame_ancestors: frame_ancestors?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_absolute_paths_in_normal_form() {
        assert_eq!(PathRule::parse("/x"), Some(PathRule::Exact("/x".into())));
        assert_eq!(PathRule::parse("/x/*"), Some(PathRule::Below("/x/".into())));
        assert_eq!(PathRule::parse("/"), Some(PathRule::Exact("/".into())));
        for bad in [
            "", "x", "/x//y", "/x/../y", "/./x", "/x%2fy", "/x?y", "/x#y", "/x*", "/*/x", "/x\\y",
            "/x/**", "/\n",
        ] {
            assert_eq!(PathRule::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_rule_for_what_is_below_leaves_the_path_itself() {
        let rule = PathRule::parse("/x/*").expect("a rule");
        assert!(rule.takes("/x/y") && rule.takes("/x/"));
        assert!(!rule.takes("/x") && !rule.takes("/xy"));
    }
}

//! Section `iframe`: how a browser that shows Rocket.Chat inside a host page is known.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::listen::Listen;
use super::tokens::{TAKEN_COOKIES, Tokens, is_name};
use super::types::DurationText;
use super::validation::{Checked, Validation};

/// Rules of embedded pages.
#[derive(Clone, Debug)]
pub struct Iframe {
    /// Put the boot script in front of Rocket.Chat's pages; default true.
    pub boot_script: bool,
    /// The session cookie.
    pub cookie: SessionCookie,
    /// How long a ticket may wait for its use; default 30 s.
    pub ticket_ttl: Duration,
}

/// How the session cookie is set. A cookie that browsers would refuse in this combination is a mistake.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    /// Its name; default `gantry_session`.
    pub name: String,
    /// Its `SameSite`; default none, because host pages stand on other sites.
    pub same_site: SameSite,
    /// One cookie per host page's site (CHIPS); default true.
    pub partitioned: bool,
    /// Over TLS only; default true.
    pub secure: bool,
}

/// `SameSite` of a cookie (RFC 6265bis §5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent whatever page asks.
    None,
    /// Sent to requests from the own site, and to navigations.
    Lax,
    /// Sent to requests from the own site only.
    Strict,
}

/// Bounds of `ticket_ttl`: shorter loses slow browsers, longer leaves URLs in histories that still open a session.
const TICKET_TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IframeFile {
    /// Put a script in front of Rocket.Chat's pages that logs its web client in.
    boot_script: bool,
    /// The session cookie, which `/_gantry/enter` and `/_gantry/session?cookie=1` set.
    cookie: CookieFile,
    /// How long a ticket of `/_gantry/ticket` may wait for its use, 1 second to 5 minutes.
    ticket_ttl: DurationText,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct CookieFile {
    /// Name of the session cookie.
    name: String,
    /// Its `SameSite`: `none` for host pages on other sites, which needs `secure`; `lax` or `strict` where they share the site.
    same_site: SameSiteWord,
    /// Keep one cookie for each host page's site, as browsers that block third-party cookies ask for; needs `secure`.
    partitioned: bool,
    /// Send it over TLS only.
    secure: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SameSiteWord {
    None,
    Lax,
    Strict,
}

impl Default for IframeFile {
    fn default() -> Self {
        Self {
            boot_script: true,
            cookie: CookieFile::default(),
            ticket_ttl: "30s".into(),
        }
    }
}

impl Default for CookieFile {
    fn default() -> Self {
        Self {
            name: "gantry_session".to_owned(),
            same_site: SameSiteWord::None,
            partitioned: true,
            secure: true,
        }
    }
}

impl IframeFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Iframe> {
        let cookie = self.cookie.validate(validation, &key.field("cookie"));
        let ticket_ttl = validation.period(&key.field("ticket_ttl"), &self.ticket_ttl, TICKET_TTL);
        Ok(Iframe {
            boot_script: self.boot_script,
            cookie: cookie?,
            ticket_ttl: ticket_ttl?,
        })
    }
}

impl CookieFile {
    fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<SessionCookie> {
        let name = self.name(validation, &key.field("name"));
        let same_site = match self.same_site {
            SameSiteWord::None => SameSite::None,
            SameSiteWord::Lax => SameSite::Lax,
            SameSiteWord::Strict => SameSite::Strict,
        };
        let mut kept = Ok(());
        if !self.secure {
            // Browsers drop such cookies without a word, and every embedded page would be without a session.
            if same_site == SameSite::None {
                let problem = "`none` goes with `secure: true` only; write `lax` or `strict`";
                kept = Err(validation.mistake(&key.field("same_site"), problem));
            }
            if self.partitioned {
                let problem = "goes with `secure: true` only; write `partitioned: false`";
                kept = Err(validation.mistake(&key.field("partitioned"), problem));
            }
        }
        let name = name?;
        kept?;
        Ok(SessionCookie {
            name,
            same_site,
            partitioned: self.partitioned,
            secure: self.secure,
        })
    }

    fn name(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<String> {
        let wanted = "a name of 1 to 64 letters, digits, `-`, `_` and `.`";
        let name = validation.parse(key, &self.name, wanted, |text| {
            is_name(text).then(|| text.to_owned())
        })?;
        if let Some(taken) = TAKEN_COOKIES
            .iter()
            .find(|taken| taken.eq_ignore_ascii_case(&name))
        {
            let problem = format!("`{taken}` has another meaning here; use a name of your own");
            return Err(validation.mistake(key, problem));
        }
        let lower = name.to_ascii_lowercase();
        let prefixed = lower.starts_with("__host-") || lower.starts_with("__secure-");
        if prefixed && !self.secure {
            let problem = format!("{name:?} goes with `secure: true` only");
            return Err(validation.mistake(key, problem));
        }
        Ok(name)
    }
}

/// Refuses one cookie for two things: the JWT would be taken for a stand-in, or the other way about.
pub(super) fn apart(iframe: &Iframe, tokens: &Tokens, validation: &mut Validation<'_>) {
    let name = &iframe.cookie.name;
    if tokens
        .cookie
        .as_ref()
        .is_some_and(|cookie| cookie.eq_ignore_ascii_case(name))
    {
        let key = Key::default().field("tokens").field("cookie");
        let problem = format!("`{name}` is the session cookie (`iframe.cookie.name`); use another");
        validation.mistake(&key, problem);
    }
}

/// Warns of a cookie that browsers would never send back.
pub(super) fn reachable(iframe: &Iframe, listen: &Listen, validation: &mut Validation<'_>) {
    let url = &listen.public_url;
    // Browsers trust a loopback address as they trust TLS.
    if iframe.cookie.secure
        && url.scheme() == "http"
        && !super::listen::is_loopback(&url.to_string())
    {
        let key = Key::default()
            .field("iframe")
            .field("cookie")
            .field("secure");
        validation.warn(
            &key,
            "browsers keep no secure cookie of an http `listen.public_url`, so embedded pages have no session",
        );
    }
}

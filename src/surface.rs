//! The surface of Rocket.Chat as clients may see it: which paths need an identity, and what is denied, intercepted, looked into
//! or scrubbed (RC §8, §9). Pure decisions, no I/O.
//!
//! Every path is judged in its one normal form ([`path::NormalPath`]) by one table ([`table`]), for REST and for the methods
//! inside `method.call` alike. Doubt denies.

use http::{HeaderMap, Method};

use crate::config::proxy::{PathRule, Proxy};
use crate::telemetry::metrics::Route;

use path::NormalPath;
use table::Rule;

pub mod body;
pub mod boot;
pub mod login;
pub mod method_call;
pub mod path;
pub mod profile;
pub mod rest;
pub mod scrub;
pub mod table;

pub use body::MAX_BODY;
pub use login::{Answered, Login, LoginForm};
pub use scrub::{MAX_ANSWER, Plan, Scrub};

/// What is to be done with a request, before its body was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the request is about, for metrics and logs. An upgrade is honoured on [`Route::Socket`] only.
    pub route: Route,
    /// Whether it needs somebody.
    pub class: Class,
    /// Where Rocket.Chat looks for the credentials.
    pub carry: Carry,
    /// What happens to it.
    pub action: Action,
}

/// Whether a request needs an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Passes without credentials; whatever identity the client shows is stripped and not used.
    Public,
    /// Somebody must be acting; without one the answer is ours (401).
    Identity,
    /// Its body says who is acting.
    Claim,
}

/// Where Rocket.Chat looks for credentials on a path (RC §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// In `X-User-Id` and `X-Auth-Token`.
    Headers,
    /// In the cookies `rc_uid` and `rc_token` too, which mask the headers on some paths and are the only place on others.
    HeadersAndCookies,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Forward,
    /// It is refused.
    Deny(Denial),
    /// It ends the session and is answered by us. It changes state whatever its HTTP method: a cookie's identity needs the same
    /// proof of origin here as on an unsafe method.
    Logout,
    /// Read the body, at most [`MAX_BODY`] bytes, and let [`Surface::inspect`] decide.
    Inspect(Inspect),
    /// Read the body, at most [`MAX_BODY`] bytes, as a [`Login`]; the auth token is swapped in, and swapped out of the answer.
    Login(LoginForm),
    /// It goes on, asking for an answer without content coding; the answer is scrubbed.
    Scrub(Scrub),
}

/// What is looked for in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspect {
    /// The DDP method inside a `method.call` (RC §6.5).
    MethodCall,
    /// Identity and credential keys in a user's own profile (RC §9).
    OwnProfile,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Logging in with anything but the host's JWT.
    Login,
    /// Making auth tokens, or being told one.
    Tokens,
    /// Registration, names, addresses, passwords and the account's end: the host application owns them.
    Account,
    /// The second factor: the host application owns it.
    SecondFactor,
    /// Rocket.Chat as an OAuth server.
    OAuth,
    /// Livechat, which is off.
    Livechat,
    /// A SockJS transport other than WebSocket (RC §6.6), answered as if it were not there.
    Transport,
    /// An HTTP method that Rocket.Chat does not use.
    Verb,
    /// A path that the configuration denies.
    Configured,
    /// A body that must be understood and was not.
    Unreadable,
    /// A body that must be understood and is larger than [`MAX_BODY`].
    TooLarge,
}

impl Denial {
    /// A fixed slug for logs.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Login => "login-denied",
            Self::Tokens => "tokens-denied",
            Self::Account => "account-denied",
            Self::SecondFactor => "second-factor-denied",
            Self::OAuth => "oauth-denied",
            Self::Livechat => "livechat-denied",
            Self::Transport => "transport-denied",
            Self::Verb => "verb-denied",
            Self::Configured => "path-denied",
            Self::Unreadable => "body-unreadable",
            Self::TooLarge => "body-too-large",
        }
    }

    /// One sentence for the client, without anything of the request in it.
    #[must_use]
    pub fn detail(self) -> &'static str {
        match self {
            Self::Login => "Log in at the host application; its token is the only way in.",
            Self::Tokens => "Tokens of Rocket.Chat are not handed out here.",
            Self::Account => "The host application manages this account.",
            Self::SecondFactor => "The host application manages the second factor.",
            Self::OAuth => "Rocket.Chat's OAuth server is not available here.",
            Self::Livechat => "Livechat is not available here.",
            Self::Transport => "Only the WebSocket transport is available here.",
            Self::Verb => "This HTTP method is not available here.",
            Self::Configured => "This path is not available here.",
            Self::Unreadable => "The body is not what this path takes.",
            Self::TooLarge => "The body is larger than this path takes.",
        }
    }
}

/// The table together with what the configuration adds to it.
#[derive(Clone, Debug)]
pub struct Surface {
    public_paths: Vec<PathRule>,
    denied: Vec<PathRule>,
    livechat: bool,
}

impl Surface {
    /// Takes what it needs from the section `proxy`.
    #[must_use]
    pub fn new(proxy: &Proxy) -> Self {
        Self {
            public_paths: proxy.public_paths.clone(),
            denied: proxy.denied.clone(),
            livechat: proxy.livechat,
        }
    }

    /// Judges a request by its HTTP method and path; its query never matters.
    #[must_use]
    pub fn judge(&self, method: &Method, path: &NormalPath<'_>) -> Verdict {
        rest::judge(self, method, path)
    }

    /// Decides what [`Action::Inspect`] left open, from the request's own headers and its whole body. Never answers with
    /// [`Action::Inspect`].
    #[must_use]
    pub fn inspect(
        &self,
        inspect: Inspect,
        path: &NormalPath<'_>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Action {
        if let Err(denial) = body::check_coding(headers, body) {
            return Action::Deny(denial);
        }
        match inspect {
            Inspect::OwnProfile => profile::judge_rest(body),
            Inspect::MethodCall => {
                let judged = method_call::read(path.decoded(), body, |call| self.judge_call(call));
                match judged.unwrap_or_else(Action::Deny) {
                    // A login's path says so, and was judged by it; one in another spelling is none of ours.
                    Action::Login(_) => Action::Deny(Denial::Login),
                    action => action,
                }
            }
        }
    }

    /// Judges a DDP method with its parameters, however it came.
    #[must_use]
    pub fn judge_call(&self, call: &method_call::Call<'_>) -> Action {
        match table::method(&call.method) {
            Rule::OwnProfile => profile::judge_params(call.params),
            rule => self.action(rule),
        }
    }

    /// What a rule means here and now.
    fn action(&self, rule: Rule) -> Action {
        match rule {
            Rule::Login => Action::Login(LoginForm::Rest),
            Rule::Logout => Action::Logout,
            Rule::Deny(denial) => Action::Deny(denial),
            Rule::MethodCall => Action::Inspect(Inspect::MethodCall),
            Rule::OwnProfile => Action::Inspect(Inspect::OwnProfile),
            Rule::Scrub(scrub) => Action::Scrub(scrub),
            Rule::Livechat if !self.livechat => Action::Deny(Denial::Livechat),
            Rule::Livechat | Rule::Pass => Action::Forward,
        }
    }
}

#[cfg(test)]
mod tests;

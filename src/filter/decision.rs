//! The one decision behind every dialect: the same normal path, the same table and the same gate as in proxy mode.
//!
//! A warm decision neither waits nor verifies. What is denied whoever asks is denied before identity is asked for.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::SystemTime;

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use memchr::memmem;

use crate::filter::Rules;
use crate::filter::differences::Need;
use crate::filter::error::FilterError;
use crate::gate::{self, Admission, Look};
use crate::headers::{
    X_AUTH_TOKEN, X_GANTRY_RETRY, X_USER_ID, client_address, cookie, credentials, query, token_text,
};
use crate::surface::path::NormalPath;
use crate::surface::{Action, Carry, Class, Verdict};
use crate::telemetry::metrics::{Dialect, Route};

/// What begins Gantry's own paths; nothing below is ever asked about.
const OWN: &str = "/_gantry";

/// The fields that every yes replaces, so that whatever the client put there goes no further.
pub(super) const REPLACED: [HeaderName; 4] = [
    header::AUTHORIZATION,
    X_AUTH_TOKEN,
    X_USER_ID,
    header::COOKIE,
];

/// The gateway's request may go on, with these in place of what the client sent.
#[derive(Debug)]
pub struct Allowed {
    /// Whose it is; `None` on public paths, which go on as nobody's.
    pub admission: Option<Admission>,
    /// All cookies, the client's other ones among them; `None` when there are none.
    pub cookie: Option<HeaderValue>,
    /// Fields that make a claim in a spelling of their own and must go; there are none where the gateway cannot take them off.
    pub strays: Vec<HeaderName>,
}

/// One question.
#[derive(Debug)]
pub struct Question<'a> {
    /// Who asks in what way.
    pub dialect: Dialect,
    /// The request that it is about.
    pub parts: &'a mut Parts,
    /// The gateway's address.
    pub peer: IpAddr,
    /// When it was asked.
    pub now: SystemTime,
}

impl Rules {
    /// Decides; `acting` tells afterwards whose request it was.
    pub(super) async fn decide(
        &self,
        question: Question<'_>,
        acting: &mut Option<Admission>,
    ) -> Result<Allowed, FilterError> {
        let Question {
            dialect,
            parts,
            peer,
            now,
        } = question;
        client_address::resolve(peer, &parts.headers, &self.trusted)?;
        let uri = parts.uri.clone();
        let path = NormalPath::parse(uri.path()).map_err(FilterError::Path)?;
        let verdict = self.judge(parts, &path)?;
        let strays = strays(&parts.headers);
        // A gateway that replaces fields by their names would leave these as they are.
        if !strays.is_empty() && matches!(dialect, Dialect::Nginx | Dialect::Traefik) {
            return Err(FilterError::NeedsProxy(Need::Field));
        }
        if self.tells_token_elsewhere(parts) {
            return Err(FilterError::NeedsProxy(Need::Token));
        }
        if verdict.class == Class::Identity {
            let purpose = gate::purpose(verdict);
            // The warm half first: it neither waits nor makes this future larger.
            let mut admission = match self.gate.look_up(parts, purpose, now)? {
                Look::Known(admission) => admission,
                Look::Open(open) => Box::pin(self.gate.admit_open(open)).await?,
            };
            if is_refused(&parts.headers, &admission) {
                let refreshed = Box::pin(self.gate.reject(&admission)).await;
                admission = refreshed.map_err(FilterError::Refresh)?;
            }
            *acting = Some(admission);
        }
        let cookie = self.cookie(parts, verdict, acting.as_ref());
        Ok(Allowed {
            admission: acting.clone(),
            cookie,
            strays,
        })
    }

    /// What the surface says of the request, if a filter can let it go on at all.
    fn judge(&self, parts: &Parts, path: &NormalPath<'_>) -> Result<Verdict, FilterError> {
        let plain = path.plain();
        let own = plain
            .split_at_checked(OWN.len())
            .is_some_and(|(begins, rest)| {
                begins.eq_ignore_ascii_case(OWN) && (rest.is_empty() || rest.starts_with('/'))
            });
        if own {
            return Err(FilterError::NeedsProxy(Need::Own));
        }
        let verdict = self.surface.judge(&parts.method, path);
        if is_preflight(parts) && (verdict.class != Class::Public || verdict.route == Route::Api) {
            return Err(FilterError::NeedsProxy(Need::Preflight));
        }
        let needs = match verdict.action {
            Action::Deny(denial) => return Err(FilterError::Denied(denial)),
            Action::Login(_) => Some(Need::Login),
            Action::Logout => Some(Need::Logout),
            Action::Inspect(_) => Some(Need::Body),
            Action::Scrub(_) => Some(Need::Answer),
            Action::Forward if verdict.route == Route::Socket || upgrades(&parts.headers) => {
                Some(Need::Socket)
            }
            Action::Forward => None,
        };
        if let Some(need) = needs.or_else(|| self.credential_in_url(parts)) {
            return Err(FilterError::NeedsProxy(need));
        }
        Ok(verdict)
    }

    fn credential_in_url(&self, parts: &Parts) -> Option<Need> {
        let names = |query| matches!(query::strip(query, &self.parameters), Cow::Owned(_));
        if parts.uri.query().is_some_and(names) {
            return Some(Need::Query);
        }
        let mut referers = parts.headers.get_all(header::REFERER).iter();
        referers
            .any(|referer| match referer.to_str() {
                Ok(url) => query::halves(url).is_some_and(|(_, query)| names(query)),
                Err(_) => true,
            })
            .then_some(Need::Referer)
    }

    /// Does the JWT stand anywhere but in what is replaced? The issuer's JWT goes nowhere but to us.
    fn tells_token_elsewhere(&self, parts: &Parts) -> bool {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let kept = || {
            let kept = parts.headers.iter();
            // Hardly any value is long enough to be looked at more closely.
            kept.filter(|(_, value)| token_text::may_stand_in(value.as_bytes()))
                .filter(|(name, _)| !REPLACED.contains(name))
                .map(|(_, value)| value.as_bytes())
                .chain(
                    [query]
                        .into_iter()
                        .filter(|query| token_text::may_stand_in(query)),
                )
        };
        kept().next().is_some()
            && self.gate.token_text(parts).is_some_and(|token| {
                let finder = memmem::Finder::new(token.as_bytes());
                kept().any(|text| finder.find(text).is_some())
            })
    }

    /// All cookies that go on: the client's without any credential, and ours where Rocket.Chat looks for them (RC §8).
    fn cookie(
        &self,
        parts: &mut Parts,
        verdict: Verdict,
        acting: Option<&Admission>,
    ) -> Option<HeaderValue> {
        let cookies = parts.headers.get_all(header::COOKIE).iter();
        let may_hold_jwt = cookies
            .map(HeaderValue::as_bytes)
            .any(token_text::may_stand_in);
        let token = may_hold_jwt
            .then(|| self.gate.token_text(parts).map(str::to_owned))
            .flatten();
        let ours = acting
            .filter(|_| verdict.carry == Carry::HeadersAndCookies)
            .map(|admission| admission.admitted.credentials.cookie_value());
        cookie::rewrite(&mut parts.headers, &self.cookies, ours);
        let cookie = parts.headers.remove(header::COOKIE)?;
        let Some(token) = token else {
            return Some(cookie);
        };
        let finder = memmem::Finder::new(token.as_bytes());
        let holds = |pair: &[u8]| finder.find(pair).is_some();
        let kept = token_text::without(cookie.as_bytes(), b';', &holds);
        let mut kept = HeaderValue::try_from(kept).ok()?;
        kept.set_sensitive(true);
        (!kept.is_empty()).then_some(kept)
    }
}

/// Did Rocket.Chat refuse just these credentials? Who asks again after it refused older ones gets the newer ones. Nobody can say so who
/// was not told them: clients cannot make us refresh.
fn is_refused(headers: &HeaderMap, admission: &Admission) -> bool {
    let mut marks = headers.get_all(X_GANTRY_RETRY).iter();
    match (marks.next(), marks.next()) {
        (Some(mark), None) if !mark.is_empty() => mark == admission.admitted.credentials.mark(),
        _ => false,
    }
}

/// Fields that make a claim and are not replaced.
fn strays(headers: &HeaderMap) -> Vec<HeaderName> {
    let names = headers.keys();
    names
        .filter(|name| credentials::is_claim(name.as_str()) && !REPLACED.contains(name))
        .cloned()
        .collect()
}

/// An upgrade on any path: servers take sockets on paths that are none of theirs (RC §6.1).
fn upgrades(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
        || headers.contains_key(header::SEC_WEBSOCKET_KEY)
        || headers.contains_key(header::SEC_WEBSOCKET_VERSION)
}

fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts
            .headers
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

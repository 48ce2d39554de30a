//! Where Rocket.Chat's clients put the auth token they were given, which from us is a stand-in (RC §1.1, §7.1, §8).
//!
//! A header or a parameter is somebody's own act and counts beside a JWT. Cookies come along by themselves, stale ones too: they
//! count only when nothing else was shown.

use http::{HeaderMap, header};

use super::{AuthnError, Found, cookie, query};
use crate::headers::X_AUTH_TOKEN;

/// Rocket.Chat's own token cookie and parameter.
const RC_TOKEN: &str = "rc_token";

/// The parameter by which pages are opened with a token (RC §7.2).
const RESUME_TOKEN: &str = "resumeToken";

/// The text of the one `X-Auth-Token`, whatever it is: a stand-in, or the JWT itself.
#[must_use]
pub fn header(headers: &HeaderMap) -> Found<'_> {
    let mut values = headers.get_all(X_AUTH_TOKEN).iter();
    let Some(value) = values.next() else {
        return Found::NotPresented;
    };
    if values.next().is_some() {
        return Found::Failed(AuthnError::Duplicated);
    }
    match value.to_str().map(str::trim) {
        Ok("") => Found::NotPresented,
        Ok(text) => Found::Presented(text),
        Err(_) => Found::Failed(AuthnError::Malformed),
    }
}

/// The text of `rc_token`, as file links have it.
#[must_use]
pub fn file_query(text: Option<&str>) -> Found<'_> {
    query::find(text, RC_TOKEN)
}

/// The text of `resumeToken`, as links into the web client have it.
#[must_use]
pub fn page_query(text: Option<&str>) -> Found<'_> {
    query::find(text, RESUME_TOKEN)
}

/// What stands in our session cookie and in Rocket.Chat's token cookie, in the order tried. One that is doubtful names nobody.
#[must_use]
pub fn cookies<'a>(headers: &'a HeaderMap, ours: &str) -> [Option<&'a str>; 2] {
    if !headers.contains_key(header::COOKIE) {
        return [None, None];
    }
    [ours, RC_TOKEN].map(|name| match cookie::find(headers, name) {
        Found::Presented(text) => Some(text),
        Found::NotPresented | Found::Failed(_) => None,
    })
}

/// Whether a text has the form of a JWT (RFC 7515 §3.1); a stand-in has no dots.
#[must_use]
pub fn is_jwt(text: &str) -> bool {
    memchr::memchr_iter(b'.', text.as_bytes()).count() == 2
}

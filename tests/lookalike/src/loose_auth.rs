//! Credentials of the routes outside the REST API: query, cookies, headers, in RC's order (RC §8).
//!
//! The order is what makes a stale cookie mask good headers: whatever a source gives is not asked
//! of the next, even if the pieces then come from two users and fit nobody.

use std::collections::HashMap;

use axum::extract::Query;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::auth;
use crate::state::App;

/// Which sources a route looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// Query, cookies, headers: files and exports.
    All,
    /// Query and cookies: avatars, which ignore the headers.
    QueryAndCookies,
    /// Cookies, headers: what apps serve.
    CookiesOverHeaders,
}

/// The user whom a request outside the API belongs to.
pub(crate) fn user_of(app: &App, parts: &Parts, sources: Sources) -> Option<String> {
    let (user_id, token) = presented(parts, sources);
    let user_id = user_id?;
    auth::lookup(app, &user_id, &token?).map(|_| user_id)
}

fn presented(parts: &Parts, sources: Sources) -> (Option<String>, Option<String>) {
    let query = Query::<HashMap<String, String>>::try_from_uri(&parts.uri);
    let mut query = query.map(|Query(map)| map).unwrap_or_default();
    let mut take = |key: &str| query.remove(key).filter(|text| !text.is_empty());
    let (mut user_id, mut token) = match sources {
        Sources::CookiesOverHeaders => (None, None),
        Sources::All | Sources::QueryAndCookies => (take("rc_uid"), take("rc_token")),
    };
    if user_id.is_none() && parts.headers.contains_key("cookie") {
        user_id = cookie(&parts.headers, "rc_uid");
        token = cookie(&parts.headers, "rc_token");
    }
    if sources != Sources::QueryAndCookies {
        user_id = user_id.or_else(|| header(&parts.headers, "x-user-id"));
        token = token.or_else(|| header(&parts.headers, "x-auth-token"));
    }
    (user_id, token)
}

/// The first cookie of a name that is not empty.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers
        .get_all("cookie")
        .iter()
        .filter_map(|line| line.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim());
    values
        .next()
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(uri: &str, headers: &[(&str, &str)], sources: Sources, expected: (&str, &str)) {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let (user_id, token) = presented(&parts, sources);
        let found = (user_id.unwrap_or_default(), token.unwrap_or_default());
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            expected,
            "{uri} {headers:?}"
        );
    }

    #[test]
    fn rc_8_query_goes_before_cookies_and_cookies_before_headers() {
        let cookie = ("cookie", "a=b; rc_uid=c; rc_token=ct");
        let (id, token) = (("x-user-id", "h"), ("x-auth-token", "ht"));
        let all = Sources::All;
        check(
            "/?rc_uid=q&rc_token=qt",
            &[cookie, id, token],
            all,
            ("q", "qt"),
        );
        check("/", &[cookie, id, token], all, ("c", "ct"));
        check("/", &[id, token], all, ("h", "ht"));
        check("/", &[id, token], Sources::QueryAndCookies, ("", ""));
        check(
            "/",
            &[cookie, id, token],
            Sources::QueryAndCookies,
            ("c", "ct"),
        );
    }

    #[test]
    fn rc_8_a_stale_cookie_masks_good_headers() {
        let headers = [
            ("cookie", "rc_uid=old"),
            ("x-user-id", "h"),
            ("x-auth-token", "ht"),
        ];
        check("/", &headers, Sources::All, ("old", "ht"));
        check("/?rc_token=qt", &headers, Sources::All, ("old", "ht"));
    }
}

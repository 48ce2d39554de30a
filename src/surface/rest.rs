//! Paths to verdicts: what a request is about, whether it needs somebody, and what the table says about it.
//!
//! What grants (no identity needed) is matched against the decoded path exactly; what refuses is matched against its plain form
//! without regard to case, so that no decoration of a path leads around a denial.

use http::Method;

use crate::config::proxy::PathRule;
use crate::telemetry::metrics::Route;

use super::path::NormalPath;
use super::table::{self, Rule};
use super::{Action, Carry, Class, Denial, Inspect, LoginForm, Surface, Verdict};

/// HTTP methods that Rocket.Chat's clients use. `CONNECT` and `TRACE` would do harm, others mean nothing there.
const VERBS: [Method; 7] = [
    Method::GET,
    Method::POST,
    Method::HEAD,
    Method::OPTIONS,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
];

/// Single paths that everybody may read (RC §8, §10). Of the API only what a client must know before it can log in: the server's
/// version. Other routes that Rocket.Chat answers anonymously (`settings.public`, …) are for `proxy.public_paths`.
const PUBLIC: [&str; 8] = [
    "/__meteor__/dynamic-import/fetch",
    "/api/info",
    "/enc.js",
    "/health",
    "/meteor_runtime_config.js",
    "/robots.txt",
    "/sockjs/info",
    "/theme.css",
];

/// Trees that everybody may read: code, styles, pictures and sounds of the workspace (RC §8).
const PUBLIC_TREES: [&str; 9] = [
    "/assets/",
    "/custom-sounds/",
    "/emoji-custom/",
    "/fonts/",
    "/i18n/",
    "/images/",
    "/packages/",
    "/public/",
    "/sounds/",
];

/// Files at the root whose names only begin alike: icons in sizes, manifests, the workspace's scripts.
const PUBLIC_FILES: [&str; 6] = [
    "android-chrome-",
    "apple-touch-icon",
    "browserconfig.",
    "favicon",
    "manifest",
    "scripts",
];

/// Trees that Rocket.Chat guards by cookies, by headers only in part (RC §8).
const FILES: [&str; 4] = ["/file-upload/", "/ufs/", "/avatar/", "/data-export/"];

/// Livechat's page and API, with visitor tokens of their own (RC §9).
const LIVECHAT: [&str; 2] = ["/livechat", "/api/v1/livechat"];

/// Length of the hash that names a bundle of the web client.
const BUNDLE_HASH: usize = 40;

pub(super) fn judge(surface: &Surface, method: &Method, path: &NormalPath<'_>) -> Verdict {
    let plain = path.plain();
    let decoded = path.decoded();
    let mut verdict = match api_route(&plain) {
        Some(route) => judge_api(surface, route),
        None => judge_other(surface, decoded, &plain),
    };
    let public = is_public(decoded)
        || (surface.livechat && LIVECHAT.iter().any(|tree| is_below(decoded, tree)))
        || surface.public_paths.iter().any(|rule| rule.takes(decoded));
    if verdict.action == Action::Inspect(Inspect::MethodCall) && decoded.ends_with("/login") {
        verdict.action = Action::Login(LoginForm::MethodCall);
    }
    if matches!(verdict.action, Action::Login(_)) {
        verdict.class = Class::Claim;
    }
    if public && verdict.action != Action::Logout {
        verdict.class = Class::Public;
        if verdict.route == Route::Page {
            verdict.route = Route::Public;
        }
    }
    if surface
        .denied
        .iter()
        .any(|rule| denies(rule, decoded, &plain))
    {
        verdict.action = Action::Deny(Denial::Configured);
    }
    if matches!(verdict.action, Action::Login(_)) && *method != Method::POST {
        verdict.action = Action::Deny(Denial::Login);
    }
    // Rocket.Chat logs out on these two (RC §9); a preflight must end nothing, and no other verb may slip through.
    let ends = matches!(*method, Method::GET | Method::POST);
    if !VERBS.contains(method) || (verdict.action == Action::Logout && !ends) {
        verdict.action = Action::Deny(Denial::Verb);
    }
    verdict
}

/// What stands behind `/api/v1/`, or behind `/api/` where the version is left out, as older servers allow.
fn api_route(plain: &str) -> Option<&str> {
    let rest = plain.strip_prefix('/')?;
    if !table::below(rest, "api") {
        return None;
    }
    let rest = rest.get("api/".len()..).unwrap_or_default();
    let slash = rest.bytes().position(|byte| byte == b'/');
    let (version, route) = rest.split_at(slash.unwrap_or(rest.len()));
    let route = route.strip_prefix('/').unwrap_or(route);
    let digits = version.strip_prefix(['v', 'V']).unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        Some(route)
    } else {
        Some(rest)
    }
}

fn judge_api(surface: &Surface, route: &str) -> Verdict {
    // Apps read the cookies first and the headers only without them (RC §8).
    let carry = if table::below(route, "apps") {
        Carry::HeadersAndCookies
    } else {
        Carry::Headers
    };
    Verdict {
        route: Route::Api,
        class: Class::Identity,
        carry,
        action: surface.action(table::rest(route)),
    }
}

fn judge_other(surface: &Surface, decoded: &str, plain: &str) -> Verdict {
    let denied = table::DENIED_PATHS
        .iter()
        .find(|(tree, _)| table::below(plain, tree));
    let (route, carry, action) = if let Some((_, denial)) = denied {
        (Route::Page, Carry::Headers, Action::Deny(*denial))
    } else if is_livechat(plain) {
        (Route::Page, Carry::Headers, surface.action(Rule::Livechat))
    } else if decoded == "/websocket" || is_sockjs_websocket(decoded) {
        (Route::Socket, Carry::Headers, Action::Forward)
    } else if decoded == "/sockjs/info" {
        (Route::Public, Carry::Headers, Action::Forward)
    } else if table::below(plain, "/sockjs") || table::below(plain, "/websocket") {
        (
            Route::Socket,
            Carry::Headers,
            Action::Deny(Denial::Transport),
        )
    } else if FILES.iter().any(|tree| decoded.starts_with(tree)) {
        (Route::File, Carry::HeadersAndCookies, Action::Forward)
    } else {
        (Route::Page, Carry::Headers, Action::Forward)
    };
    Verdict {
        route,
        class: Class::Identity,
        carry,
        action,
    }
}

/// `/sockjs/<server>/<session>/websocket` (RC §6.1).
fn is_sockjs_websocket(decoded: &str) -> bool {
    let Some(rest) = decoded.strip_prefix("/sockjs/") else {
        return false;
    };
    let mut segments = rest.split('/');
    let named = |segment: Option<&str>| segment.is_some_and(|segment| !segment.is_empty());
    named(segments.next())
        && named(segments.next())
        && segments.next() == Some("websocket")
        && segments.next().is_none()
}

fn is_livechat(plain: &str) -> bool {
    LIVECHAT.iter().any(|tree| table::below(plain, tree))
}

/// Exactly this path, or one below it.
fn is_below(decoded: &str, tree: &str) -> bool {
    let rest = decoded.strip_prefix(tree);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_public(decoded: &str) -> bool {
    PUBLIC.contains(&decoded)
        || PUBLIC_TREES.iter().any(|tree| decoded.starts_with(tree))
        || decoded.strip_prefix('/').is_some_and(is_public_file)
}

/// A static file at the root: known by the beginning of its name, or a bundle `<hash>.js` or `<hash>.css`.
fn is_public_file(name: &str) -> bool {
    if name.contains('/') {
        return false;
    }
    let Some((stem, extension)) = name.split_once('.') else {
        return false;
    };
    let bundle = matches!(extension, "js" | "css" | "js.map" | "css.map")
        && stem.len() == BUNDLE_HASH
        && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    bundle || PUBLIC_FILES.iter().any(|start| name.starts_with(start))
}

/// A configured denial also takes the spellings that a server might read as the denied path.
fn denies(rule: &PathRule, decoded: &str, plain: &str) -> bool {
    if rule.takes(decoded) {
        return true;
    }
    match rule {
        PathRule::Exact(exact) => plain.eq_ignore_ascii_case(without_slash(exact)),
        PathRule::Below(tree) => table::below(plain, without_slash(tree)),
    }
}

fn without_slash(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        Some(_) | None => path,
    }
}

#[cfg(test)]
mod tests;

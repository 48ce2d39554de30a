//! The requests, and which of them only proxy mode can serve, told by hand and not by asking the code.

use gantry::filter::Need;

use super::{OURS, People};
use crate::filter::asking::Sent;

/// A request and why a filter denies it where proxy mode goes on.
pub(crate) struct Row {
    pub(crate) sent: Sent,
    pub(crate) needs: Option<Need>,
}

/// What a path needs by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Case {
    /// Nothing but the gate.
    Plain,
    /// This, by these methods; others are refused or go on alike.
    By(Need, &'static [&'static str]),
    /// This, by every method that Rocket.Chat uses.
    Always(Need),
    /// This, whatever the method is.
    Own,
}

/// Methods that Rocket.Chat uses; `HEAD` is one more, whose answers would have to be read otherwise.
const VERBS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

/// Methods that it does not.
const ODD_VERBS: [&str; 4] = ["TRACE", "PROPFIND", "get", "X"];

const PATHS: [(&str, Case); 54] = [
    ("/api/v1/gantry-test.echo", Case::Plain),
    ("/api/v1/rooms.get", Case::Plain),
    ("/api/v1/chat.postMessage", Case::Plain),
    ("/api/v1/users.logout", Case::Plain),
    ("/api/v1/settings.public", Case::Plain),
    ("/api/v1/mean", Case::Plain),
    ("/api/v1/users.createToken", Case::Plain),
    ("/api/v1/USERS.createToken", Case::Plain),
    ("/api/v1/users.createToken;x", Case::Plain),
    ("/api/v1/users.createToken./", Case::Plain),
    ("/api/users.createToken", Case::Plain),
    ("/api/v1/users.register", Case::Plain),
    ("/api/v1/users.2fa.enableEmail", Case::Plain),
    ("/api/v1/users.generatePersonalAccessToken", Case::Plain),
    ("/api/v1/loginCode.redeem", Case::Plain),
    ("/api/v1/oauth-apps.list", Case::Plain),
    ("/api/v1/livechat/config", Case::Plain),
    ("/api/v1/me", Case::Always(Need::Answer)),
    ("/api/v1/ME", Case::Always(Need::Answer)),
    (
        "/api/v1/users.info?username=bob",
        Case::Always(Need::Answer),
    ),
    ("/api/v1/users.list", Case::Always(Need::Answer)),
    ("/api/v1/login", Case::By(Need::Login, &["POST"])),
    ("/api/v1/Login/", Case::By(Need::Login, &["POST"])),
    (
        "/api/v1/method.call/login",
        Case::By(Need::Login, &["POST"]),
    ),
    ("/api/v1/logout", Case::By(Need::Logout, &["GET", "POST"])),
    ("/api/v1/method.call/rooms:get", Case::Always(Need::Body)),
    ("/api/v1/method.callAnon/x", Case::Always(Need::Body)),
    ("/api/v1/users.updateOwnBasicInfo", Case::Always(Need::Body)),
    ("/api/info", Case::Plain),
    ("/api/apps/public/x", Case::Plain),
    ("/oauth/authorize", Case::Plain),
    ("/_oauth/github", Case::Plain),
    ("/_saml/x", Case::Plain),
    ("/", Case::Plain),
    ("/home", Case::Plain),
    ("/channel/general?layout=embedded", Case::Plain),
    ("/avatar/alice", Case::Plain),
    ("/file-upload/x/y.png", Case::Plain),
    ("/ufs/GridFS/x", Case::Plain),
    ("/data-export/1", Case::Plain),
    ("/assets/logo.png", Case::Plain),
    ("/packages/x.js?hash=1", Case::Plain),
    ("/favicon.ico", Case::Plain),
    ("/health", Case::Plain),
    ("/robots.txt", Case::Plain),
    ("/sockjs/info", Case::Plain),
    ("/sockjs/1/x/xhr", Case::Plain),
    ("/livechat", Case::Plain),
    ("/websocket", Case::Always(Need::Socket)),
    ("/sockjs/1/x/websocket", Case::Always(Need::Socket)),
    ("/_gantry/session", Case::Own),
    ("/_gantry/filter/nginx", Case::Own),
    ("/_gantry/filter/envoy/api/v1/rooms.get", Case::Own),
    ("/_gantry", Case::Own),
];

/// Paths that two readers could take for different ones, and some that only look so.
const ENCODINGS: [&str; 30] = [
    "/api/v1/gantry%2Dtest.echo",
    "/api/v1/%67antry-test.echo",
    "/api//v1/rooms.get",
    "//api/v1/rooms.get",
    "/api/./v1/rooms.get",
    "/api/v1/../v1/rooms.get",
    "/api/v1/..",
    "/%2e%2e/api/v1/rooms.get",
    "/api/v1/%2E/rooms.get",
    "/api/v1/.%2e/rooms.get",
    "/api/v1/..;x/rooms.get",
    "/api%2fv1%2Frooms.get",
    "/api/v1/a%5cb",
    "/api/v1/a\\b",
    "/api/v1/a;b=c/d",
    "/api/v1/a%00b",
    "/api/v1/a%0d%0ab",
    "/api/v1/a%7f",
    "/api/v1/a%",
    "/api/v1/a%2",
    "/api/v1/a%zz",
    "/api/v1/%ff",
    "/api/v1/%c0%af",
    "/api/v1/a%252e",
    "/api/v1/a%252fb",
    "/api/v1/%75sers.createToken",
    "/api/v1/users.createToken%20",
    "/channel/%E4%BD%A0%E5%A5%BD",
    "/channel/100%25",
    "/channel/general#x",
];

impl Case {
    pub(crate) fn needs(self, sent: &Sent) -> Option<Need> {
        let method = sent.method.as_str();
        match self {
            Self::Plain => None,
            Self::By(need, methods) => methods.contains(&method).then_some(need),
            Self::Always(need) => VERBS.contains(&method).then_some(need),
            Self::Own => Some(Need::Own),
        }
    }
}

pub(crate) fn rows(people: &People) -> Vec<Row> {
    let mut rows = Vec::new();
    paths(people, &mut rows);
    states(people, &mut rows);
    places(people, &mut rows);
    origins(people, &mut rows);
    spellings(people, &mut rows);
    urls(people, &mut rows);
    rows
}

/// Every path by every method, by somebody and by nobody.
fn paths(people: &People, rows: &mut Vec<Row>) {
    for (path, case) in PATHS {
        for method in VERBS.into_iter().chain(ODD_VERBS) {
            rows.push(Row::of(&case, Sent::new(method, path).bearer(&people.live)));
            if VERBS[..2].contains(&method) {
                rows.push(Row::of(&case, Sent::new(method, path)));
            }
        }
        let preflight = Sent::new("OPTIONS", path)
            .with("Origin", OURS)
            .with("Access-Control-Request-Method", "GET");
        let mut row = Row::of(&case, preflight);
        // Of these Rocket.Chat tells itself.
        let is_static = [
            "/assets/",
            "/packages/",
            "/favicon",
            "/health",
            "/robots",
            "/sockjs/info",
        ];
        if row.needs != Some(Need::Own) {
            let itself = is_static.iter().any(|begins| path.starts_with(begins));
            row.needs = (!itself).then_some(Need::Preflight);
        }
        rows.push(row);
    }
    for target in ENCODINGS {
        rows.push(Row::of(
            &Case::Plain,
            Sent::get(target).bearer(&people.live),
        ));
        rows.push(Row::of(&Case::Plain, Sent::get(target)));
    }
}

/// One path of each kind.
const KINDS: [&str; 4] = [
    "/api/v1/gantry-test.echo",
    "/channel/general",
    "/avatar/alice",
    "/assets/logo.png",
];

/// Whoever asks, in whatever state they are.
fn states(people: &People, rows: &mut Vec<Row>) {
    let tampered = format!("{}x", people.live);
    let tokens = [
        people.live.as_str(),
        &people.other,
        &people.deactivated,
        &people.protected,
        &people.logged_out,
        &people.expired,
        &people.foreign,
        &tampered,
        "no.such.token",
        "nonsense",
        "",
    ];
    for path in KINDS {
        for token in tokens {
            rows.push(Row::of(&Case::Plain, Sent::get(path).bearer(token)));
        }
    }
}

/// Wherever a token may stand, alone and beside another.
fn places(people: &People, rows: &mut Vec<Row>) {
    let People {
        live,
        stand_in,
        other,
        ..
    } = people;
    let bearer = format!("Bearer {live}");
    let others = format!("Bearer {other}");
    let jwt_cookie = format!("theme=dark; host_jwt={live}; lang=en");
    let own_cookie = format!("gantry_session={stand_in}; a=1");
    let rc_cookie = format!("rc_uid=me; rc_token={stand_in}");
    let twice_cookie = format!("host_jwt={live}; host_jwt={other}");
    let copied = format!("host_jwt={live}; copy={live}; kept=1");
    let sets: [&[(&str, &str)]; 27] = [
        &[("X-Auth-Token", live)],
        &[("X-Auth-Token", live), ("X-User-Id", "anybody")],
        &[("X-Auth-Token", stand_in)],
        &[("X-Auth-Token", "unknown")],
        &[("X-Auth-Token", "")],
        &[("X-User-Id", "somebody")],
        &[("X-Auth-Token", stand_in), ("X-Auth-Token", stand_in)],
        &[("Cookie", &jwt_cookie)],
        &[("Cookie", &own_cookie)],
        &[("Cookie", &rc_cookie)],
        &[("Cookie", &twice_cookie)],
        &[("Cookie", &copied)],
        &[("Cookie", "rc_token=unknown; kept=1")],
        &[("Cookie", "broken; =x; kept=1; \"half=1")],
        &[("Authorization", &bearer), ("X-Auth-Token", stand_in)],
        &[("Authorization", &bearer), ("X-Auth-Token", "unknown")],
        &[("Authorization", &others), ("X-Auth-Token", stand_in)],
        &[("Authorization", &bearer), ("Cookie", &own_cookie)],
        &[("Authorization", &others), ("Cookie", &own_cookie)],
        &[("Authorization", &others), ("Cookie", &jwt_cookie)],
        &[
            ("Authorization", &bearer),
            ("Cookie", "rc_uid=evil; rc_token=evil; kept=1"),
        ],
        &[("Authorization", &bearer), ("Authorization", &others)],
        &[("Authorization", &bearer), ("X-Auth-Token", other)],
        &[("Authorization", "Basic YTpi")],
        &[("Authorization", "Basic YTpi"), ("X-Auth-Token", stand_in)],
        &[("authorization", &bearer), ("X-2fa-Code", "123456")],
        &[
            ("AUTHORIZATION", &bearer),
            ("X-Forwarded-For", "203.0.113.9"),
        ],
    ];
    for path in KINDS {
        for fields in sets {
            for method in ["GET", "POST"] {
                let mut sent = Sent::new(method, path);
                for (name, value) in fields {
                    sent = sent.with(name, value);
                }
                rows.push(Row::of(&Case::Plain, sent));
            }
        }
    }
    for offer in [
        format!("gantry.jwt, {live}"),
        format!("chat, gantry.jwt, {live}"),
    ] {
        for path in KINDS {
            let mut row = Row::of(
                &Case::Plain,
                Sent::get(path).with("Sec-WebSocket-Protocol", &offer),
            );
            row.needs = Some(Need::Token);
            rows.push(row);
        }
    }
    for name in ["Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        let mut row = Row::of(
            &Case::Plain,
            Sent::get("/channel/general").bearer(live).with(name, "13"),
        );
        row.needs = Some(Need::Socket);
        rows.push(row);
    }
}

/// Cookies with every proof of where they come from.
fn origins(people: &People, rows: &mut Vec<Row>) {
    let cookie = format!("host_jwt={}", people.live);
    let proofs: [&[(&str, &str)]; 8] = [
        &[],
        &[("Origin", "https://chat.example.com")],
        &[("Origin", OURS)],
        &[("Origin", "https://evil.example.net")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "same-origin")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Origin", OURS), ("Origin", "https://evil.example.net")],
    ];
    for path in KINDS {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for proof in proofs {
                let mut sent = Sent::new(method, path).with("Cookie", &cookie);
                for (name, value) in proof {
                    sent = sent.with(name, value);
                }
                rows.push(Row::of(&Case::Plain, sent));
            }
        }
    }
}

/// Claims in spellings of their own.
fn spellings(people: &People, rows: &mut Vec<Row>) {
    for name in [
        "X_User_Id",
        "x_auth_token",
        "X-User_Id",
        "X_AUTH-Token",
        "X.Auth.Token",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X_Method_Override",
        "X-Rewrite-URL",
    ] {
        for path in KINDS {
            let sent = Sent::get(path).bearer(&people.live).with(name, "admin");
            let mut row = Row::of(&Case::Plain, sent);
            row.needs = Some(Need::Field);
            rows.push(row);
        }
    }
}

/// Credentials in URLs.
fn urls(people: &People, rows: &mut Vec<Row>) {
    let People { live, stand_in, .. } = people;
    for query in [
        format!("rc_token={stand_in}&rc_uid=me"),
        format!("resumeToken={stand_in}"),
        format!("jwt={live}"),
        "access_token[$ne]=x".to_owned(),
        "a=1&%72c_token=x".to_owned(),
        "a=1;RC-Token=x".to_owned(),
    ] {
        for path in KINDS {
            let mut row = Row::of(
                &Case::Plain,
                Sent::get(&format!("{path}?{query}")).bearer(live),
            );
            row.needs = Some(Need::Query);
            rows.push(row);
            let referer = format!("https://chat.example.com/home?{query}");
            let sent = Sent::get(path).bearer(live).with("Referer", &referer);
            let mut row = Row::of(&Case::Plain, sent);
            row.needs = Some(Need::Referer);
            rows.push(row);
        }
    }
    for path in KINDS {
        let sent = Sent::get(&format!("{path}?x={live}")).bearer(live);
        let mut row = Row::of(&Case::Plain, sent);
        row.needs = Some(Need::Token);
        rows.push(row);
        let sent = Sent::get(&format!("{path}?to=rc_token&q=a?b")).bearer(live);
        rows.push(Row::of(
            &Case::Plain,
            sent.with("Referer", "https://chat.example.com/home?a=1"),
        ));
    }
}

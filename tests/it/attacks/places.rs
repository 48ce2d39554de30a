//! Where a token may stand, when a cookie is believed, and what happens to a request that says two things at once.

use crate::attacks::injection::upgrade;
use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};
use crate::support::raw::Answer;

const ECHO: &str = "/api/v1/gantry-test.echo";
const FOREIGN: &str = "https://evil.example.net";

async fn send(gateway: &Gateway, request: String) -> Answer {
    let mut raw = gateway.raw().await;
    raw.send(request).await;
    raw.answer().await.unwrap()
}

/// Each line of these with the field name in front, if there is one.
fn proof(lines: &[(&str, &str)]) -> String {
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    lines.collect()
}

/// What a request with a cookie says about where it comes from, and whether that proves it to be ours.
const PROOFS: [(&[(&str, &str)], bool); 9] = [
    (&[("Origin", PUBLIC_URL)], true),
    (&[("Origin", HOST_PAGE)], true),
    (&[("Sec-Fetch-Site", "same-origin")], true),
    (&[], false),
    (&[("Origin", FOREIGN)], false),
    (&[("Origin", "null")], false),
    (
        &[("Origin", "https://chat.example.com.evil.example.net")],
        false,
    ),
    (&[("Sec-Fetch-Site", "cross-site")], false),
    (
        &[("Sec-Fetch-Site", "same-origin"), ("Origin", FOREIGN)],
        false,
    ),
];

#[tokio::test]
async fn a_cookie_changes_something_only_from_our_own_pages() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for (lines, ours) in PROOFS {
        let lines = proof(lines);
        let cookie = format!("Cookie: host_jwt={token}\r\n{lines}");
        for verb in ["POST", "PUT", "DELETE", "PATCH"] {
            let request = format!("{verb} {ECHO} HTTP/1.1\r\nHost: x\r\n{cookie}\r\n");
            let answer = send(&gateway, request).await;
            let expected = if ours { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{verb} {lines:?}");
        }
        let request = format!("GET {ECHO} HTTP/1.1\r\nHost: x\r\n{cookie}\r\n");
        assert_eq!(send(&gateway, request).await.status, 200, "GET {lines:?}");
    }
}

#[tokio::test]
async fn gravitational_67616_a_cookie_opens_a_socket_only_from_our_own_pages() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let without_origin = upgrade("").replacen(&format!("Origin: {HOST_PAGE}\r\n"), "", 1);
    for (lines, ours) in PROOFS {
        let lines = proof(lines);
        let request = without_origin.replacen(
            "Host: x\r\n",
            &format!("Host: x\r\nCookie: host_jwt={token}\r\n{lines}"),
            1,
        );
        let answer = send(&gateway, request).await;
        let expected = if ours { 101 } else { 401 };
        assert_eq!(answer.status, expected, "{lines:?}");
    }
    let opened = PROOFS.iter().filter(|(_, ours)| *ours).count();
    assert_eq!(gateway.received("/websocket").len(), opened);
}

#[tokio::test]
async fn a_cookie_ends_nothing_from_a_foreign_page() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let cookie = format!("host_jwt={token}");
    gateway.get(ECHO, &token).send().await.unwrap();
    for (verb, path) in [
        ("GET", "/api/v1/logout"),
        ("POST", "/api/v1/logout"),
        ("POST", "/_gantry/release"),
        ("POST", "/_gantry/logout"),
    ] {
        for origin in [None, Some(FOREIGN)] {
            let url = gateway.url(path);
            let mut request = gateway.client.request(verb.parse().unwrap(), url);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let answer = request.header("cookie", &cookie).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{verb} {path} {origin:?}");
            assert_eq!(slug(answer).await, "invalid-token");
        }
    }
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn a_stand_in_is_handed_to_a_cookie_on_our_own_origin_only() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for (lines, ours) in PROOFS {
        let lines = proof(lines);
        // Allowed origins do not count here: the answer could be read by whoever includes it.
        let own = ours && !lines.contains(HOST_PAGE);
        for verb in ["GET", "POST"] {
            let request = format!(
                "{verb} /_gantry/session HTTP/1.1\r\nHost: x\r\nCookie: host_jwt={token}\r\n{lines}\r\n"
            );
            let answer = send(&gateway, request).await;
            if own {
                assert_eq!(answer.status, 200, "{verb} {lines:?}");
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                assert_eq!(answer.header("vary"), Some("Cookie"));
            } else {
                assert_eq!(answer.status, 401, "{verb} {lines:?}");
            }
        }
    }
}

#[tokio::test]
async fn cve_2024_39315_no_endpoint_shows_a_token_that_opens_rocketchat() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut shown = String::new();
    for (verb, path) in [
        ("GET", "/_gantry/session"),
        ("POST", "/_gantry/session"),
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/users.info?username=alice"),
        ("GET", "/channel/general"),
    ] {
        let url = gateway.url(path);
        let request = gateway.client.request(verb.parse().unwrap(), url);
        let answer = request.bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{verb} {path}");
        shown += &format!("{:?}", answer.headers());
        shown += &answer.text().await.unwrap();
    }
    let auth_token = gateway.rc.live_tokens("alice").remove(0);
    assert!(!shown.contains(&auth_token), "{shown}");
    assert!(!shown.contains(&token));
    assert!(!shown.contains(&gateway.rc.service_token()));
}

#[tokio::test]
async fn a_subprotocol_that_brought_the_token_is_chosen() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let offers = format!("Sec-WebSocket-Protocol: gantry.jwt, {token}\r\n");
    let answer = send(&gateway, upgrade(&offers)).await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-protocol"), Some("gantry.jwt"));
    let answer = send(
        &gateway,
        upgrade(&format!("Authorization: Bearer {token}\r\n")),
    )
    .await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-protocol"), None);
    for broken in [
        "gantry.jwt",
        "gantry.jwt,",
        "gantry.jwt, , x",
        "gantry.jwt, x.y.z",
    ] {
        let answer = send(
            &gateway,
            upgrade(&format!("Sec-WebSocket-Protocol: {broken}\r\n")),
        )
        .await;
        assert_eq!(answer.slug(), "invalid-token", "{broken}");
    }
}

#[tokio::test]
async fn a_query_holds_a_token_on_upgrades_and_navigations_only() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for (path, status) in [
        (ECHO, 401),
        ("/avatar/alice", 401),
        ("/file-upload/x/y.png", 401),
        ("/_gantry/session", 401),
        ("/channel/general", 200),
    ] {
        let url = gateway.url(&format!("{path}?jwt={token}"));
        let answer = gateway.client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    let socket = upgrade("").replacen("/websocket", &format!("/websocket?jwt={token}"), 1);
    assert_eq!(send(&gateway, socket).await.status, 101);
    assert_eq!(gateway.received("/websocket")[0].query, None);
}

#[tokio::test]
async fn two_tokens_are_refused_and_never_guessed_at() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.issuer.token("alice"), gateway.issuer.token("bob"));
    let before = gateway.rc.requests().len();
    for lines in [
        format!("Authorization: Bearer {alice}\r\nCookie: host_jwt={bob}\r\n"),
        format!("Authorization: Bearer {alice}\r\nSec-WebSocket-Protocol: gantry.jwt, {bob}\r\n"),
        format!("Cookie: host_jwt={alice}; host_jwt={bob}\r\n"),
        format!("Sec-WebSocket-Protocol: gantry.jwt, {alice}, gantry.jwt, {bob}\r\n"),
    ] {
        let answer = send(
            &gateway,
            format!("GET {ECHO} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"),
        )
        .await;
        assert_eq!(answer.slug(), "invalid-token", "{lines}");
        assert_eq!(
            send(&gateway, upgrade(&lines)).await.slug(),
            "invalid-token",
            "{lines}"
        );
    }
    let target = format!("/channel/general?jwt={alice}&jwt={bob}");
    let answer = send(
        &gateway,
        format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"),
    )
    .await;
    assert_eq!(answer.slug(), "invalid-token");
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn cve_2026_26308_a_field_that_may_stand_once_is_refused_twice() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let before = gateway.rc.requests().len();
    for lines in [
        format!("{bearer}{bearer}"),
        format!("{bearer}Authorization: Basic eDp5\r\n"),
        format!("Authorization: Bearer {token}, Bearer {token}\r\n"),
        format!("{bearer}Origin: {PUBLIC_URL}\r\nOrigin: {FOREIGN}\r\n"),
        format!("{bearer}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n"),
        format!("Cookie: host_jwt={token}\r\nCookie: a=1\r\n"),
        format!("Cookie: a=1\r\nCookie: host_jwt={token}\r\n"),
    ] {
        let answer = send(
            &gateway,
            format!("GET {ECHO} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"),
        )
        .await;
        assert_eq!(answer.slug(), "invalid-token", "{lines}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn cve_2026_25748_what_cannot_be_read_as_a_token_denies() {
    let gateway = Gateway::start().await;
    let before = gateway.rc.requests().len();
    for lines in [
        "Cookie: host_jwt=%%%\r\n",
        "Cookie: host_jwt=\u{e9}\r\n",
        "Cookie: host_jwt=eyJhbGciOiJub25lIn0.e30.\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer   \r\n",
        "Authorization: Bearer \u{e9}\r\n",
        "Authorization: Bearer a.b.c\r\n",
        "Authorization: Bearer ....\r\n",
        "Authorization: Bearer null\r\n",
    ] {
        let answer = send(
            &gateway,
            format!("GET {ECHO} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"),
        )
        .await;
        assert_eq!(answer.slug(), "invalid-token", "{lines}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer error=\"invalid_token\""));
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn cve_2025_29928_a_token_whose_session_was_logged_out_opens_nothing_any_more() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
    let ended = gateway
        .post("/_gantry/logout", &token)
        .send()
        .await
        .unwrap();
    assert_eq!(ended.status(), 204);
    assert_eq!(ended.headers()["clear-site-data"], "\"storage\"");
    gateway.until_live_tokens("alice", 0).await;
    let before = gateway.rc.requests().len();
    for path in [
        ECHO,
        "/api/v1/me",
        "/file-upload/x/y.png",
        "/avatar/alice",
        "/channel/general",
    ] {
        let answer = gateway.get(path, &token).send().await.unwrap();
        assert_eq!(slug(answer).await, "invalid-token", "{path}");
    }
    let answer = send(
        &gateway,
        upgrade(&format!("Authorization: Bearer {token}\r\n")),
    )
    .await;
    assert_eq!(answer.slug(), "invalid-token");
    assert_eq!(gateway.rc.requests().len(), before);
    assert!(gateway.rc.live_tokens("alice").is_empty());
}

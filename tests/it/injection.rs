//! What a client may claim does not reach Rocket.Chat, and what it gets instead is ours, once.

use lookalike::Received;

use crate::support::gateway::{Gateway, PUBLIC_URL};
use crate::support::raw;

const ECHO: &str = "/api/v1/gantry-test.echo";

/// Everything of a received request as one text.
fn all_of(received: &Received) -> String {
    let body = String::from_utf8_lossy(&received.body);
    let (path, query) = (&received.path, &received.query);
    format!("{path} {query:?} {:?} {body}", received.headers)
}

/// The last request that Rocket.Chat got on this path.
fn last(gateway: &Gateway, path: &str) -> Received {
    let mut requests = gateway.rc.requests();
    requests.retain(|received| received.path == path);
    requests
        .pop()
        .unwrap_or_else(|| panic!("{path} was never asked for"))
}

#[tokio::test]
async fn no_spelling_of_a_client_credential_reaches_rocketchat() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut lines = vec![format!("Authorization: Bearer {token}")];
    for name in [
        "X-User-Id",
        "X_User_Id",
        "x-user_ID",
        "X.Auth.Token",
        "x_auth_token",
        "X~Auth~Token",
        "Proxy-Authorization",
        "Proxy_Authorization",
        "X-Real-IP",
        "X_Real_IP",
        "Forwarded",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X-Forwarded-Prefix",
        "X-Forwarded-Uri",
        "X-Original-URL",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "True-Client-IP",
        "X-HTTP-Method-Override",
        "Proxy-Connection",
        "TE",
    ] {
        lines.push(format!("{name}: evil"));
        lines.push(format!("{name}: evil, evil"));
    }
    lines.push("Cookie: theme=dark; rc_uid=evil; %72c_token=evil; RC_TOKEN=evil".to_owned());
    lines.push("Cookie: \"rc_token\"=evil; lang=en,rc_uid=evil".to_owned());
    lines.push("Referer: https://chat.example.com/home?resumeToken=evil&a=1".to_owned());
    lines.push("X-2fa-Code: 123456".to_owned());
    let target = format!("{ECHO}?a=%41&rc_token=evil&access_token[$ne]=evil&rc%5Fuid[]=evil&b");
    let (status, answer) =
        raw::exchange(gateway.address(), &raw::head("POST", &target, &lines)).await;
    assert_eq!(status, 200, "{answer}");

    let received = last(&gateway, ECHO);
    assert!(!all_of(&received).contains("evil"), "{received:?}");
    let alice = gateway.rc.user("alice").unwrap();
    assert_eq!(received.header_values("x-user-id"), [alice.id.as_str()]);
    assert_eq!(
        received.header_values("x-auth-token"),
        gateway.rc.live_tokens("alice")
    );
    assert_eq!(received.header_values("cookie"), ["theme=dark"]);
    assert_eq!(received.query.as_deref(), Some("a=%41&b"));
    assert_eq!(received.header("x-2fa-code"), Some("123456"));
}

#[tokio::test]
async fn the_jwt_never_goes_upstream_wherever_it_stood() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let cookie = format!("Cookie: host_jwt={token}; a=1");
    let own = format!("Origin: {PUBLIC_URL}");
    let referer = format!("Referer: {PUBLIC_URL}/home?a=1&jwt={token}");
    let navigation = "Sec-Fetch-Mode: navigate".to_owned();
    for (method, target, lines) in [
        (
            "POST",
            ECHO.to_owned(),
            vec![format!("Authorization: Bearer {token}")],
        ),
        (
            "POST",
            ECHO.to_owned(),
            vec![cookie.clone(), own.clone(), referer.clone()],
        ),
        (
            "GET",
            "/avatar/alice".to_owned(),
            vec![cookie.clone(), referer],
        ),
        ("GET", format!("/home?jwt={token}&a=1"), vec![navigation]),
        ("GET", format!("/home?%6Awt={token}"), vec![cookie, own]),
    ] {
        let head = raw::head(method, &target, &lines);
        let (status, answer) = raw::exchange(gateway.address(), &head).await;
        assert_eq!(status, 200, "{target} {answer}");
    }
    let requests = gateway.rc.requests();
    assert!(requests.iter().any(|received| received.path == "/home"));
    for received in requests {
        assert!(!all_of(&received).contains(&token), "{received:?}");
    }
}

#[tokio::test]
async fn cve_2021_32813_connection_cannot_take_injected_fields_off() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let lines = [
        format!("Authorization: Bearer {token}"),
        "Connection: X-Auth-Token, X-User-Id, X-Forwarded-For, Cookie, Host".to_owned(),
    ];
    let (status, answer) = raw::exchange(gateway.address(), &raw::head("POST", ECHO, &lines)).await;
    assert_eq!(status, 200, "{answer}");
    let received = last(&gateway, ECHO);
    assert_eq!(
        received.header_values("x-auth-token"),
        gateway.rc.live_tokens("alice")
    );
    assert_eq!(received.header("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn rc_5_3_rocketchat_is_told_one_address_and_the_public_host() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let asked = gateway
        .post(ECHO, &token)
        .header("x-forwarded-for", "6.6.6.6")
        .send();
    assert_eq!(asked.await.unwrap().status(), 200);
    let received = last(&gateway, ECHO);
    for (name, expected) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "chat.example.com"),
        ("host", "chat.example.com"),
    ] {
        assert_eq!(received.header_values(name), [expected], "{name}");
    }
}

#[tokio::test]
async fn rc_8_files_carry_our_cookies_in_place_of_the_clients() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let asked = gateway
        .get("/avatar/alice?rc_uid=evil&rc_token=evil&etag=1", &token)
        .header("cookie", "rc_uid=evil; a=1; rc_token=evil")
        .send();
    let answer = asked.await.unwrap();
    assert_eq!(answer.status(), 200);
    let cache = answer.headers()["cache-control"].to_str().unwrap();
    assert!(
        cache.contains("private") && !cache.contains("public"),
        "{cache}"
    );

    let received = last(&gateway, "/avatar/alice");
    let alice = gateway.rc.user("alice").unwrap();
    let live = gateway.rc.live_tokens("alice").concat();
    let expected = format!("a=1; rc_uid={}; rc_token={live}", alice.id);
    assert_eq!(received.header_values("cookie"), [expected]);
    assert_eq!(received.query.as_deref(), Some("etag=1"));
}

#[tokio::test]
async fn public_paths_carry_no_credentials_at_all() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let asked = gateway
        .get("/api/info", &token)
        .header("cookie", format!("host_jwt={token}"));
    assert_eq!(asked.send().await.unwrap().status(), 200);
    let received = last(&gateway, "/api/info");
    for name in ["x-user-id", "x-auth-token", "authorization", "cookie"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    assert!(gateway.rc.user("alice").is_none());
}

//! What a client claims about itself never reaches Rocket.Chat, and neither does its JWT; what Gantry says does, once.

use lookalike::Received;

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL};

const ECHO: &str = "/api/v1/gantry-test.echo";

/// What the forged values of these tests begin with.
const FORGED: &str = "forged";

/// Everything of a request in one text.
fn whole(request: &Received) -> String {
    let body = String::from_utf8_lossy(&request.body);
    format!("{request:?} {body}")
}

/// Nothing that Rocket.Chat ever received holds this.
fn nowhere(gateway: &Gateway, secret: &str) {
    for request in gateway.rc.requests() {
        let whole = whole(&request);
        assert!(!whole.contains(secret), "{secret} went upstream: {whole}");
    }
}

/// The one request to this path, after making sure that each field of ours stands in it once.
fn only(gateway: &Gateway, path: &str, username: &str) -> Received {
    let mut received = gateway.received(path);
    assert_eq!(received.len(), 1, "{path}");
    let request = received.remove(0);
    let user = gateway.rc.user(username).unwrap();
    let token = gateway.rc.live_tokens(username).remove(0);
    let host = PUBLIC_URL.strip_prefix("https://").unwrap();
    for (name, value) in [
        ("x-user-id", user.id.as_str()),
        ("x-auth-token", &token),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", host),
        ("host", host),
    ] {
        assert_eq!(request.header_values(name), [value], "{name}");
    }
    request
}

#[tokio::test]
async fn cve_2025_64484_no_spelling_of_a_credential_field_passes() {
    let gateway = Gateway::start().await;
    let mut spelled = Vec::new();
    for name in [
        "X-User-Id",
        "X-Auth-Token",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Real-IP",
    ] {
        spelled.extend([
            name.to_owned(),
            name.to_lowercase(),
            name.to_uppercase(),
            name.replace('-', "_"),
            name.replacen('-', "_", 1).to_lowercase(),
            name.replace('-', "."),
        ]);
    }
    for name in [
        "Forwarded",
        "X-Forwarded",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Forwarded-User",
        "X_Forwarded_Email",
        "X-Original-URL",
        "X-Original-Method",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "Proxy-Authorization",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Envoy-External-Address",
    ] {
        spelled.push(name.to_owned());
    }
    let mut head = format!("GET {ECHO} HTTP/1.1\r\nHost: evil.example.com\r\n");
    for (number, name) in spelled.iter().enumerate() {
        head += &format!("{name}: {FORGED}-{number}\r\n");
    }
    head += "X-2fa-Code: 123456\r\n";
    head += &format!(
        "Authorization: Bearer {}\r\n\r\n",
        gateway.issuer.token("alice")
    );
    let mut raw = gateway.raw().await;
    raw.send(head).await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    let request = only(&gateway, ECHO, "alice");
    assert_eq!(request.header("x-2fa-code"), Some("123456"));
    nowhere(&gateway, FORGED);
    nowhere(&gateway, "evil.example.com");
}

#[tokio::test]
async fn cve_2026_33433_repeated_fields_leave_one_value_which_is_ours() {
    let gateway = Gateway::start().await;
    let mut request = gateway.get(ECHO, &gateway.issuer.token("alice"));
    for round in 0..3 {
        request = request
            .header("x-user-id", format!("{FORGED}-{round}"))
            .header("x-auth-token", format!("{FORGED}-{round}"))
            .header("X_Auth_Token", format!("{FORGED}-{round}"))
            .header("x-forwarded-for", format!("{FORGED}-{round}"));
    }
    assert_eq!(request.send().await.unwrap().status(), 200);
    only(&gateway, ECHO, "alice");
    nowhere(&gateway, FORGED);
}

#[tokio::test]
async fn cve_2021_32813_connection_takes_none_of_our_fields_with_it() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut raw = gateway.raw().await;
    raw.send(format!(
        "GET {ECHO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nX-Auth-Token: {FORGED}\r\n\
         Connection: X-Auth-Token, x-user-id, X-Forwarded-For, X-Real-IP, X-Forwarded-Proto\r\n\
         Connection: Host, Cookie, Authorization, keep-alive\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    let request = only(&gateway, ECHO, "alice");
    assert!(
        request.header_values("connection").is_empty(),
        "{request:?}"
    );
    nowhere(&gateway, FORGED);
}

#[tokio::test]
async fn a_judged_body_keeps_its_type_though_connection_names_it() {
    let gateway = Gateway::start().await;
    let path = "/api/v1/method.call/getRoomRoles";
    let body = r#"{"message":"{\"msg\":\"method\",\"method\":\"getRoomRoles\",\"params\":[]}"}"#;
    let token = gateway.issuer.token("alice");
    let mut raw = gateway.raw().await;
    raw.send(format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: Content-Type, Content-Length\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    let request = only(&gateway, path, "alice");
    assert_eq!(request.header_values("content-type"), ["application/json"]);
}

#[tokio::test]
async fn credential_cookies_are_replaced_where_rocketchat_reads_them_and_gone_elsewhere() {
    let gateway = Gateway::start().await;
    let cookies = "theme=dark; rc_uid=forged; RC_TOKEN=forged; %72c_token=forged; \"rc_token\"=forged; lang=en,rc_token=forged";
    let token = gateway.issuer.token("alice");
    for path in ["/file-upload/x/y.png", "/avatar/alice", "/data-export/x"] {
        let request = gateway.get(path, &token).header("cookie", cookies);
        let answer = request.send().await.unwrap();
        let cache = answer.headers()["cache-control"].to_str().unwrap();
        assert!(
            cache.contains("private") && !cache.contains("public"),
            "{path} {cache}"
        );
        let request = only(&gateway, path, "alice");
        let id = gateway.rc.user("alice").unwrap().id;
        let auth_token = gateway.rc.live_tokens("alice").remove(0);
        let ours = format!("theme=dark; rc_uid={id}; rc_token={auth_token}");
        assert_eq!(request.header_values("cookie"), [ours], "{path}");
    }
    let request = gateway.get(ECHO, &token).header("cookie", cookies);
    request.send().await.unwrap();
    assert_eq!(
        only(&gateway, ECHO, "alice").header_values("cookie"),
        ["theme=dark"]
    );
    nowhere(&gateway, FORGED);
}

#[tokio::test]
async fn cve_2026_29198_credential_parameters_go_and_the_others_stay() {
    let gateway = Gateway::start().await;
    let query = "a=1&rc_uid=forged&RC_Token=forged&access_token[$ne]=forged&access_token%5B%24gt%5D=forged\
                 &resumeToken=forged&%72c_token=forged&jwt=forged;rc_token=forged&b=%20x";
    let path = format!("{ECHO}?{query}");
    let answer = gateway.get(&path, &gateway.issuer.token("alice"));
    assert_eq!(answer.send().await.unwrap().status(), 200);
    let request = only(&gateway, ECHO, "alice");
    assert_eq!(request.query.as_deref(), Some("a=1&b=%20x"));
    nowhere(&gateway, FORGED);
}

#[tokio::test]
async fn the_jwt_goes_nowhere_from_any_place_it_stands_in() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let bearer = gateway.get(ECHO, &token);
    assert_eq!(bearer.send().await.unwrap().status(), 200);
    let cookie = gateway
        .client
        .get(gateway.url("/avatar/alice"))
        .header("cookie", format!("a=1; host_jwt={token}; b=2"));
    assert_eq!(cookie.send().await.unwrap().status(), 200);
    let page = format!("/channel/general?layout=embedded&jwt={token}");
    let query = gateway.client.get(gateway.url(&page));
    assert_eq!(query.send().await.unwrap().status(), 200);
    let mut raw = gateway.raw().await;
    raw.send(upgrade(&format!(
        "Sec-WebSocket-Protocol: ddp, gantry.jwt, {token}, other\r\n"
    )))
    .await;
    assert_eq!(raw.answer().await.unwrap().status, 101);

    assert_eq!(gateway.received("/avatar/alice").len(), 1);
    let pages = gateway.received("/channel/general");
    assert_eq!(pages[0].query.as_deref(), Some("layout=embedded"));
    let sockets = gateway.received("/websocket");
    assert_eq!(
        sockets[0].header_values("sec-websocket-protocol"),
        ["ddp, other"]
    );
    nowhere(&gateway, &token);
}

#[tokio::test]
async fn the_jwt_goes_nowhere_though_it_stands_in_places_of_no_meaning() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let path = format!("{ECHO}?a=1&token={token}&b=2");
    let request = gateway
        .get(&path, &token)
        .header("cookie", format!("a=1; host_session={token}; b=2"))
        .header("x-host-token", &token)
        .header("referer", format!("{PUBLIC_URL}/home?token={token}"))
        .header("sec-websocket-protocol", format!("GANTRY.JWT, {token}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let request = only(&gateway, ECHO, "alice");
    assert_eq!(request.query.as_deref(), Some("a=1&b=2"));
    assert_eq!(request.header_values("cookie"), ["a=1; b=2"]);
    nowhere(&gateway, &token);
}

#[tokio::test]
async fn a_page_opened_with_a_token_does_not_tell_it_by_its_address() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let page = format!("{PUBLIC_URL}/channel/general?jwt={token}&rc_token=forged&layout=embedded");
    let picture = gateway.client.get(gateway.url("/assets/logo.png"));
    picture.header("referer", page).send().await.unwrap();
    let request = gateway.received("/assets/logo.png").remove(0);
    let stripped = format!("{PUBLIC_URL}/channel/general?layout=embedded");
    assert_eq!(request.header_values("referer"), [stripped]);
    nowhere(&gateway, &token);
}

#[tokio::test]
async fn a_public_path_carries_no_credentials_at_all() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let request = gateway
        .get("/api/info?access_token=forged", &token)
        .header("x-user-id", FORGED)
        .header("X_Auth_Token", FORGED)
        .header("cookie", format!("rc_token=forged; host_jwt={token}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    // Gantry asks for the version itself; that request comes from no client.
    let mut received = gateway.received("/api/info");
    received.retain(|request| request.header("x-forwarded-for").is_some());
    assert_eq!(received.len(), 1);
    for name in ["x-user-id", "x-auth-token", "cookie", "authorization"] {
        assert!(received[0].header_values(name).is_empty(), "{name}");
    }
    nowhere(&gateway, FORGED);
    nowhere(&gateway, &token);
    assert!(gateway.rc.user("alice").is_none());
}

#[tokio::test]
async fn trailers_are_no_way_around_the_strips() {
    let (gateway, tap) = Gateway::tapped().await;
    let token = gateway.issuer.token("alice");
    let mut raw = gateway.raw().await;
    raw.send(format!(
        "POST {ECHO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nTrailer: X-Auth-Token\r\n\
         Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Auth-Token: {FORGED}\r\n\r\n"
    ))
    .await;
    let answer = raw.answer().await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(String::from_utf8_lossy(&answer.body).contains("\"length\":3"));
    assert!(!tap.sent_with(ECHO).contains(FORGED), "{:?}", tap.sent());
}

/// A handshake for a WebSocket from one of our own pages, with these further lines.
pub(super) fn upgrade(lines: &str) -> String {
    format!(
        "GET /websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: {HOST_PAGE}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

#[tokio::test]
async fn an_upgrade_carries_our_credentials_and_none_of_the_clients() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut raw = gateway.raw().await;
    raw.send(upgrade(&format!(
        "Authorization: Bearer {token}\r\nX-User-Id: {FORGED}\r\nx_auth_token: {FORGED}\r\n\
         X-Forwarded-For: {FORGED}\r\nX-Real-IP: {FORGED}\r\nCookie: rc_token={FORGED}\r\n"
    )))
    .await;
    assert_eq!(raw.answer().await.unwrap().status, 101);
    only(&gateway, "/websocket", "alice");
    nowhere(&gateway, FORGED);
    nowhere(&gateway, &token);
}

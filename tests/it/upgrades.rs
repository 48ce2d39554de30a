//! Opening sockets: who may, with what the upgrade goes up, and what comes back when Rocket.Chat does not agree.

use lookalike::{Fault, FaultKind, Received};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};
use crate::support::socket::Socket;

const RAW: &str = "/websocket";
const SOCKJS: &str = "/sockjs/123/abcdefgh/websocket";

/// A handshake by a client that shows its answer.
fn handshake(gateway: &Gateway, path: &str) -> RequestBuilder {
    gateway
        .client
        .get(gateway.url(path))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// The upgrade as Rocket.Chat received it.
fn received(gateway: &Gateway, path: &str) -> Received {
    let all = gateway.rc.requests();
    let mut upgrades = all.into_iter().filter(|request| request.path == path);
    let upgrade = upgrades.next().unwrap();
    assert!(upgrades.next().is_none());
    upgrade
}

fn check_credentials(gateway: &Gateway, upgrade: &Received) {
    let user = gateway.rc.user("alice").unwrap();
    let live = gateway.rc.live_tokens("alice");
    assert_eq!(upgrade.header_values("x-user-id"), [&*user.id]);
    assert_eq!(upgrade.header_values("x-auth-token"), [&*live[0]]);
    assert_eq!(upgrade.header("authorization"), None);
}

#[tokio::test]
async fn a_raw_socket_is_relayed_with_the_credentials_on_its_upgrade() {
    let gateway = Gateway::start().await;
    let mut socket = Socket::open(&gateway, &gateway.issuer.token("alice")).await;
    socket.connect_ddp().await;
    socket.ping().await;
    check_credentials(&gateway, &received(&gateway, RAW));
    assert_eq!(gateway.metric("gantry_websocket_connections").await, 1.0);
}

#[tokio::test]
async fn a_sockjs_socket_is_relayed_in_its_own_framing() {
    let gateway = Gateway::start().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let headers = [("authorization", bearer.as_str())];
    let (mut socket, _) = Socket::with(&gateway, SOCKJS, &headers).await;
    assert_eq!(socket.hear().await, "o");
    let connect = json!({ "msg": "connect", "version": "1", "support": ["1"] }).to_string();
    socket.say(json!([connect]).to_string()).await;
    socket
        .hear_until(|text| text.starts_with("a[") && text.contains("connected"))
        .await;
    check_credentials(&gateway, &received(&gateway, SOCKJS));
}

#[tokio::test]
async fn the_jwt_may_come_as_subprotocol_and_goes_no_further() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let offer = format!("gantry.jwt, {token}");
    let (mut socket, agreed) =
        Socket::with(&gateway, RAW, &[("sec-websocket-protocol", &offer)]).await;
    assert_eq!(agreed["sec-websocket-protocol"], "gantry.jwt");
    socket.connect_ddp().await;
    let upgrade = received(&gateway, RAW);
    check_credentials(&gateway, &upgrade);
    assert_eq!(upgrade.header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn the_jwt_may_come_in_the_query_and_goes_no_further() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let path = format!("{RAW}?client=web&jwt={token}");
    let (mut socket, _) = Socket::with(&gateway, &path, &[]).await;
    socket.connect_ddp().await;
    let upgrade = received(&gateway, RAW);
    check_credentials(&gateway, &upgrade);
    assert_eq!(upgrade.query.as_deref(), Some("client=web"));
}

#[tokio::test]
async fn a_cookie_opens_a_socket_for_our_own_pages_and_the_allowed_ones_only() {
    let gateway = Gateway::start().await;
    let cookie = format!("a=b; host_jwt={}", gateway.issuer.token("alice"));
    for origin in [PUBLIC_URL, HOST_PAGE] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin)];
        let (mut socket, _) = Socket::with(&gateway, RAW, &headers).await;
        socket.connect_ddp().await;
    }
    gateway.rc.forget_requests();
    for origin in [
        "https://evil.example",
        "null",
        "https://chat.example.com.evil.example",
    ] {
        let asked = handshake(&gateway, RAW)
            .header("cookie", &cookie)
            .header("origin", origin);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{origin}");
        assert_eq!(slug(answer).await, "invalid-token");
    }
    let unsaid = handshake(&gateway, RAW)
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(slug(unsaid).await, "invalid-token");
    assert_eq!(gateway.rc.calls("GET", RAW), 0);
}

#[tokio::test]
async fn a_bad_token_or_a_foreign_page_without_one_is_refused_before_anything_is_dialled() {
    let gateway = Gateway::start().await;
    let expired = gateway
        .issuer
        .token_with("alice", json!({ "exp": 1_000_000_000 }));
    gateway.rc.forget_requests();
    for path in [RAW, SOCKJS] {
        let foreign = handshake(&gateway, path).header("origin", "https://evil.example");
        assert_eq!(slug(foreign.send().await.unwrap()).await, "invalid-token");
        for bad in [expired.as_str(), "nonsense", "a.b.c"] {
            let answer = handshake(&gateway, path)
                .bearer_auth(bad)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 401, "{path}");
            assert_eq!(slug(answer).await, "invalid-token");
        }
    }
    assert!(gateway.rc.requests().is_empty());
}

#[tokio::test]
async fn an_answer_other_than_101_passes_back_as_it_is() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let fault = FaultKind::Status(503, "<h1>Starting</h1>".to_owned());
    gateway.rc.fault(Fault::times(RAW, 1, fault));
    let answer = handshake(&gateway, RAW)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert_eq!(answer.text().await.unwrap(), "<h1>Starting</h1>");
    assert_eq!(gateway.metric("gantry_websocket_connections").await, 0.0);
}

#[tokio::test]
async fn what_is_no_proper_handshake_is_answered_here() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let plain = gateway.get(RAW, &token);
    let no_key = gateway
        .get(RAW, &token)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13");
    let posted = gateway
        .post(RAW, &token)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for asked in [plain, no_key, posted] {
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(slug(answer).await, "bad-request");
    }
    assert_eq!(
        gateway.rc.calls("GET", RAW) + gateway.rc.calls("POST", RAW),
        0
    );
}

#[tokio::test]
async fn sockets_count_among_the_connections_that_may_be_open() {
    let gateway = Gateway::configured(|config| config.listen.limits.connections = 2).await;
    let token = gateway.issuer.token("alice");
    let mut first = Socket::open(&gateway, &token).await;
    let mut second = Socket::open(&gateway, &token).await;
    first.connect_ddp().await;
    second.connect_ddp().await;
    // Both places are taken: the next one is served when a socket has closed.
    let waiting = tokio::spawn(gateway.get("/api/v1/me", &token).send());
    first.ping().await;
    second.ping().await;
    assert!(!waiting.is_finished());
    first.0.close(None).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    second.ping().await;
}

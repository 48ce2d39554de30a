//! How sessions end, as the person behind them sees it: sockets close with code 4401, Rocket.Chat forgets the auth token, and every
//! other session goes on.

use std::time::{Duration, SystemTime};

use gantry::config::Config;
use lookalike::{Fault, FaultKind};
use serde_json::json;
use tokio::time::Instant;

use crate::support::eventually::{eventually, in_time};
use crate::support::gateway::{Gateway, slug};
use crate::support::socket::Socket;

const ECHO: &str = "/api/v1/gantry-test.echo";
const LOGOUT: &str = "/api/v1/logout";
const MINUTE: Duration = Duration::from_secs(60);

/// Two host sessions of one person, each with a socket. The second is good for an hour.
struct Two {
    gateway: Gateway,
    token: String,
    auth_token: String,
    socket: Socket,
    other_token: String,
    other: Socket,
}

impl Two {
    async fn configured(config: fn(&mut Config)) -> Self {
        let gateway = Gateway::configured(config).await;
        let token = gateway.issuer.token("alice");
        let socket = connected(&gateway, &token).await;
        let auth_token = gateway.rc.live_tokens("alice").pop().unwrap();
        let other_token = gateway.issuer.token_with(
            "alice",
            json!({ "sid": "other", "exp": seconds(&gateway) + 3600 }),
        );
        let other = connected(&gateway, &other_token).await;
        Self {
            gateway,
            token,
            auth_token,
            socket,
            other_token,
            other,
        }
    }

    async fn new() -> Self {
        Self::configured(|_| ()).await
    }

    /// The first session is over in every respect, and the other in none.
    async fn first_is_over(&mut self, cause: &str) {
        assert_eq!(self.socket.closed().await, Some(4401));
        self.first_is_logged_out(cause).await;
        self.other.ping().await;
    }

    async fn first_is_logged_out(&mut self, cause: &str) {
        let gateway = &self.gateway;
        gateway.until_live_tokens("alice", 1).await;
        assert!(!gateway.rc.live_tokens("alice").contains(&self.auth_token));
        let logouts: Vec<_> = gateway
            .rc
            .requests()
            .into_iter()
            .filter(|request| request.path == LOGOUT)
            .collect();
        assert_eq!(logouts.len(), 1);
        let user = gateway.rc.user("alice").unwrap();
        assert_eq!(logouts[0].header("x-user-id"), Some(&*user.id));
        assert_eq!(logouts[0].header("x-auth-token"), Some(&*self.auth_token));
        gateway
            .log
            .until_line(&["a session ended", &format!("\"cause\":\"{cause}\"")])
            .await;
        let answer = gateway.get(ECHO, &self.other_token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

fn seconds(gateway: &Gateway) -> u64 {
    gateway
        .clock
        .now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

async fn connected(gateway: &Gateway, token: &str) -> Socket {
    let mut socket = Socket::open(gateway, token).await;
    socket.connect_ddp().await;
    socket
}

async fn post(gateway: &Gateway, path: &str, token: &str) -> reqwest::Response {
    gateway.post(path, token).send().await.unwrap()
}

#[tokio::test]
async fn a_logout_closes_the_sockets_of_its_session_within_a_second() {
    let mut two = Two::new().await;
    let began = Instant::now();
    let answer = post(&two.gateway, "/_gantry/logout", &two.token).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()["clear-site-data"], "\"storage\"");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(two.socket.closed().await, Some(4401));
    assert!(began.elapsed() < Duration::from_secs(1));
    two.first_is_logged_out("logout").await;
    two.other.ping().await;
}

#[tokio::test]
async fn after_a_logout_the_token_and_older_ones_are_refused_everywhere_and_a_newer_one_is_not() {
    let gateway = Gateway::start().await;
    let older = gateway
        .issuer
        .token_with("alice", json!({ "jti": "older" }));
    gateway.hand.advance(MINUTE);
    let token = gateway.issuer.token("alice");
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
    post(&gateway, "/_gantry/logout", &token).await;
    for token in [&token, &older] {
        for path in [
            ECHO,
            "/avatar/alice",
            "/channel/general",
            "/websocket",
            "/_gantry/session",
        ] {
            let answer = gateway.get(path, token).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path}");
            assert_eq!(slug(answer).await, "invalid-token");
        }
    }
    gateway.until_live_tokens("alice", 0).await;
    gateway.hand.advance(Duration::from_secs(1));
    let newer = gateway.issuer.token("alice");
    assert_eq!(
        gateway.get(ECHO, &newer).send().await.unwrap().status(),
        200
    );
    // The dead one can end nothing any more.
    assert_eq!(
        post(&gateway, "/_gantry/logout", &token).await.status(),
        204
    );
    assert_eq!(
        gateway.get(ECHO, &newer).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn a_logged_out_token_without_iat_is_refused_itself_and_no_other() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token_with("alice", json!({ "iat": null }));
    let same_age = gateway
        .issuer
        .token_with("alice", json!({ "iat": null, "jti": "another" }));
    post(&gateway, "/_gantry/logout", &token).await;
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        401
    );
    assert_eq!(
        gateway.get(ECHO, &same_age).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn a_release_ends_the_session_and_the_same_token_begins_another() {
    let mut two = Two::new().await;
    let answer = post(&two.gateway, "/_gantry/release", &two.token).await;
    assert_eq!(answer.status(), 204);
    assert!(!answer.headers().contains_key("clear-site-data"));
    two.first_is_over("release").await;
    let again = two.gateway.get(ECHO, &two.token).send().await.unwrap();
    assert_eq!(again.status(), 200);
}

async fn check_own_logout(method: &str) {
    let mut two = Two::new().await;
    let answer = two
        .gateway
        .client
        .request(method.parse().unwrap(), two.gateway.url(LOGOUT))
        .bearer_auth(&two.token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let said: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(said["status"], "success");
    two.first_is_over("release").await;
}

#[tokio::test]
async fn rocketchats_own_logout_by_post_is_a_release() {
    check_own_logout("POST").await;
}

#[tokio::test]
async fn rocketchats_own_logout_by_get_is_a_release() {
    check_own_logout("GET").await;
}

#[tokio::test]
async fn an_expired_jwt_ends_its_session_when_the_grace_has_passed() {
    let mut two = Two::new().await;
    two.gateway.hand.advance(Duration::from_secs(629));
    two.socket.ping().await;
    two.gateway.hand.advance(Duration::from_secs(2));
    two.first_is_over("expired").await;
    let late = two.gateway.get(ECHO, &two.token).send().await.unwrap();
    assert_eq!(slug(late).await, "invalid-token");
}

#[tokio::test]
async fn any_newer_jwt_of_the_host_session_keeps_its_sockets_open() {
    let mut two = Two::new().await;
    let newer = two
        .gateway
        .issuer
        .token_with("alice", json!({ "exp": seconds(&two.gateway) + 1800 }));
    two.gateway.hand.advance(Duration::from_secs(620));
    let extended = two.gateway.get(ECHO, &newer).send().await.unwrap();
    assert_eq!(extended.status(), 200);
    two.gateway.hand.advance(10 * MINUTE);
    two.socket.ping().await;
    assert_eq!(two.gateway.rc.live_tokens("alice").len(), 2);
    two.gateway.hand.advance(20 * MINUTE);
    two.first_is_over("expired").await;
}

#[tokio::test]
async fn an_idle_session_ends_and_an_open_socket_is_not_idle() {
    let mut two = Two::configured(|config| config.sessions.idle_timeout = 2 * MINUTE).await;
    two.gateway.hand.advance(3 * MINUTE);
    two.socket.ping().await;
    two.socket.0.close(None).await.unwrap();
    eventually("one socket is gone", || two.gateway.rc.sockets() == 1).await;
    let rc = two.gateway.rc.clone();
    in_time(
        "the idle session has ended",
        &two.gateway.hand,
        MINUTE / 6,
        || rc.live_tokens("alice").len() == 1,
    )
    .await;
    two.other.ping().await;
    two.first_is_logged_out("idle").await;
}

#[tokio::test]
async fn a_session_ends_at_its_maximum_life() {
    let gateway = Gateway::configured(|config| config.sessions.max_lifetime = 5 * MINUTE).await;
    let token = gateway.issuer.token("alice");
    let mut socket = connected(&gateway, &token).await;
    gateway.hand.advance(4 * MINUTE);
    let mut other = connected(&gateway, &gateway.issuer.token("bob")).await;
    gateway.hand.advance(MINUTE);
    assert_eq!(socket.closed().await, Some(4401));
    gateway.until_live_tokens("alice", 0).await;
    other.ping().await;
    gateway
        .log
        .until_line(&["a session ended", "max-lifetime"])
        .await;
    // The JWT is still good: whoever comes again begins again.
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn one_host_session_too_many_displaces_the_oldest() {
    let mut two = Two::configured(|config| config.sessions.max_per_principal = 2).await;
    let third = two
        .gateway
        .issuer
        .token_with("alice", json!({ "sid": "third" }));
    let mut newest = connected(&two.gateway, &third).await;
    assert_eq!(two.socket.closed().await, Some(4401));
    two.gateway
        .log
        .until_line(&["a session ended", "displaced"])
        .await;
    two.gateway.until_live_tokens("alice", 2).await;
    assert!(
        !two.gateway
            .rc
            .live_tokens("alice")
            .contains(&two.auth_token)
    );
    two.other.ping().await;
    newest.ping().await;
}

#[tokio::test]
async fn a_user_found_deactivated_at_a_refresh_loses_the_session() {
    let mut two = Two::new().await;
    let user = two.gateway.rc.user("alice").unwrap();
    let deactivated = json!({
        "user": { "_id": user.id, "username": "alice", "type": "user", "active": false, "roles": ["user"] },
        "success": true,
    });
    let refused = FaultKind::Status(401, "{}".to_owned());
    // Younger ones would only be asked about once more.
    two.gateway.hand.advance(MINUTE);
    two.gateway.rc.fault(Fault::times(ECHO, 1, refused));
    two.gateway.rc.fault(Fault::times(
        "/api/v1/users.info",
        1,
        FaultKind::Status(200, deactivated.to_string()),
    ));
    let answer = two.gateway.get(ECHO, &two.token).send().await.unwrap();
    assert_eq!(slug(answer).await, "not-permitted");
    two.first_is_over("deactivated").await;
}

#[tokio::test]
async fn the_last_sockets_end_is_the_sessions_when_so_configured() {
    let mut two = Two::configured(|config| config.sessions.end_on_last_socket = Some(MINUTE)).await;
    let mut second = connected(&two.gateway, &two.token).await;
    two.socket.0.close(None).await.unwrap();
    eventually("two sockets are left", || two.gateway.rc.sockets() == 2).await;
    two.gateway.hand.advance(2 * MINUTE);
    second.ping().await;
    second.0.close(None).await.unwrap();
    eventually("one socket is left", || two.gateway.rc.sockets() == 1).await;
    let rc = two.gateway.rc.clone();
    in_time(
        "the session has ended",
        &two.gateway.hand,
        MINUTE / 6,
        || rc.live_tokens("alice").len() == 1,
    )
    .await;
    two.other.ping().await;
    two.first_is_logged_out("last-socket").await;
}

#[tokio::test]
async fn a_logout_while_rocketchat_is_away_is_owed_until_it_answers() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    gateway.get(ECHO, &token).send().await.unwrap();
    gateway.rc.stop().await;
    assert_eq!(
        post(&gateway, "/_gantry/logout", &token).await.status(),
        204
    );
    gateway
        .log
        .until_line(&["could not be logged out", "tried until it is"])
        .await;
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    gateway.rc.restart().await.unwrap();
    let rc = gateway.rc.clone();
    in_time(
        "the logout was called",
        &gateway.hand,
        Duration::from_secs(1),
        || rc.live_tokens("alice").is_empty(),
    )
    .await;
}

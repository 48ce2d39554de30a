//! How a socket and its session end together, and nothing else with them.

use std::time::Duration;

use lookalike::{Latch, LoginFault};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sockets::stage::{BOTH, Client, Framing, call, names, stand_in, told};
use crate::support::gateway::Gateway;

const LOGOUT: &str = "/api/v1/logout";
const SECOND: Duration = Duration::from_secs(1);

fn logout() -> String {
    call("9", "logout", &json!([]))
}

/// Says the logout, and is told and closed within a second.
async fn check_logs_out(client: &mut Client, others: &mut [Client]) {
    client.all().await;
    client.say(logout()).await;
    let said = Instant::now();
    let answered = client.hear().await;
    assert_eq!(answered, json!({ "msg": "result", "id": "9" }));
    let updated = json!({ "msg": "updated", "methods": ["9"] });
    assert_eq!(client.hear().await, updated);
    assert_eq!(client.closed().await, Some(4401));
    for other in others {
        assert_eq!(other.closed().await, Some(4401));
    }
    assert!(said.elapsed() < SECOND, "{:?}", said.elapsed());
}

/// Rocket.Chat was called once, with this token, and knows it no more.
async fn check_told(gateway: &Gateway, auth_token: &str, left: usize) {
    gateway.until_live_tokens("alice", left).await;
    let live = gateway.rc.live_tokens("alice");
    assert!(!live.contains(&auth_token.to_owned()));
    let calls = gateway.received(LOGOUT);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].header("x-auth-token"), Some(auth_token));
    let user = gateway.rc.user("alice").unwrap();
    assert_eq!(calls[0].header("x-user-id"), Some(&*user.id));
}

async fn log_out_at_the_host(gateway: &Gateway, token: &str) {
    let answer = gateway.post("/_gantry/logout", token).send().await;
    assert_eq!(answer.unwrap().status(), 204);
}

#[tokio::test]
async fn pomerium_1279_a_logout_on_a_socket_closes_every_socket_of_its_session() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        client.log_in("1", &token).await;
        let auth_token = gateway.rc.live_tokens("alice").pop().unwrap();
        let mut lazy = Client::identified(&gateway, Framing::Raw, &token).await;
        lazy.say(call("m", "rooms/get", &json!([]))).await;
        lazy.result("m").await;
        let idle = Client::identified(&gateway, Framing::SockJs, &token).await;
        let stand_in = stand_in(&gateway, &token).await;
        let mut late = Client::anonymous(&gateway, Framing::Raw).await;
        late.log_in("1", &stand_in).await;
        late.result("1").await;
        check_logs_out(&mut client, &mut [lazy, idle, late]).await;
        check_told(&gateway, &auth_token, 0).await;
    }
}

#[tokio::test]
async fn rocketchat_39116_another_session_of_the_same_user_lives_on() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        client.log_in("1", &token).await;
        let auth_token = gateway.rc.live_tokens("alice").pop().unwrap();
        let other_token = gateway
            .issuer
            .token_with("alice", json!({ "sid": "other" }));
        let mut other = Client::identified(&gateway, framing, &other_token).await;
        other.log_in("1", &other_token).await;
        other.result("1").await;
        check_logs_out(&mut client, &mut []).await;
        check_told(&gateway, &auth_token, 1).await;
        other.say(call("m1", "rooms/get", &json!([]))).await;
        assert!(other.result("m1").await["result"].is_array());
    }
}

#[tokio::test]
async fn rocketchats_own_logout_is_never_called_on_the_socket() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        client.log_in("1", &token).await;
        client.all().await;
        let behind = call("m1", "rooms/get", &json!([]));
        client.say_at_once(&[logout(), behind]).await;
        assert_eq!(client.closed().await, Some(4401));
        assert_eq!(names(&told(&gateway)), ["connect", "method login"]);
    }
}

#[tokio::test]
async fn nobodys_logout_is_answered_and_ends_nothing() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        stand_in(&gateway, &gateway.issuer.token("alice")).await;
        let mut client = Client::anonymous(&gateway, framing).await;
        client.say(logout()).await;
        assert_eq!(names(&client.all().await), ["result 9", "updated 9"]);
        assert_eq!(names(&told(&gateway)), ["connect"]);
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    }
}

/// Ends the session while Rocket.Chat is busy with a login that this brought about.
async fn check_end_during(framing: Framing, said: impl Fn(&str) -> String) {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::identified(&gateway, framing, &token).await;
    let latch = Latch::new();
    gateway.rc.fault_login(LoginFault::Held(latch.clone()));
    client.say(said(&token)).await;
    latch.until_arrived(1).await;
    let ended = Instant::now();
    log_out_at_the_host(&gateway, &token).await;
    assert_eq!(client.closed().await, Some(4401));
    assert!(ended.elapsed() < SECOND, "{:?}", ended.elapsed());
    latch.open();
    gateway.until_live_tokens("alice", 0).await;
    let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn a_session_that_ends_while_its_login_is_under_way_closes_the_socket() {
    for framing in BOTH {
        let said = |token: &str| call("1", "login", &json!([{ "resume": token }]));
        check_end_during(framing, said).await;
    }
}

#[tokio::test]
async fn a_session_that_ends_while_somebody_is_logged_in_unasked_closes_the_socket() {
    for framing in BOTH {
        check_end_during(framing, |_| call("1", "rooms/get", &json!([]))).await;
    }
}

#[tokio::test]
async fn a_socket_that_somebody_logged_in_on_later_ends_with_the_session_too() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::anonymous(&gateway, framing).await;
        client.log_in("1", &token).await;
        client.result("1").await;
        let mut nobody = Client::anonymous(&gateway, framing).await;
        log_out_at_the_host(&gateway, &token).await;
        assert_eq!(client.closed().await, Some(4401));
        let still: Vec<Value> = nobody.all().await;
        assert!(still.is_empty(), "{still:?}");
    }
}

#[tokio::test]
async fn a_stop_while_a_login_is_under_way_tells_the_client_to_come_back() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        let latch = Latch::new();
        gateway.rc.fault_login(LoginFault::Held(latch.clone()));
        client.log_in("1", &token).await;
        latch.until_arrived(1).await;
        gateway.running.stop().await;
        assert_eq!(client.closed().await, Some(1001));
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    }
}

#[tokio::test]
async fn rocketchat_41573_a_session_that_has_no_socket_ends_all_the_same() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let stand_in = stand_in(&gateway, &token).await;
    let auth_token = gateway.rc.live_tokens("alice").pop().unwrap();
    let answer = gateway.post(LOGOUT, &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    check_told(&gateway, &auth_token, 0).await;
    let mut client = Client::anonymous(&gateway, Framing::Raw).await;
    client.log_in("1", &stand_in).await;
    assert_eq!(client.result("1").await["error"]["error"], 403);
    assert_eq!(names(&told(&gateway)), ["connect"]);
}

#[tokio::test]
async fn the_same_jwt_may_come_back_after_a_logout_on_a_socket() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        check_logs_out(&mut client, &mut []).await;
        gateway.until_live_tokens("alice", 0).await;
        let mut again = Client::identified(&gateway, framing, &token).await;
        again.say(call("m1", "rooms/get", &json!([]))).await;
        assert!(again.result("m1").await["result"].is_array());
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    }
}

#[tokio::test]
async fn a_user_whom_rocketchat_deactivated_is_found_out_at_the_login() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        gateway.hand.advance(Duration::from_secs(60));
        gateway.rc.set_active("alice", false);
        client.say(call("m1", "rooms/get", &json!([]))).await;
        assert_eq!(client.closed().await, Some(4401));
        assert_eq!(gateway.metric("gantry_sessions ").await, 0.0);
        assert_eq!(names(&told(&gateway)), ["connect", "method login"]);
    }
}

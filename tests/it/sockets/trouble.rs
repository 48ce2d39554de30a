//! A Rocket.Chat that does not answer a login as it should: never, late, twice, half.

use std::time::Duration;

use gantry::config::Config;
use lookalike::{Latch, LoginFault};
use serde_json::json;

use crate::sockets::stage::{BOTH, Client, answers, call, logins, names, told};
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;

fn hurried(config: &mut Config) {
    config.websocket.login_timeout = Duration::from_secs(1);
}

#[tokio::test]
async fn a_login_that_is_never_answered_times_out_and_the_client_is_told() {
    for framing in BOTH {
        let gateway = Gateway::configured(hurried).await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        gateway.rc.fault_login(LoginFault::Silent);
        client.log_in("1", &token).await;
        let result = client.result("1").await;
        assert_eq!(result["error"]["error"], "gantry-timeout");
        let updated = json!({ "msg": "updated", "methods": ["1"] });
        assert_eq!(client.hear().await, updated);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_no_login_is_told_to_come_back() {
    for framing in BOTH {
        let gateway = Gateway::configured(hurried).await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        gateway.rc.fault_login(LoginFault::Silent);
        client.say(call("m1", "rooms/get", &json!([]))).await;
        assert_eq!(client.closed().await, Some(1013));
        assert_eq!(names(&told(&gateway)), ["connect", "method login"]);
    }
}

#[tokio::test]
async fn an_answer_that_comes_late_goes_nowhere_and_the_client_goes_on() {
    for framing in BOTH {
        // Long enough for everything but the login that is held.
        let gateway = Gateway::configured(|config| {
            config.websocket.login_timeout = Duration::from_secs(2);
        })
        .await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        let latch = Latch::new();
        gateway.rc.fault_login(LoginFault::Held(latch.clone()));
        client.log_in("1", &token).await;
        let result = client.result("1").await;
        assert_eq!(result["error"]["error"], "gantry-timeout");
        latch.open();
        let late = client.all().await;
        assert_eq!(names(&late), ["updated 1", "added users"]);
        client.say(call("m1", "rooms/get", &json!([]))).await;
        let all = client.all().await;
        assert_eq!(answers(&all, "m1"), [1, 1], "{all:?}");
        assert!(!client.heard.contains("gantry-0"), "{}", client.heard);
        let real = logins(&gateway);
        assert!(real.iter().all(|token| !client.heard.contains(token)));
    }
}

#[tokio::test]
async fn an_answer_that_comes_twice_is_heard_once() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        gateway.rc.fault_login(LoginFault::Twice);
        client.log_in("1", &token).await;
        let all = client.all().await;
        assert_eq!(names(&all), ["added users", "result 1", "updated 1"]);
        let real = gateway.rc.live_tokens("alice").pop().unwrap();
        assert!(!client.heard.contains(&real));
        client.say(call("m1", "rooms/get", &json!([]))).await;
        assert_eq!(names(&client.all().await), ["result m1", "updated m1"]);
    }
}

#[tokio::test]
async fn a_connection_that_ends_inside_the_answer_tells_no_part_of_the_token() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        gateway.rc.fault_login(LoginFault::CutShort);
        client.log_in("1", &token).await;
        client.drained().await;
        let real = gateway.rc.live_tokens("alice").pop().unwrap();
        assert!(!client.heard.contains(&real[..8]), "{}", client.heard);
        assert!(!client.heard.contains("result"), "{}", client.heard);
        eventually("no socket is left", || gateway.rc.sockets() == 0).await;
        // The session is as good as before.
        let mut again = Client::identified(&gateway, framing, &token).await;
        again.log_in("1", &token).await;
        assert!(again.result("1").await.get("error").is_none());
        assert_eq!(gateway.rc.live_tokens("alice"), [real]);
    }
}

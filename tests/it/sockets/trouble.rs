//! A Rocket.Chat that does not answer a login as it should: never, late, twice, half.

use std::time::Duration;

use gantry::config::Config;
use lookalike::{Latch, LoginFault};
use serde_json::{Value, json};

use crate::sockets::played::{played, result};
use crate::sockets::stage::{BOTH, Client, answers, call, login, logins, names, stand_in, told};
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
        assert_eq!(client.closed().await, None);
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

#[tokio::test]
async fn results_that_come_twice_in_a_row_are_heard_once() {
    let (gateway, mut client, mut server) = played().await;
    client.say(login("1", "left over")).await;
    let login = server.hear().await;
    let result = result(&gateway, &login);
    let updated = json!({ "msg": "updated", "methods": [login["id"]] });
    for said in [&updated, &result, &result, &updated, &result] {
        server.say(&said.to_string()).await;
    }
    server.say("last").await;
    let mut all = Vec::new();
    loop {
        let heard = client.hear().await;
        if heard == "last" {
            break;
        }
        all.push(serde_json::from_str(&heard).unwrap());
    }
    assert_eq!(names(&all), ["result 1", "updated 1"]);
}

/// Rocket.Chat answers the login with this: the socket ends with 1011, and the auth token is not told.
async fn check_ends(answer: impl Fn(&Value, Value) -> String) {
    let (gateway, mut client, mut server) = played().await;
    client.say(login("1", "left over")).await;
    let login = server.hear().await;
    let said = answer(&login, result(&gateway, &login));
    server.say(&said).await;
    let mut heard = String::new();
    let code = client.closed_hearing(&mut heard).await;
    assert_eq!(code, Some(1011), "{said}");
    assert_eq!(heard, "");
}

#[tokio::test]
async fn an_answer_that_names_another_user_ends_the_socket() {
    check_ends(|_, mut result| {
        result["result"]["id"] = "another".into();
        result.to_string()
    })
    .await;
}

#[tokio::test]
async fn another_token_in_the_answer_is_not_told_either() {
    let (gateway, mut client, mut server) = played().await;
    client.say(login("1", "left over")).await;
    let login = server.hear().await;
    let mut answer = result(&gateway, &login);
    answer["result"]["token"] = "another".into();
    server.say(&answer.to_string()).await;
    let heard: Value = serde_json::from_str(&client.hear().await).unwrap();
    let stand_in = stand_in(&gateway, &gateway.issuer.token("alice")).await;
    assert_eq!(heard["result"]["token"], *stand_in);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_ends_the_socket() {
    check_ends(|_, result| result.to_string().replace("}}", "}")).await;
}

#[tokio::test]
async fn an_error_that_quotes_the_login_ends_the_socket() {
    check_ends(|login, _| {
        let reason = "Malformed method invocation";
        json!({ "msg": "error", "reason": reason, "offendingMessage": login }).to_string()
    })
    .await;
}

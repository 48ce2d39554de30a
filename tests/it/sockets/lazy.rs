//! A client that was identified at the upgrade and never logs in: somebody does it for it, when it must be.

use std::time::Duration;

use lookalike::LoginFault;
use serde_json::json;

use crate::sockets::stage::{BOTH, Client, call, logins, names, sub, told};
use crate::support::gateway::Gateway;

#[tokio::test]
async fn the_first_method_works_and_the_client_sees_no_login() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        client.say(call("m1", "rooms/get", &json!([]))).await;
        let all = client.all().await;
        // The user's document is the one thing that Rocket.Chat says unasked of who is logged in.
        assert_eq!(names(&all), ["added users", "result m1", "updated m1"]);
        assert!(all[1]["result"].is_array(), "{all:?}");
        assert!(!client.heard.contains("gantry-"));
        assert_eq!(logins(&gateway), gateway.rc.live_tokens("alice"));
        client.say(call("m2", "rooms/get", &json!([]))).await;
        assert_eq!(names(&client.all().await), ["result m2", "updated m2"]);
        let expected = [
            "connect",
            "method login",
            "method rooms/get",
            "method rooms/get",
        ];
        assert_eq!(names(&told(&gateway)), expected);
    }
}

#[tokio::test]
async fn the_first_subscription_works_too() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        let user = gateway.rc.user("alice").unwrap();
        let event = format!("{}/notification", user.id);
        client
            .say(sub("s1", "stream-notify-user", &json!([event])))
            .await;
        assert_eq!(names(&client.all().await), ["added users", "ready s1"]);
        assert_eq!(logins(&gateway).len(), 1);
    }
}

#[tokio::test]
async fn what_a_client_boots_with_logs_nobody_in() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        let boot = [
            call("b1", "public-settings/get", &json!([])),
            sub("b2", "meteor.loginServiceConfiguration", &json!([])),
            sub("b3", "meteor_autoupdate_clientVersions", &json!([])),
        ];
        client.say_at_once(&boot).await;
        let all = client.all().await;
        let answered = names(&all);
        assert!(answered.contains(&"result b1".to_owned()), "{answered:?}");
        assert!(answered.iter().all(|name| name != "added users"));
        assert_eq!(told(&gateway).len(), 4);
        assert_eq!(logins(&gateway), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_forgotten_token_is_replaced_here_too() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::identified(&gateway, BOTH[0], &token).await;
    gateway.hand.advance(Duration::from_secs(60));
    gateway.rc.kill_tokens("alice");
    client.say(call("m1", "rooms/get", &json!([]))).await;
    let all = client.all().await;
    assert_eq!(names(&all), ["added users", "result m1", "updated m1"]);
    assert_eq!(logins(&gateway).len(), 2);
}

#[tokio::test]
async fn a_client_whose_login_is_refused_twice_is_told_to_come_back() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        gateway.hand.advance(Duration::from_secs(60));
        gateway.rc.fault_login(LoginFault::Refused);
        gateway.rc.fault_login(LoginFault::Refused);
        client.say(call("m1", "rooms/get", &json!([]))).await;
        assert_eq!(client.closed().await, Some(1013));
        assert_eq!(names(&told(&gateway))[1..], ["method login"; 2]);
    }
}

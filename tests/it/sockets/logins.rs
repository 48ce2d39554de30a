//! Logging in on a socket: with what clients have, into what Rocket.Chat wants, and back.

use std::time::{Duration, SystemTime};

use lookalike::{LoginFault, Manner, Options};
use serde_json::{Value, json};

use crate::sockets::stage::{
    BOTH, Client, answers, check_error, login, logins, names, stand_in, told,
};
use crate::support::gateway::{Gateway, Settings};

/// Logs in with this, whatever it is, and checks what both sides saw.
async fn check_login(gateway: &Gateway, client: &mut Client, shown: &str) {
    let stand_in = stand_in(gateway, &gateway.issuer.token("alice")).await;
    client.log_in("l 1", shown).await;
    let all = client.all().await;
    assert_eq!(answers(&all, "l 1"), [1, 1], "{all:?}");
    let result = all.iter().find(|said| said["msg"] == "result").unwrap();
    let user = gateway.rc.user("alice").unwrap();
    assert_eq!(result["result"]["id"], *user.id);
    assert_eq!(result["result"]["token"], *stand_in);
    assert_eq!(result["result"]["type"], "resume");
    let live = gateway.rc.live_tokens("alice");
    assert_eq!(live.len(), 1);
    assert_eq!(logins(gateway), live);
    assert_eq!(names(&told(gateway)), ["connect", "method login"]);
    assert!(!client.heard.contains(&live[0]));
    assert!(!client.heard.contains("gantry-"));
}

#[tokio::test]
async fn a_stand_in_logs_in_and_the_auth_token_stays_above() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let stand_in = stand_in(&gateway, &gateway.issuer.token("alice")).await;
        let mut client = Client::anonymous(&gateway, framing).await;
        check_login(&gateway, &mut client, &stand_in).await;
    }
}

#[tokio::test]
async fn the_hosts_jwt_logs_in_and_goes_no_further() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::anonymous(&gateway, framing).await;
        check_login(&gateway, &mut client, &token).await;
    }
}

#[tokio::test]
async fn whatever_is_left_over_logs_in_whom_the_upgrade_identified() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        check_login(&gateway, &mut client, "left over from another day").await;
    }
}

#[tokio::test]
async fn a_stand_in_of_an_ended_session_is_left_over_beside_a_jwt() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let old = stand_in(&gateway, &token).await;
    let released = gateway.post("/_gantry/release", &token).send().await;
    assert_eq!(released.unwrap().status(), 204);
    gateway.until_live_tokens("alice", 0).await;
    let mut client = Client::identified(&gateway, BOTH[0], &token).await;
    check_login(&gateway, &mut client, &old).await;
}

#[tokio::test]
async fn the_login_expires_no_later_than_the_session() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::anonymous(&gateway, BOTH[0]).await;
    client.log_in("1", &token).await;
    let result = client.result("1").await;
    let expires = result["result"]["tokenExpires"]["$date"].as_u64().unwrap();
    let now = gateway.clock.now();
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    // The JWT's ten minutes and its grace; Rocket.Chat's own answer is ninety days away.
    let latest = now + Duration::from_secs(630);
    assert!(u128::from(expires) > now.as_millis(), "{expires}");
    assert!(u128::from(expires) <= latest.as_millis(), "{expires}");
}

#[tokio::test]
async fn the_clients_id_comes_back_as_it_was() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        for id in [
            "1",
            "",
            "a \"quoted\\ id\"",
            "ü🚀\u{2028}\u{7f}",
            "gantry-1",
        ] {
            client.log_in(id, &token).await;
            let all = client.all().await;
            assert_eq!(answers(&all, id), [1, 1], "{id:?} {all:?}");
        }
    }
}

async fn check_order(fault: Option<LoginFault>, expected: [&str; 3]) {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        if let Some(fault) = &fault {
            gateway.rc.fault_login(fault.clone());
        }
        client.log_in("1", &token).await;
        assert_eq!(names(&client.all().await), expected);
    }
}

#[tokio::test]
async fn the_users_document_may_come_before_the_result() {
    check_order(None, ["added users", "result 1", "updated 1"]).await;
}

#[tokio::test]
async fn the_result_may_come_first() {
    let expected = ["result 1", "updated 1", "added users"];
    check_order(Some(LoginFault::ResultFirst), expected).await;
}

#[tokio::test]
async fn the_result_may_come_last_and_updated_waits_for_it() {
    let expected = ["added users", "result 1", "updated 1"];
    check_order(Some(LoginFault::ResultLast), expected).await;
}

#[tokio::test]
async fn a_second_login_on_the_same_socket_is_one_more_of_the_same() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::anonymous(&gateway, BOTH[0]).await;
    client.log_in("1", &token).await;
    let first = client.result("1").await;
    let stand_in = first["result"]["token"].as_str().unwrap();
    client.log_in("2", stand_in).await;
    assert_eq!(client.result("2").await["result"]["token"], *stand_in);
    assert_eq!(logins(&gateway).len(), 2);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn a_login_before_connect_is_refused_and_tells_nothing() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let mut client = Client::silent(&gateway, framing, &headers).await;
        client.say(login("1", &token)).await;
        let said = client.hear().await;
        let expected: Value = json!({ "msg": "error", "reason": "Must connect first" });
        assert_eq!(said, expected);
        assert!(gateway.rc.socket_texts().is_empty());
    }
}

#[tokio::test]
async fn a_token_that_rocketchat_forgot_is_replaced_and_the_client_sees_nothing_of_it() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        // Younger ones would only be asked about once more.
        gateway.hand.advance(Duration::from_secs(60));
        gateway.rc.kill_tokens("alice");
        client.log_in("1", &token).await;
        let all = client.all().await;
        assert_eq!(names(&all), ["added users", "result 1", "updated 1"]);
        assert!(all[1].get("error").is_none(), "{all:?}");
        let tried = logins(&gateway);
        assert_eq!(tried.len(), 2);
        assert_eq!(gateway.rc.live_tokens("alice"), tried[1..]);
        assert!(tried.iter().all(|token| !client.heard.contains(token)));
    }
}

#[tokio::test]
async fn a_second_403_is_the_answer_and_the_socket_stays() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        gateway.hand.advance(Duration::from_secs(60));
        gateway.rc.fault_login(LoginFault::Refused);
        gateway.rc.fault_login(LoginFault::Refused);
        client.log_in("1", &token).await;
        let all = client.all().await;
        assert_eq!(names(&all), ["result 1", "updated 1"]);
        check_error(&all[0], 403);
        assert_eq!(logins(&gateway).len(), 2);
        client.log_in("2", &token).await;
        assert!(client.result("2").await.get("error").is_none());
    }
}

#[tokio::test]
async fn another_error_passes_at_once() {
    let settings = Settings {
        options: Options::new(Manner::V87),
        ..Settings::default()
    };
    let gateway = Gateway::with(settings).await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::identified(&gateway, BOTH[0], &token).await;
    // Five logins in ten seconds are let in (RC §5.4).
    for number in 0..6 {
        client.log_in(&number.to_string(), &token).await;
    }
    let refused = client.result("5").await;
    assert_eq!(refused["error"]["error"], "too-many-requests");
    assert!(refused["error"]["details"]["timeToReset"].is_number());
    assert_eq!(logins(&gateway).len(), 6);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn caddy_authorize_92_the_end_of_the_jwt_closes_the_socket_that_it_logged_in_on() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let mut client = Client::anonymous(&gateway, framing).await;
        client.log_in("1", &gateway.issuer.token("alice")).await;
        client.result("1").await;
        gateway.hand.advance(Duration::from_secs(629));
        client.all().await;
        gateway.hand.advance(Duration::from_secs(2));
        assert_eq!(client.closed().await, Some(4401));
        gateway.until_live_tokens("alice", 0).await;
    }
}

#[tokio::test]
async fn a_newer_jwt_shown_on_the_socket_keeps_it_open() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let mut client = Client::anonymous(&gateway, framing).await;
        client.log_in("1", &gateway.issuer.token("alice")).await;
        client.result("1").await;
        gateway.hand.advance(Duration::from_secs(500));
        client.log_in("2", &gateway.issuer.token("alice")).await;
        assert!(client.result("2").await.get("error").is_none());
        gateway.hand.advance(Duration::from_secs(500));
        client.all().await;
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    }
}

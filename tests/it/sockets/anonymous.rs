//! A socket that nobody is logged in on: it boots, it logs in, or it ends.

use std::time::Duration;

use gantry::config::websocket::Anonymous;
use serde_json::{Value, json};

use crate::sockets::stage::{
    BOTH, CONNECT, Client, call, check_error, login, names, stand_in, sub, told,
};
use crate::sockets::wire::{CLOSE, FIN, TEXT, Wire, head, text};
use crate::support::gateway::Gateway;

/// What Rocket.Chat's clients ask for before they log in.
fn boot() -> Vec<String> {
    vec![
        call("m1", "public-settings/get", &json!([])),
        sub("s1", "meteor.loginServiceConfiguration", &json!([])),
        sub("s2", "meteor_autoupdate_clientVersions", &json!([])),
        sub(
            "s3",
            "stream-notify-all",
            &json!(["public-settings-changed"]),
        ),
    ]
}

/// What somebody must be logged in for.
fn more() -> Vec<String> {
    let methods = [
        "rooms/get",
        "sendMessage",
        "UserPresence:online",
        "getUserData",
        "setUserStatus",
        "stream-notify-room",
        "Public-Settings/get",
        "noSuchMethod",
    ];
    let subs = [
        ("stream-room-messages", json!(["GENERAL"])),
        ("stream-notify-user", json!(["x/notification"])),
        ("stream-notify-all", json!(["updateAvatar"])),
        ("stream-notify-logged", json!(["user-status"])),
        ("userData", json!([])),
        ("activeUsers", json!([])),
    ];
    let methods = methods
        .iter()
        .enumerate()
        .map(|(number, name)| call(&format!("m{number}"), name, &json!([])));
    let subs = subs
        .iter()
        .enumerate()
        .map(|(number, (name, params))| sub(&format!("s{number}"), name, params));
    methods.chain(subs).collect()
}

/// All of this is refused as Rocket.Chat refuses, and not told to it.
async fn check_refused(gateway: &Gateway, client: &mut Client, said: &[String]) {
    client.say_at_once(said).await;
    let all = client.all().await;
    let mut expected = Vec::new();
    for said in said {
        let said: Value = serde_json::from_str(said).unwrap();
        let id = said["id"].as_str().unwrap();
        if said["msg"] == "method" {
            expected.push(format!("result {id}"));
            expected.push(format!("updated {id}"));
        } else {
            expected.push(format!("nosub {id}"));
        }
    }
    assert_eq!(names(&all), expected);
    for said in all.iter().filter(|said| said["msg"] != "updated") {
        check_error(said, 403);
    }
    assert_eq!(names(&told(gateway)), ["connect"]);
}

#[tokio::test]
async fn what_a_client_boots_with_is_answered_by_rocketchat() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let mut client = Client::anonymous(&gateway, framing).await;
        client.say_at_once(&boot()).await;
        let all = client.all().await;
        assert!(all.iter().all(|said| said.get("error").is_none()));
        assert_eq!(told(&gateway).len(), 1 + boot().len());
        assert_eq!(all[0]["id"], "m1");
        assert!(all[0].get("result").is_some(), "{all:?}");
    }
}

#[tokio::test]
async fn nothing_else_is_and_the_client_is_told_so() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let mut client = Client::anonymous(&gateway, framing).await;
        check_refused(&gateway, &mut client, &more()).await;
    }
}

#[tokio::test]
async fn nothing_at_all_is_where_anonymous_is_none() {
    for framing in BOTH {
        let gateway =
            Gateway::configured(|config| config.websocket.anonymous = Anonymous::None).await;
        let mut client = Client::anonymous(&gateway, framing).await;
        check_refused(&gateway, &mut client, &[boot(), more()].concat()).await;
        let token = gateway.issuer.token("alice");
        client.log_in("1", &token).await;
        assert!(client.result("1").await.get("error").is_none());
        client.say_at_once(&boot()).await;
        let all = client.all().await;
        assert!(all.iter().all(|said| said.get("error").is_none()));
    }
}

#[tokio::test]
async fn nobody_stays_longer_than_a_login_takes_and_somebody_does() {
    for framing in BOTH {
        let gateway = Gateway::configured(|config| {
            config.websocket.login_timeout = Duration::from_secs(3);
        })
        .await;
        let stand_in = stand_in(&gateway, &gateway.issuer.token("alice")).await;
        let mut somebody = Client::anonymous(&gateway, framing).await;
        somebody.log_in("1", &stand_in).await;
        assert!(somebody.result("1").await.get("error").is_none());
        let mut nobody = Client::anonymous(&gateway, framing).await;
        nobody.say(login("1", "not a stand-in")).await;
        assert_eq!(nobody.closed().await, Some(4401));
        somebody.say(call("m1", "rooms/get", &json!([]))).await;
        assert!(somebody.result("m1").await["result"].is_array());
    }
}

#[tokio::test]
async fn half_a_message_keeps_nobody_here_any_longer() {
    let gateway =
        Gateway::configured(|config| config.websocket.login_timeout = Duration::from_secs(1)).await;
    for begun in [head(FIN | TEXT, 1000), head(TEXT, 0), vec![FIN | TEXT]] {
        let mut wire = Wire::with(&gateway, "").await;
        wire.write(&begun).await;
        assert_eq!(wire.close_code().await, Some(4401), "{begun:?}");
    }
}

#[tokio::test]
async fn logins_that_fail_again_and_again_keep_nobody_here_any_longer() {
    let gateway =
        Gateway::configured(|config| config.websocket.login_timeout = Duration::from_secs(1)).await;
    let mut wire = Wire::with(&gateway, "").await;
    wire.write(&text(CONNECT)).await;
    let mut tries = 0;
    while let Some((first, payload)) = wire.frame().await {
        if first == FIN | CLOSE {
            assert_eq!(payload, 4401_u16.to_be_bytes());
            break;
        }
        // One more behind every answer, as long as the socket takes it.
        if !String::from_utf8_lossy(&payload).contains("updated") {
            wire.try_write(&text(&login("1", "worthless"))).await;
            tries += 1;
        }
    }
    assert!(tries > 2, "{tries}");
    assert_eq!(names(&told(&gateway)), ["connect"]);
}

#[tokio::test]
async fn nobodys_messages_may_not_be_larger_than_a_login() {
    let gateway = Gateway::start().await;
    let large = head(FIN | TEXT, 64 * 1024 + 1);
    let mut nobody = Wire::with(&gateway, "").await;
    nobody.write(&large).await;
    assert_eq!(nobody.close_code().await, Some(1009));
    // A login as large as any passes, and somebody's messages may have what is configured.
    let padded = format!("{:<1$}", login("1", &"x".repeat(16 * 1024)), 60 * 1024);
    let mut nobody = Wire::with(&gateway, "").await;
    nobody.write(&text(CONNECT)).await;
    nobody.write(&text(&padded)).await;
    loop {
        let (_, payload) = nobody.frame().await.unwrap();
        if String::from_utf8_lossy(&payload).contains("logged out") {
            break;
        }
    }
    let mut somebody = Client::anonymous(&gateway, BOTH[0]).await;
    let token = gateway.issuer.token("alice");
    somebody.log_in("1", &token).await;
    assert!(somebody.result("1").await.get("error").is_none());
    let said = call("m1", "getRoomRoles", &json!(["x".repeat(100 * 1024)]));
    somebody.say(said).await;
    somebody.result("m1").await;
}

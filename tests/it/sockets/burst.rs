//! Clients that do not wait: whatever they say behind a login keeps its place, in both directions.

use lookalike::{Latch, LoginFault};
use serde_json::json;

use crate::sockets::stage::{
    BOTH, CONNECT, Client, Framing, call, login, names, stand_in, sub, told,
};
use crate::support::gateway::Gateway;

/// What a client says at once after `connect`, and before anything was answered.
fn burst(user_id: &str) -> Vec<String> {
    let mut said = Vec::new();
    for number in 0..20 {
        said.push(call(&format!("m{number}"), "rooms/get", &json!([])));
        let event = format!("{user_id}/{number}");
        said.push(sub(
            &format!("s{number}"),
            "stream-notify-user",
            &json!([event]),
        ));
        // Nobody needs to be logged in for it, and it must not overtake.
        said.push(call(
            &format!("b{number}"),
            "public-settings/get",
            &json!([]),
        ));
    }
    said
}

/// The results and readies of [`burst`], in its order.
fn expected() -> Vec<String> {
    let answers = (0..20).flat_map(|number| {
        ["result m", "ready s", "result b"].map(|answer| format!("{answer}{number}"))
    });
    answers.collect()
}

/// Which way a client's messages are put on the wire.
#[derive(Clone, Copy)]
enum Put {
    /// In one frame, where the framing can, and one write.
    AtOnce,
    /// In frames of their own, in one write.
    InFrames,
}

async fn check(gateway: &Gateway, client: &mut Client, mut said: Vec<String>, put: Put) {
    said.insert(0, CONNECT.to_owned());
    match put {
        Put::AtOnce => client.say_at_once(&said).await,
        Put::InFrames => client.say_in_frames(&said).await,
    }
    let heard = names(&client.all().await);
    let mut answers = heard.iter().filter(|name| {
        name.starts_with("ready") || name.starts_with("result") && *name != "result login"
    });
    assert!(answers.by_ref().eq(expected().iter()), "{heard:?}");
    let told = told(gateway);
    let came: Vec<_> = told.iter().map(|said| said["id"].clone()).collect();
    let sent: Vec<serde_json::Value> = said
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let ids = sent.iter().map(|said| &said["id"]);
    let ids: Vec<_> = ids.filter(|id| **id != "login").cloned().collect();
    let passed: Vec<_> = came.into_iter().filter(|id| !is_ours(id)).collect();
    assert_eq!(passed, ids);
    // The login went up behind `connect` and before everything else.
    assert_eq!(names(&told)[..2], ["connect", "method login"]);
    assert!(heard.iter().all(|name| !name.contains("gantry-")));
}

fn is_ours(id: &serde_json::Value) -> bool {
    id.as_str().is_some_and(|id| id.starts_with("gantry-"))
}

async fn check_own_login(framing: Framing, put: Put) {
    let gateway = Gateway::start().await;
    let stand_in = stand_in(&gateway, &gateway.issuer.token("alice")).await;
    let user = gateway.rc.user("alice").unwrap();
    let mut said = burst(&user.id);
    said.insert(0, login("login", &stand_in));
    let mut client = Client::silent(&gateway, framing, &[]).await;
    check(&gateway, &mut client, said, put).await;
}

async fn check_lazy_login(framing: Framing, put: Put) {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    stand_in(&gateway, &token).await;
    let user = gateway.rc.user("alice").unwrap();
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut client = Client::silent(&gateway, framing, &headers).await;
    check(&gateway, &mut client, burst(&user.id), put).await;
}

#[tokio::test]
async fn a_login_and_all_behind_it_in_one_frame_keep_their_order() {
    for framing in BOTH {
        check_own_login(framing, Put::AtOnce).await;
    }
}

#[tokio::test]
async fn a_login_and_all_behind_it_in_one_write_keep_their_order() {
    for framing in BOTH {
        check_own_login(framing, Put::InFrames).await;
    }
}

#[tokio::test]
async fn what_needs_a_login_and_all_behind_it_in_one_frame_keep_their_order() {
    for framing in BOTH {
        check_lazy_login(framing, Put::AtOnce).await;
    }
}

#[tokio::test]
async fn what_needs_a_login_and_all_behind_it_in_one_write_keep_their_order() {
    for framing in BOTH {
        check_lazy_login(framing, Put::InFrames).await;
    }
}

#[tokio::test]
async fn far_more_than_is_read_at_once_behind_a_login_keeps_its_order() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let latch = Latch::new();
        gateway.rc.fault_login(LoginFault::Held(latch.clone()));
        let mut client = Client::identified(&gateway, framing, &token).await;
        let long = "x".repeat(5_000);
        let said: Vec<String> = (0..100)
            .map(|number| {
                call(
                    &number.to_string(),
                    "public-settings/get",
                    &json!([number, long]),
                )
            })
            .collect();
        client.log_in("login", &token).await;
        client.say_in_frames(&said).await;
        latch.until_arrived(1).await;
        assert_eq!(told(&gateway).len(), 2);
        latch.open();
        client.all().await;
        let told = told(&gateway);
        let passed: Vec<String> = told[2..].iter().map(ToString::to_string).collect();
        let sent: Vec<String> = said
            .iter()
            .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap())
            .map(|said| said.to_string())
            .collect();
        assert!(passed == sent);
    }
}

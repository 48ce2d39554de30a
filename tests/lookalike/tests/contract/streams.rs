//! What DDP subscriptions let whom hear (RC §6.3).

use lookalike::{Manner, Options};
use serde_json::{Value, json};

use crate::ddp_client::DdpClient;
use crate::support::Workspace;

async fn workspace() -> Workspace {
    Workspace::with_people(Options::new(Manner::V87)).await
}

#[tokio::test]
async fn rc_6_3_messages_come_live_to_those_who_may_read() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let group = workspace.rc.add_group("secret", &["alice"]);
    let mut listening = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let mut curious = DdpClient::resumed(&workspace.rc, &bob.token).await;
    let stream = "stream-room-messages";
    for room in ["GENERAL", group.as_str()] {
        assert_eq!(
            listening.subscribe(room, stream, room).await["msg"],
            "ready"
        );
    }
    let refused = curious.subscribe("s", stream, &group).await;
    assert_eq!(
        (&refused["msg"], &refused["error"]["error"]),
        (&json!("nosub"), &json!("not-allowed"))
    );
    let sent = curious
        .call("sendMessage", json!([{"rid": "GENERAL", "msg": "hi"}]))
        .await;
    assert_eq!(sent["result"]["u"]["username"], "bob");
    let event = listening.event(stream).await;
    assert_eq!(
        (&event["eventName"], &event["args"][0]["msg"]),
        (&json!("GENERAL"), &json!("hi"))
    );
    assert!(event["args"][0]["ts"]["$date"].is_i64());
    workspace.rc.say("alice", "secret", "psst");
    assert_eq!(listening.event(stream).await["eventName"], *group);
}

#[tokio::test]
async fn rc_6_3_a_user_hears_of_the_own_rooms_only_under_the_own_id() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let mut client = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let stream = "stream-notify-user";
    let foreign = format!("{}/notification", bob.user_id);
    assert_eq!(
        client.subscribe("f", stream, &foreign).await["error"]["error"],
        "not-allowed"
    );
    for what in ["notification", "subscriptions-changed"] {
        let event = format!("{}/{what}", alice.user_id);
        assert_eq!(client.subscribe(what, stream, &event).await["msg"], "ready");
    }
    workspace.rc.say("bob", "general", "hello @alice");
    let changed = client.event(stream).await;
    assert_eq!(
        (&changed["args"][0], &changed["args"][1]["unread"]),
        (&json!("updated"), &json!(1))
    );
    assert_eq!(
        client.event(stream).await["args"][0]["text"],
        "hello @alice"
    );
}

#[tokio::test]
async fn rc_6_3_typing_is_told_under_the_own_name_only() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let mut listening = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let mut typing = DdpClient::resumed(&workspace.rc, &bob.token).await;
    let stream = "stream-notify-room";
    assert_eq!(
        listening
            .subscribe("t", stream, "GENERAL/user-activity")
            .await["msg"],
        "ready"
    );
    let lie = json!(["GENERAL/user-activity", "alice", ["user-typing"], {}]);
    assert_eq!(
        typing.call(stream, lie).await["error"]["error"],
        "not-allowed"
    );
    let truth = json!(["GENERAL/user-activity", "bob", ["user-typing"], {}]);
    assert!(typing.call(stream, truth).await.get("error").is_none());
    assert_eq!(listening.event(stream).await["args"][0], "bob");
}

#[tokio::test]
async fn rc_6_3_an_ended_subscription_is_confirmed_and_silent() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let mut client = DdpClient::resumed(&workspace.rc, &alice.token).await;
    client
        .subscribe("s", "stream-room-messages", "GENERAL")
        .await;
    client.send(&json!({"msg": "unsub", "id": "s"})).await;
    client
        .until(|message| *message == json!({"msg": "nosub", "id": "s"}))
        .await;
    workspace.rc.say("alice", "general", "unheard");
    client.send(&json!({"msg": "ping"})).await;
    let (before, _) = client.until_all(|message| message["msg"] == "pong").await;
    assert_eq!(before, Vec::<Value>::new());
}

//! Who is seen how, and what a user's own clients are told (RC §6.3, §6.4, §6.5, §12).

use lookalike::{Manner, Options};
use serde_json::{Value, json};

use crate::ddp_client::DdpClient;
use crate::support::{Credentials, RequestExt as _, Workspace};

async fn workspace() -> Workspace {
    Workspace::with_people(Options::new(Manner::V87)).await
}

impl Workspace {
    async fn presence_of(&self, who: &Credentials) -> Value {
        let path = format!("/api/v1/users.getPresence?userId={}", who.user_id);
        self.get(&path).by(who).answer().await.with(200)["presence"].clone()
    }
}

/// Watches users the way the web client does, which names them in the second parameter.
async fn watch(client: &mut DdpClient, ids: &[&str]) {
    let params = json!(["", {"added": ids}]);
    let sub = json!({"msg": "sub", "id": "p", "name": "stream-user-presence", "params": params});
    client.send(&sub).await;
    client
        .until(|message| message["subs"] == json!(["p"]))
        .await;
}

#[tokio::test]
async fn rc_12_a_login_over_rest_makes_nobody_present_and_one_on_a_socket_does() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let before = workspace.presence_of(&alice).await;
    let mut client = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let during = workspace.presence_of(&alice).await;
    client.call("logout", json!([])).await;
    let again = workspace.log_in("alice").await;
    let after = workspace.presence_of(&again).await;
    assert_eq!([before, during, after], ["offline", "online", "offline"]);
}

#[tokio::test]
async fn rc_6_3_presence_is_told_to_all_who_listen_and_to_those_who_watch() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let mut listening = DdpClient::resumed(&workspace.rc, &alice.token).await;
    listening
        .subscribe("l", "stream-notify-logged", "user-status")
        .await;
    let mut watching = DdpClient::resumed(&workspace.rc, &alice.token).await;
    watch(&mut watching, &[&bob.user_id]).await;
    let mut coming = DdpClient::resumed(&workspace.rc, &bob.token).await;
    let all = listening.event("stream-notify-logged").await;
    let expected = json!([bob.user_id, "bob", 1, "", "bob", ["user"]]);
    assert_eq!(
        (&all["eventName"], &all["args"][0]),
        (&json!("user-status"), &expected)
    );
    let watched = watching.event("stream-user-presence").await;
    assert_eq!(watched["eventName"], *bob.user_id);
    assert_eq!(watched["args"], json!([["bob", 1, ""]]));
    coming.call("UserPresence:away", json!([])).await;
    let watched = watching.event("stream-user-presence").await;
    assert_eq!(watched["args"], json!([["bob", 2, ""]]));
    coming
        .call("setUserStatus", json!(["busy", "in a meeting"]))
        .await;
    let watched = watching.event("stream-user-presence").await;
    assert_eq!(watched["args"], json!([["bob", 3, "in a meeting"]]));
    drop(coming);
    let watched = watching.event("stream-user-presence").await;
    assert_eq!(watched["args"], json!([["bob", 0, "in a meeting"]]));
}

#[tokio::test]
async fn rc_6_3_nobody_hears_of_presence_without_being_a_user() {
    let workspace = workspace().await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    for (stream, event) in [
        ("stream-notify-logged", "user-status"),
        ("stream-user-presence", ""),
    ] {
        let refused = client.subscribe("s", stream, event).await;
        assert_eq!(refused["error"]["error"], "not-allowed", "{stream}");
    }
}

#[tokio::test]
async fn rc_6_4_user_data_tells_the_hashes_of_the_users_tokens_to_that_user_alone() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let mut client = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let mut foreign = DdpClient::resumed(&workspace.rc, &bob.token).await;
    let event = format!("{}/userData", alice.user_id);
    let stream = "stream-notify-user";
    assert_eq!(client.subscribe("u", stream, &event).await["msg"], "ready");
    let refused = foreign.subscribe("u", stream, &event).await;
    assert_eq!(refused["error"]["error"], "not-allowed");
    workspace.log_in("alice").await;
    let told = client.event(stream).await;
    assert_eq!(
        (&told["args"][0]["type"], &told["args"][0]["id"]),
        (&json!("updated"), &json!(alice.user_id))
    );
    let tokens = &told["args"][0]["diff"]["services.resume.loginTokens"];
    let hashes: Vec<&str> = tokens
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["hashedToken"].as_str().unwrap())
        .collect();
    assert_eq!(hashes, workspace.rc.user("alice").unwrap().live_tokens);
    assert!(tokens[0]["when"]["$date"].is_i64());
    client.call("removeOtherTokens", json!([])).await;
    let told = client.event(stream).await;
    let tokens = &told["args"][0]["diff"]["services.resume.loginTokens"];
    assert_eq!(tokens.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn rc_6_3_reading_a_room_is_told_to_the_readers_own_clients() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let stream = "stream-notify-user";
    let mut clients = Vec::new();
    for who in [&alice, &bob] {
        let mut client = DdpClient::resumed(&workspace.rc, &who.token).await;
        let event = format!("{}/subscriptions-changed", who.user_id);
        client.subscribe("s", stream, &event).await;
        clients.push(client);
    }
    workspace.rc.say("bob", "general", "one");
    for (client, unread) in clients.iter_mut().zip([1, 0]) {
        assert_eq!(client.event(stream).await["args"][1]["unread"], unread);
    }
    clients[0].call("readMessages", json!(["GENERAL"])).await;
    assert_eq!(clients[0].event(stream).await["args"][1]["unread"], 0);
    workspace.rc.say("bob", "general", "two");
    let alices = clients[0].event(stream).await;
    assert_eq!(alices["args"][1]["unread"], 1, "{alices}");
    let bobs = clients[1].event(stream).await;
    assert_eq!(bobs["args"][1]["unread"], 0, "bob read nothing: {bobs}");
}

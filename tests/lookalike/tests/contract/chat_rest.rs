//! Rooms and messages over REST: what RC's clients and the demo use, with the errors of RC §1.4.

use lookalike::{Manner, NewUser, Options};
use serde_json::{Value, json};

use crate::support::{Credentials, RequestExt as _, Workspace};

/// A workspace without the limiter, which is not what is tested here.
async fn workspace() -> Workspace {
    let options = Options {
        rate_limiter: false,
        ..Options::new(Manner::V87)
    };
    Workspace::with_people(options).await
}

async fn get(workspace: &Workspace, who: &Credentials, path: &str) -> Value {
    workspace
        .get(&format!("/api/v1/{path}"))
        .by(who)
        .answer()
        .await
        .with(200)
}

async fn post(workspace: &Workspace, who: &Credentials, path: &str, body: Value) -> Value {
    workspace
        .post(&format!("/api/v1/{path}"), &body)
        .by(who)
        .answer()
        .await
        .with(200)
}

async fn refused(workspace: &Workspace, who: &Credentials, path: &str, body: Value) -> Value {
    workspace
        .post(&format!("/api/v1/{path}"), &body)
        .by(who)
        .answer()
        .await
        .with(400)
}

#[tokio::test]
async fn every_room_route_wants_the_headers() {
    let workspace = workspace().await;
    for path in [
        "rooms.get",
        "rooms.info?roomId=GENERAL",
        "channels.list",
        "channels.list.joined",
        "channels.history?roomId=GENERAL",
        "channels.messages?roomId=GENERAL",
        "channels.info?roomId=GENERAL",
        "channels.members?roomId=GENERAL",
        "groups.history?roomId=GENERAL",
        "im.list",
        "im.history?roomId=GENERAL",
        "subscriptions.get",
        "chat.syncMessages?roomId=GENERAL&lastUpdate=2020-01-01T00:00:00.000Z",
        "users.presence",
        "permissions.listAll",
        "settings/Site_Name",
    ] {
        workspace
            .get(&format!("/api/v1/{path}"))
            .answer()
            .await
            .with(401);
    }
}

#[tokio::test]
async fn rc_4_1_new_users_are_in_the_default_channel() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let joined = get(&workspace, &alice, "channels.list.joined").await;
    assert_eq!(
        (&joined["channels"][0]["_id"], &joined["total"]),
        (&json!("GENERAL"), &json!(1))
    );
    let rooms = get(&workspace, &alice, "rooms.get").await;
    assert_eq!(rooms["update"][0]["name"], "general");
    let mine = get(&workspace, &alice, "subscriptions.get").await;
    assert_eq!(mine["update"][0]["rid"], "GENERAL");
    let members = get(&workspace, &alice, "channels.members?roomId=GENERAL").await;
    assert_eq!(members["total"], 3);
}

#[tokio::test]
async fn rc_4_1_created_users_join_the_default_channel_unless_told_not_to() {
    let workspace = workspace().await;
    let service = workspace.service();
    for (name, join, rooms) in [("dora", json!(true), 1), ("emil", json!(false), 0)] {
        let body = json!({"username": name, "name": name, "email": format!("{name}@example.org"),
                          "password": format!("{name}-password"), "joinDefaultChannels": join});
        post(&workspace, &service, "users.create", body).await;
        let who = workspace.log_in(name).await;
        let mine = get(&workspace, &who, "subscriptions.get").await;
        assert_eq!(mine["update"].as_array().unwrap().len(), rooms, "{name}");
    }
}

#[tokio::test]
async fn a_channel_is_made_joined_and_talked_in() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let made = post(
        &workspace,
        &alice,
        "channels.create",
        json!({"name": "launch"}),
    )
    .await;
    let id = made["channel"]["_id"].as_str().unwrap();
    let say = json!({"roomId": id, "text": "hello"});
    let outside = refused(&workspace, &bob, "chat.postMessage", say.clone()).await;
    assert_eq!(outside["errorType"], "error-not-allowed");
    post(&workspace, &bob, "channels.join", json!({"roomId": id})).await;
    let said = post(&workspace, &bob, "chat.postMessage", say).await;
    assert_eq!(
        (&said["channel"], &said["message"]["msg"]),
        (&json!(id), &json!("hello"))
    );
    assert!(said["ts"].is_i64() && said["message"]["ts"].is_string());
    let history = get(&workspace, &alice, "channels.history?roomName=launch").await;
    assert_eq!(history["messages"][0]["u"]["username"], "bob");
    let info = get(&workspace, &alice, &format!("rooms.info?roomId={id}")).await;
    assert_eq!(info["room"]["lastMessage"]["msg"], "hello");
    let page = get(
        &workspace,
        &alice,
        "channels.messages?roomName=launch&count=1",
    )
    .await;
    assert_eq!((&page["count"], &page["total"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn groups_are_for_members_only() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let body = json!({"name": "board", "members": ["carol"]});
    let made = post(&workspace, &alice, "groups.create", body).await;
    let id = made["group"]["_id"].as_str().unwrap();
    get(&workspace, &alice, &format!("groups.history?roomId={id}")).await;
    for path in ["groups.history", "groups.info", "rooms.info"] {
        let answer = workspace
            .get(&format!("/api/v1/{path}?roomId={id}"))
            .by(&bob)
            .answer()
            .await;
        assert_eq!(
            answer.with(400)["errorType"],
            "error-room-not-found",
            "{path}"
        );
    }
    let say = json!({"message": {"rid": id, "msg": "let me in"}});
    let answer = refused(&workspace, &bob, "chat.sendMessage", say).await;
    assert_eq!(answer["errorType"], "error-room-not-found");
}

#[tokio::test]
async fn both_sides_of_a_direct_room_see_the_other() {
    let workspace = workspace().await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let room = post(&workspace, &alice, "im.create", json!({"username": "bob"})).await;
    let id = room["room"]["rid"].as_str().unwrap();
    let again = post(&workspace, &bob, "im.create", json!({"username": "alice"})).await;
    assert_eq!(again["room"]["_id"], id);
    post(
        &workspace,
        &bob,
        "chat.postMessage",
        json!({"channel": "@alice", "text": "hi"}),
    )
    .await;
    let history = get(&workspace, &alice, &format!("im.history?roomId={id}")).await;
    assert_eq!(history["messages"][0]["msg"], "hi");
    assert_eq!(
        get(&workspace, &alice, "im.list").await["ims"][0]["fname"],
        "bob"
    );
    let mine = get(
        &workspace,
        &bob,
        &format!("subscriptions.getOne?roomId={id}"),
    )
    .await;
    assert_eq!(mine["subscription"]["name"], "alice");
    let nobody = refused(
        &workspace,
        &alice,
        "im.create",
        json!({"username": "nobody"}),
    )
    .await;
    assert_eq!(nobody["errorType"], "error-invalid-user");
}

#[tokio::test]
async fn new_messages_are_found_by_the_time_of_the_last_one() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let say = |text: &str| json!({"message": {"rid": "GENERAL", "msg": text, "_id": text}});
    post(&workspace, &alice, "chat.sendMessage", say("first")).await;
    let first = get(&workspace, &alice, "chat.getMessage?msgId=first").await;
    workspace.rc.advance(std::time::Duration::from_millis(5));
    post(&workspace, &alice, "chat.sendMessage", say("second")).await;
    let since = first["message"]["_updatedAt"].as_str().unwrap();
    let path = format!("chat.syncMessages?roomId=GENERAL&lastUpdate={since}");
    let fresh = get(&workspace, &alice, &path).await;
    let updated = fresh["result"]["updated"].as_array().unwrap();
    assert_eq!(updated.len(), 1);
    assert_eq!(updated[0]["_id"], "second");
    let wrong = "/api/v1/chat.syncMessages?roomId=GENERAL&lastUpdate=yesterday";
    let answer = workspace.get(wrong).by(&alice).answer().await.with(400);
    assert_eq!(answer["errorType"], "error-lastUpdate-param-invalid");
}

#[tokio::test]
async fn unread_messages_are_counted_until_they_are_read() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    workspace.rc.say("bob", "general", "one");
    workspace.rc.say("bob", "general", "two");
    let unread = async || {
        let mine = get(&workspace, &alice, "subscriptions.getOne?roomId=GENERAL").await;
        mine["subscription"]["unread"].clone()
    };
    assert_eq!(unread().await, 2);
    post(
        &workspace,
        &alice,
        "subscriptions.read",
        json!({"rid": "GENERAL"}),
    )
    .await;
    assert_eq!(unread().await, 0);
}

#[tokio::test]
async fn rc_1_4_wrong_requests_get_rcs_error_bodies() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    for (path, body, kind) in [
        (
            "channels.create",
            json!({"name": "general"}),
            json!("error-duplicate-channel-name"),
        ),
        (
            "channels.create",
            json!({"name": "two words"}),
            json!("error-invalid-room-name"),
        ),
        ("channels.create", json!({}), Value::Null),
        (
            "channels.join",
            json!({}),
            json!("error-roomid-param-not-provided"),
        ),
        (
            "channels.join",
            json!({"roomId": "nowhere"}),
            json!("error-room-not-found"),
        ),
        (
            "chat.postMessage",
            json!({"text": "x"}),
            json!("invalid-params"),
        ),
        (
            "chat.postMessage",
            json!({"channel": "#nowhere", "text": "x"}),
            json!("invalid-channel"),
        ),
        ("chat.sendMessage", json!({}), json!("error-invalid-params")),
        ("im.create", json!({}), json!("invalid-params")),
    ] {
        let answer = refused(&workspace, &alice, path, body.clone()).await;
        assert_eq!(answer["success"], false);
        assert_eq!(answer["errorType"], kind, "{path} {body}");
    }
}

#[tokio::test]
async fn clients_read_presence_and_permissions_and_admins_settings() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let path = format!("users.presence?ids={}", alice.user_id);
    let presence = get(&workspace, &alice, &path).await;
    assert_eq!(presence["users"].as_array().unwrap().len(), 1);
    assert_eq!(presence["users"][0]["username"], "alice");
    let permissions = get(&workspace, &alice, "permissions.listAll").await;
    let known = permissions["update"].as_array().unwrap();
    assert!(known.iter().any(|one| one["_id"] == "create-user"));
    workspace.rc.add_user(NewUser {
        roles: vec!["admin".to_owned()],
        password: Some("root-password".to_owned()),
        ..NewUser::new("root")
    });
    let root = workspace.log_in("root").await;
    let setting = get(&workspace, &root, "settings/Site_Name").await;
    assert_eq!(setting["value"], "Rocket.Chat");
    let answer = workspace
        .get("/api/v1/settings/Site_Name")
        .by(&alice)
        .answer()
        .await;
    answer.with(403);
}

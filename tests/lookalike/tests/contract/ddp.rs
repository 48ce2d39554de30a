//! DDP messages and logins (RC §6.1 to §6.4, §2.2, §5.4).

use std::time::Duration;

use lookalike::{Manner, Options};
use serde_json::json;

use crate::ddp_client::DdpClient;
use crate::support::{RequestExt as _, Workspace};

async fn workspace() -> Workspace {
    Workspace::with_people(Options::new(Manner::V87)).await
}

#[tokio::test]
async fn rc_6_1_sockjs_info_invites_to_websockets() {
    let workspace = workspace().await;
    let answer = workspace.get("/sockjs/info").answer().await;
    let info = answer.with(200);
    assert_eq!(
        (&info["websocket"], &info["origins"]),
        (&json!(true), &json!(["*:*"]))
    );
    assert_eq!(info["cookie_needed"], false);
    assert!(info["entropy"].is_u64());
}

#[tokio::test]
async fn rc_6_1_both_framings_speak_the_same_ddp() {
    let workspace = workspace().await;
    let token = workspace.log_in("alice").await.token;
    for mut client in [
        DdpClient::raw(&workspace.rc).await,
        DdpClient::framed(&workspace.rc).await,
    ] {
        client.connect().await;
        let answer = client.call("login", json!([{"resume": token}])).await;
        assert_eq!(answer["result"]["token"], *token);
    }
}

#[tokio::test]
async fn rc_6_1_raw_ddp_stays_raw_behind_a_query() {
    let workspace = workspace().await;
    let mut client = DdpClient::open(&workspace.rc, "/websocket?x=1", &[]).await;
    client.connect().await;
    assert_eq!(
        workspace.rc.requests().last().unwrap().query.as_deref(),
        Some("x=1")
    );
    assert!(workspace.rc.requests().last().unwrap().upgrade);
}

#[tokio::test]
async fn rc_6_1_broken_framing_ends_the_socket() {
    let workspace = workspace().await;
    let mut client = DdpClient::framed(&workspace.rc).await;
    client.send_text("{\"msg\":\"connect\"}").await;
    client.closed().await;
}

#[tokio::test]
async fn rc_6_2_headers_and_cookies_of_the_upgrade_authenticate_nobody() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let cookie = format!("rc_uid={}; rc_token={}", alice.user_id, alice.token);
    let headers = [
        ("x-user-id", alice.user_id.as_str()),
        ("x-auth-token", alice.token.as_str()),
        ("cookie", cookie.as_str()),
    ];
    let mut client = DdpClient::open(&workspace.rc, "/websocket", &headers).await;
    client.connect().await;
    let answer = client.call("subscriptions/get", json!([])).await;
    assert_eq!(answer["error"]["error"], "error-invalid-user");
    let recorded = workspace.rc.requests();
    assert_eq!(
        recorded.last().unwrap().header("x-auth-token"),
        Some(alice.token.as_str())
    );
}

#[tokio::test]
async fn rc_6_3_the_first_message_must_be_connect_and_comes_once() {
    let workspace = workspace().await;
    let mut client = DdpClient::raw(&workspace.rc).await;
    assert_eq!(client.next().await.unwrap(), json!({"server_id": "0"}));
    client.send(&json!({"msg": "ping"})).await;
    let error = client.next().await.unwrap();
    assert_eq!(
        (&error["msg"], &error["reason"]),
        (&json!("error"), &json!("Must connect first"))
    );
    client.connect().await;
    client
        .send(&json!({"msg": "connect", "version": "1", "support": ["1"]}))
        .await;
    assert_eq!(client.next().await.unwrap()["reason"], "Already connected");
}

#[tokio::test]
async fn rc_6_3_an_unknown_version_is_refused_and_the_socket_closed() {
    let workspace = workspace().await;
    let mut client = DdpClient::raw(&workspace.rc).await;
    client
        .send(&json!({"msg": "connect", "version": "9", "support": ["9"]}))
        .await;
    let failed = client.until(|message| message["msg"] == "failed").await;
    assert_eq!(failed["version"], "1");
    client.closed().await;
}

#[tokio::test]
async fn rc_6_3_protocol_errors_name_what_offended_and_the_socket_stays_open() {
    let workspace = workspace().await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    for (text, reason) in [
        ("{\"msg\":", "Parse error"),
        ("{\"hello\":1}", "Bad request"),
        (
            "{\"msg\":\"method\",\"method\":\"login\"}",
            "Malformed method invocation",
        ),
        ("{\"msg\":\"sub\",\"id\":\"1\"}", "Malformed subscription"),
    ] {
        client.send_text(text).await;
        let error = client.next().await.unwrap();
        assert_eq!(
            (&error["msg"], &error["reason"]),
            (&json!("error"), &json!(reason)),
            "{text}"
        );
    }
    client.is_open().await;
}

#[tokio::test]
async fn rc_6_3_pings_are_answered_with_and_without_an_id() {
    let workspace = workspace().await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    client.send(&json!({"msg": "ping"})).await;
    assert_eq!(client.next().await.unwrap(), json!({"msg": "pong"}));
    client.send(&json!({"msg": "ping", "id": "x"})).await;
    assert_eq!(
        client.next().await.unwrap(),
        json!({"msg": "pong", "id": "x"})
    );
}

#[tokio::test]
async fn rc_6_3_a_resume_answers_the_same_token_after_the_users_document() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    let (before, answer) = client
        .call_all("login", json!([{"resume": alice.token}]))
        .await;
    let document = &before[0];
    assert_eq!(
        (&document["msg"], &document["collection"]),
        (&json!("added"), &json!("users"))
    );
    assert_eq!(document["id"], *alice.user_id);
    assert_eq!(document["fields"]["username"], "alice");
    let result = &answer["result"];
    assert_eq!(
        (&result["id"], &result["token"]),
        (&json!(alice.user_id), &json!(alice.token))
    );
    assert_eq!(result["type"], "resume");
    assert!(result["tokenExpires"]["$date"].is_i64());
    let updated = client.next().await.unwrap();
    assert_eq!(updated, json!({"msg": "updated", "methods": ["call-1"]}));
    assert_eq!(workspace.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn rc_6_4_a_password_login_makes_a_new_token() {
    let workspace = workspace().await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    let params = json!([{"user": {"username": "alice"}, "password": "alice-password"}]);
    let answer = client.call("login", params).await;
    assert_eq!(answer["result"]["type"], "password");
    assert_eq!(
        json!(workspace.rc.live_tokens("alice")),
        json!([answer["result"]["token"]])
    );
}

#[tokio::test]
async fn rc_6_4_a_personal_access_token_resumes_without_an_expiry() {
    let workspace = workspace().await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    let resume = json!([{"resume": workspace.rc.service_token()}]);
    let answer = client.call("login", resume).await;
    assert_eq!(answer["result"]["id"], *workspace.rc.service_user_id());
    assert!(answer["result"].get("tokenExpires").is_none());
}

#[tokio::test]
async fn rc_6_4_methods_that_make_tokens_make_them() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    let mut client = DdpClient::resumed(&workspace.rc, &alice.token).await;
    let second = client.call("getNewToken", json!([])).await["result"]["token"].clone();
    assert_eq!(
        json!(workspace.rc.live_tokens("alice")),
        json!([alice.token, second])
    );
    let personal = client
        .call("personalAccessTokens:generateToken", json!(["mine", true]))
        .await;
    let personal = personal["result"].as_str().unwrap().to_owned();
    let answer = client.call("logoutOtherClients", json!([])).await;
    assert_eq!(answer["result"]["token"], *alice.token);
    assert_eq!(workspace.rc.live_tokens("alice"), [alice.token.as_str()]);
    DdpClient::resumed(&workspace.rc, &personal).await;
}

#[tokio::test]
async fn rc_2_2_refused_logins_leave_the_socket_open_and_anonymous() {
    let workspace = workspace().await;
    let expired = workspace.log_in("bob").await;
    workspace.rc.advance(Duration::from_secs(90 * 86_400 + 1));
    let mut client = DdpClient::connected(&workspace.rc).await;
    let unknown = client.call("login", json!([{"resume": "nobody's"}])).await;
    assert_eq!(unknown["error"]["error"], 403);
    assert_eq!(unknown["error"]["errorType"], "Meteor.Error");
    let message = unknown["error"]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "You've been logged out by the server. Please log in again. [403]"
    );
    let wrong = json!([{"user": {"username": "alice"}, "password": "wrong"}]);
    assert_eq!(client.call("login", wrong).await["error"]["error"], 403);
    let late = client
        .call("login", json!([{"resume": expired.token}]))
        .await;
    assert_eq!(late["error"]["error"], 403);
    assert_eq!(
        client.call("rooms/get", json!([])).await["error"]["error"],
        "error-invalid-user"
    );
    client.is_open().await;
}

#[tokio::test]
async fn rc_3_5_an_expired_token_is_refused_on_ddp_while_rest_still_takes_it() {
    let workspace = workspace().await;
    let alice = workspace.log_in("alice").await;
    // The job has just run before, so it comes again only in ten minutes.
    workspace.rc.advance(Duration::from_secs(90 * 86_400 - 1));
    workspace
        .get("/api/v1/me")
        .by(&alice)
        .answer()
        .await
        .with(200);
    workspace.rc.advance(Duration::from_secs(2));
    let mut client = DdpClient::connected(&workspace.rc).await;
    let late = client.call("login", json!([{"resume": alice.token}])).await;
    let reason = late["error"]["reason"].as_str().unwrap();
    assert_eq!(reason, "Your session has expired. Please log in again.");
    workspace
        .get("/api/v1/me")
        .by(&alice)
        .answer()
        .await
        .with(200);
}

#[tokio::test]
async fn rc_3_3_a_token_of_a_deactivated_user_is_refused_on_ddp() {
    let workspace = workspace().await;
    workspace.rc.set_active("alice", false);
    let mut client = DdpClient::connected(&workspace.rc).await;
    let login = json!([{"user": {"username": "alice"}, "password": "alice-password"}]);
    let refused = client.call("login", login).await;
    assert_eq!(refused["error"]["error"], "error-user-is-not-activated");
}

#[tokio::test]
async fn rc_5_4_a_connection_may_log_in_five_times_in_ten_seconds() {
    let workspace = workspace().await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    let wrong = json!([{"resume": "nobody's"}]);
    for _ in 0..5 {
        assert_eq!(
            client.call("login", wrong.clone()).await["error"]["error"],
            403
        );
    }
    let refused = client.call("login", wrong.clone()).await["error"].clone();
    assert_eq!(refused["error"], "too-many-requests");
    assert!(refused["details"]["timeToReset"].as_i64().unwrap() > 0);
    let mut other = DdpClient::connected(&workspace.rc).await;
    assert_eq!(
        other.call("login", wrong.clone()).await["error"]["error"],
        403
    );
    workspace.rc.advance(Duration::from_secs(10));
    assert_eq!(client.call("login", wrong).await["error"]["error"], 403);
}

#[tokio::test]
async fn without_the_limiter_methods_are_not_limited() {
    let options = Options {
        rate_limiter: false,
        ..Options::new(Manner::V87)
    };
    let workspace = Workspace::start(options).await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    for _ in 0..12 {
        let answer = client.call("login", json!([{"resume": "nobody's"}])).await;
        assert_eq!(answer["error"]["error"], 403);
    }
}

#[tokio::test]
async fn rc_6_3_unknown_methods_and_subscriptions_are_404() {
    let workspace = workspace().await;
    let mut client = DdpClient::connected(&workspace.rc).await;
    assert_eq!(client.call("dance", json!([])).await["error"]["error"], 404);
    assert_eq!(
        client.subscribe("s", "dances", "").await["error"]["error"],
        404
    );
    assert_eq!(
        client.call("createToken", json!(["x"])).await["error"]["error"],
        404,
        "an 8.x"
    );
}

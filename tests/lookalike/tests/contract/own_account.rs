//! RC §2.7, §3.7, §9: what users do to their own account, and the ways around a login.

use lookalike::{Manner, NewUser, Options};
use serde_json::json;

use crate::support::{Credentials, RequestExt as _, Workspace};

const BASIC_INFO: &str = "/api/v1/users.updateOwnBasicInfo";

async fn workspace() -> (Workspace, Credentials) {
    let workspace = Workspace::start(Options::new(Manner::V87)).await;
    let password = Some("secret".to_owned());
    workspace.rc.add_user(NewUser {
        password,
        ..NewUser::new("alice")
    });
    let alice = login(&workspace, "secret").await;
    (workspace, alice)
}

async fn login(workspace: &Workspace, password: &str) -> Credentials {
    let body = json!({"user": "alice", "password": password});
    let answer = workspace
        .post("/api/v1/login", &body)
        .answer()
        .await
        .with(200);
    Credentials {
        user_id: answer["data"]["userId"].as_str().unwrap().to_owned(),
        token: answer["data"]["authToken"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn rc_9_users_change_their_own_name_and_password_once_a_minute() {
    let (workspace, alice) = workspace().await;
    let body = json!({"data": {"username": "alice.b", "name": "Alice B.", "newPassword": "new"}});
    let change = || workspace.post(BASIC_INFO, &body).by(&alice).answer();
    assert_eq!(change().await.with(200)["user"]["username"], "alice.b");
    change().await.with(429);
    assert_eq!(workspace.rc.user("alice"), None);
    let login = json!({"user": "alice.b", "password": "new"});
    workspace
        .post("/api/v1/login", &login)
        .answer()
        .await
        .with(200);
}

#[tokio::test]
async fn rc_9_a_name_taken_by_another_is_refused() {
    let (workspace, alice) = workspace().await;
    workspace.rc.add_user(NewUser::new("bob"));
    let body = json!({"data": {"username": "Bob"}});
    let refused = workspace
        .post(BASIC_INFO, &body)
        .by(&alice)
        .answer()
        .await
        .with(400);
    assert_eq!(refused["errorType"], "error-field-unavailable");
}

#[tokio::test]
async fn rc_2_7_enabling_mailed_codes_ends_the_other_tokens() {
    let (workspace, other) = workspace().await;
    let own = login(&workspace, "secret").await;
    let path = "/api/v1/users.2fa.enableEmail";
    workspace
        .post(path, &json!({}))
        .by(&own)
        .answer()
        .await
        .with(200);
    assert_eq!(workspace.rc.live_tokens("alice"), [own.token]);
    workspace
        .get("/api/v1/me")
        .by(&other)
        .answer()
        .await
        .with(401);
}

#[tokio::test]
async fn rc_9_deleting_oneself_follows_its_setting() {
    let (workspace, alice) = workspace().await;
    let delete = || {
        workspace
            .post("/api/v1/users.deleteOwnAccount", &json!({}))
            .by(&alice)
            .answer()
    };
    delete().await.with(400);
    workspace
        .rc
        .set_setting("Accounts_AllowDeleteOwnAccount", json!(true));
    delete().await.with(200);
    assert_eq!(workspace.rc.user("alice"), None);
}

#[tokio::test]
async fn rc_3_7_no_login_code_is_ever_right() {
    let (workspace, _) = workspace().await;
    let body = json!({"code": "x".repeat(64)});
    let refused = workspace
        .post("/api/v1/loginCode.redeem", &body)
        .answer()
        .await;
    assert_eq!(refused.with(400)["success"], false);
}

//! Secrets that are exchanged for others: the admin API's token, and what Gantry acts with at Rocket.Chat.

use serde_json::json;

use crate::reload::stage::Stage;

async fn listed(stage: &Stage, token: &str) -> u16 {
    let address = stage.gateway.running.admin_address();
    let asked = stage
        .gateway
        .client
        .get(format!("http://{address}/sessions"));
    let answer = asked.bearer_auth(token).send().await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn the_admin_api_opens_for_the_new_token_and_no_longer_for_the_old_one() {
    let (old, new) = (
        "an-admin-token-of-long-ago-0123456789",
        "another-admin-token-0123456789-0123456789",
    );
    let mut stage = Stage::with(|config, files| {
        files.write("admin-token", old);
        config["admin"]["token_file"] = json!(files.path("admin-token"));
    })
    .await;
    assert_eq!(listed(&stage, old).await, 200);
    stage.write("admin-token", new);
    stage.reload("ok").await;
    assert_eq!(listed(&stage, old).await, 401);
    assert_eq!(listed(&stage, new).await, 200);
    let log = stage.gateway.log.clone();
    log.until_line(&["is in force", "admin.token_file"]).await;
    assert!(!log.text().contains(new), "{}", log.text());
    stage
        .change(|config| {
            config["admin"]
                .as_object_mut()
                .unwrap()
                .remove("token_file");
        })
        .await;
    assert_eq!(listed(&stage, new).await, 403);
}

#[tokio::test]
async fn a_changed_service_account_acts_at_once() {
    let mut stage = Stage::start().await;
    let (name, password) = (
        stage.gateway.rc.service_username(),
        stage.gateway.rc.service_password(),
    );
    stage
        .change(|config| {
            config["rocketchat"]["service_account"] =
                json!({ "username": name, "password": password });
        })
        .await;
    // The token from before is of no use to anybody any more.
    stage.gateway.rc.forget_requests();
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 200);
    let minted = stage
        .gateway
        .received("/api/v1/users.createToken")
        .remove(0);
    let shown = minted.header("x-auth-token").unwrap();
    assert_ne!(shown, stage.gateway.rc.service_token());
    assert_eq!(stage.gateway.rc.live_tokens(&name), [shown]);
    // And back: the login that was made in between is given back.
    let (id, token) = (
        stage.gateway.rc.service_user_id(),
        stage.gateway.rc.service_token(),
    );
    stage
        .change(|config| {
            config["rocketchat"]["service_account"] = json!({ "user_id": id, "auth_token": token });
        })
        .await;
    stage.gateway.until_live_tokens(&name, 0).await;
}

#[tokio::test]
async fn another_create_token_secret_is_shown_from_now_on() {
    let mut stage = Stage::start().await;
    let right = stage.config["rocketchat"]["create_token_secret"].clone();
    stage
        .change(|config| config["rocketchat"]["create_token_secret"] = json!("wrong"))
        .await;
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 502);
    stage
        .change(|config| config["rocketchat"]["create_token_secret"] = right)
        .await;
    assert_eq!(stage.status(&alice).await, 200);
}

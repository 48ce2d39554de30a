//! What a user is created with, and how it follows the claims.

use lookalike::NewUser;
use serde_json::json;

use crate::sessions::stage::{ISSUER, Stage};
use crate::support::eventually::eventually;

#[tokio::test]
async fn a_user_is_created_with_what_the_claims_say() {
    let stage = Stage::new().await;
    let claims = json!({"name": "Alice <A.>", "roles": ["staff", "unmapped"]});
    let token = stage.token_of(ISSUER, "alice", "tab", claims).await;
    stage.sessions.admit(&token).await.expect("a session");
    let user = stage.rc.user("alice").expect("the user was created");
    assert_eq!(user.name, "Alice A.");
    assert_eq!(user.roles, ["user", "moderator"]);
    assert_eq!(user.emails[0].address, "alice@example.org");
    assert!(user.emails[0].verified);
}

#[tokio::test]
async fn a_principal_without_an_address_gets_one_of_the_domain() {
    let stage =
        Stage::ruled(|rules| rules.users.email_domain = "users.example.org".to_owned()).await;
    let token = stage
        .token_of(ISSUER, "alice", "tab", json!({"email": null}))
        .await;
    stage.sessions.admit(&token).await.expect("a session");
    let user = stage.rc.user("alice").expect("the user was created");
    assert_eq!(user.emails[0].address, "alice@users.example.org");
    assert!(!user.emails[0].verified);
}

#[tokio::test]
async fn name_address_and_roles_follow_the_claims_at_the_next_exchange() {
    let stage = Stage::new().await;
    stage.admitted("alice", "first").await;
    let claims = json!({"name": "Alice B.", "email": "b@example.org", "roles": ["staff"]});
    let token = stage.token_of(ISSUER, "alice", "second", claims).await;
    stage.sessions.admit(&token).await.expect("a session");
    eventually("the profile is in step", || {
        let user = stage.rc.user("alice").expect("alice is there");
        user.name == "Alice B."
            && user.emails[0].address == "b@example.org"
            && user.roles == ["user", "moderator"]
    })
    .await;
}

#[tokio::test]
async fn a_user_in_step_is_not_updated() {
    let stage = Stage::new().await;
    stage.admitted("alice", "first").await;
    let second = stage.admitted("alice", "second").await;
    stage
        .sessions
        .drain(std::time::Duration::from_secs(1))
        .await;
    assert!(!second.session.ended());
    assert_eq!(stage.rc.calls("POST", "/api/v1/users.update"), 0);
}

#[tokio::test]
async fn a_profile_that_cannot_be_updated_keeps_nobody_out() {
    let stage = Stage::new().await;
    stage.rc.revoke_permission("edit-other-user-info");
    stage.rc.add_user(NewUser {
        name: "An older name".to_owned(),
        ..NewUser::new("alice")
    });
    stage.admitted("alice", "tab").await;
    eventually("the update was tried", || {
        stage.rc.calls("POST", "/api/v1/users.update") == 1
    })
    .await;
    assert_eq!(
        stage.rc.user("alice").expect("alice is there").name,
        "An older name"
    );
}

#[tokio::test]
async fn without_sync_profile_nothing_follows() {
    let stage = Stage::ruled(|rules| rules.users.sync_profile = false).await;
    stage.rc.add_user(NewUser::new("alice"));
    stage.admitted("alice", "tab").await;
    stage
        .sessions
        .drain(std::time::Duration::from_secs(1))
        .await;
    assert_eq!(stage.rc.calls("POST", "/api/v1/users.update"), 0);
}

#[tokio::test]
async fn a_changed_username_claim_renames_nobody() {
    let stage = Stage::new().await;
    stage.admitted("alice", "first").await;
    let claims = json!({"preferred_username": "admin"});
    let token = stage.token_of(ISSUER, "alice", "second", claims).await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    assert_eq!(admitted.session.username(), "alice");
    assert_eq!(stage.creations(), 1);
}

#[tokio::test]
async fn a_user_renamed_at_rocket_chat_stays_the_principals() {
    let stage = Stage::new().await;
    let first = stage.admitted("alice", "first").await;
    stage
        .chat
        .update_user(first.credentials.user_id(), Some("Renamed"), None, None)
        .await
        .expect("the update is taken");
    let second = stage.admitted("alice", "second").await;
    assert_eq!(second.credentials.user_id(), first.credentials.user_id());
}

//! Whose user a principal may act as, and whose it may not.

use lookalike::NewUser;
use serde_json::json;

use gantry::session::{ExchangeError, Reason};

use crate::sessions::stage::{ISSUER, OTHER_ISSUER, Stage};

async fn refused(stage: &Stage, name: &str) -> Reason {
    let token = stage.token(name, "tab").await;
    match stage.sessions.admit(&token).await {
        Err(ExchangeError::NotPermitted(reason)) => reason,
        other => panic!("{name} should not be permitted, got {other:?}"),
    }
}

#[tokio::test]
async fn a_user_that_was_there_before_is_taken_over_and_none_is_created() {
    let stage = Stage::new().await;
    let before = stage.rc.add_user(NewUser::new("alice"));
    let admitted = stage.admitted("alice", "tab").await;
    assert_eq!(admitted.credentials.user_id(), before.id);
    assert_eq!(stage.creations(), 0);
}

#[tokio::test]
async fn a_holder_of_a_protected_role_is_never_acted_as() {
    let stage = Stage::new().await;
    stage.rc.add_user(NewUser {
        roles: vec!["user".to_owned(), "admin".to_owned()],
        ..NewUser::new("boss")
    });
    assert_eq!(refused(&stage, "boss").await, Reason::ProtectedRole);
    assert_eq!(stage.mintings(), 0);
}

#[tokio::test]
async fn a_bot_is_never_acted_as() {
    let stage = Stage::new().await;
    stage.rc.add_user(NewUser {
        user_type: "bot".to_owned(),
        ..NewUser::new("helper")
    });
    assert_eq!(refused(&stage, "helper").await, Reason::NotAPerson);
    assert_eq!(stage.mintings(), 0);
}

#[tokio::test]
async fn a_deactivated_user_is_never_acted_as() {
    let stage = Stage::new().await;
    stage.rc.add_user(NewUser {
        active: false,
        ..NewUser::new("leaver")
    });
    assert_eq!(refused(&stage, "leaver").await, Reason::Deactivated);
    assert_eq!(stage.mintings(), 0);
}

#[tokio::test]
async fn a_user_waiting_for_approval_is_created_and_not_acted_as() {
    let stage = Stage::new().await;
    stage
        .rc
        .set_setting("Accounts_ManuallyApproveNewUsers", json!(true));
    assert_eq!(refused(&stage, "alice").await, Reason::Deactivated);
    assert_eq!((stage.creations(), stage.mintings()), (1, 0));
    stage.rc.set_active("alice", true);
    stage.admitted("alice", "tab").await;
    assert_eq!(stage.creations(), 1);
}

#[tokio::test]
async fn a_user_whose_roles_are_not_shown_is_not_taken_over() {
    let stage = Stage::new().await;
    stage.rc.add_user(NewUser::new("alice"));
    stage.rc.revoke_permission("view-full-other-user-info");
    assert_eq!(refused(&stage, "alice").await, Reason::RolesNotShown);
    stage.rc.grant_permission("view-full-other-user-info");
    stage.admitted("alice", "tab").await;
}

#[tokio::test]
async fn a_created_user_needs_no_roles_shown() {
    let stage = Stage::new().await;
    stage.rc.revoke_permission("view-full-other-user-info");
    stage.admitted("alice", "first").await;
    stage.admitted("alice", "second").await;
    assert_eq!(stage.creations(), 1);
}

#[tokio::test]
async fn without_adoption_only_created_users_are_acted_as() {
    let stage = Stage::ruled(|rules| rules.users.adopt_existing = false).await;
    stage.rc.add_user(NewUser::new("alice"));
    assert_eq!(refused(&stage, "alice").await, Reason::AdoptionOff);
    stage.admitted("bob", "first").await;
    stage.admitted("bob", "second").await;
}

#[tokio::test]
async fn without_provisioning_unknown_users_are_refused() {
    let stage = Stage::ruled(|rules| rules.users.provision = false).await;
    stage.rc.add_user(NewUser::new("alice"));
    assert_eq!(refused(&stage, "bob").await, Reason::Unknown);
    stage.admitted("alice", "tab").await;
    assert_eq!(stage.creations(), 0);
}

#[tokio::test]
async fn a_user_of_another_principal_is_refused() {
    let stage = Stage::new().await;
    stage.admitted("alice", "tab").await;
    let namesake = stage
        .token_of(OTHER_ISSUER, "alice", "tab", json!({}))
        .await;
    let other_subject = stage
        .token_of(ISSUER, "alice", "tab", json!({"sub": "somebody else"}))
        .await;
    for token in [namesake, other_subject] {
        let refused = stage.sessions.admit(&token).await.expect_err("not theirs");
        assert_eq!(refused.kind(), "user-of-another-principal");
    }
    assert_eq!(stage.mintings(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_principals_that_want_one_name_at_once_one_gets_it() {
    let stage = Stage::new().await;
    let mut asking = Vec::new();
    for number in 0..20 {
        let claims = json!({"sub": format!("subject {number}")});
        let token = stage.token_of(ISSUER, "alice", "tab", claims).await;
        asking.push(stage.admit_aside(&token));
    }
    let mut admitted = 0;
    for asked in asking {
        match asked.await.expect("no panic") {
            Ok(_) => admitted += 1,
            Err(error) => assert_eq!(error.kind(), "user-of-another-principal"),
        }
    }
    assert_eq!(admitted, 1);
    assert_eq!((stage.creations(), stage.mintings()), (1, 1));
}

#[tokio::test]
async fn a_user_whose_id_is_the_wanted_name_is_another_user() {
    let stage = Stage::new().await;
    stage.rc.add_user(NewUser {
        id: Some("alice".to_owned()),
        ..NewUser::new("somebody")
    });
    let admitted = stage.admitted("alice", "tab").await;
    assert_ne!(admitted.credentials.user_id(), "alice");
    assert_eq!(
        stage.rc.user("alice").expect("created").id,
        admitted.credentials.user_id()
    );
}

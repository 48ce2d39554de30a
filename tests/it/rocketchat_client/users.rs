//! Finding, creating and updating users (RC §2.5, §2.9, §4).

use gantry::rocketchat::{ApiError, NewUser, RefusedData};
use lookalike::{self, Email, Manner};

use super::stage::{ALICE, Stage};

#[tokio::test]
async fn a_created_user_is_as_asked_and_found_again() {
    for manner in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        let stage = Stage::of(manner).await;
        let created = stage.alice().await;
        let there = stage.rc.user("alice").expect("made");
        assert_eq!(there.name, "Alice A.");
        let emails = [Email {
            address: "alice@example.org".to_owned(),
            verified: true,
        }];
        assert_eq!(there.emails, emails);
        assert_eq!(
            (there.roles.as_slice(), there.active),
            (&["user".to_owned()][..], true)
        );
        let by_name = stage.found("alice").await;
        let by_id = stage.chat.user_by_id(&there.id).await.expect("an answer");
        assert_eq!(by_id.as_ref(), Some(&by_name), "for {manner:?}");
        assert_eq!((created.id, created.active), (there.id, true));
        assert_eq!(by_name.roles, Some(vec!["user".to_owned()]));
        assert_eq!(by_name.user_type.as_deref(), Some("user"));
        assert_eq!(by_name.email.as_deref(), Some("alice@example.org"));
    }
}

#[tokio::test]
async fn two_users_have_different_passwords_that_nobody_is_told() {
    let stage = Stage::of(Manner::V87).await;
    stage.alice().await;
    let bob = NewUser {
        username: "bob",
        email: "bob@example.org",
        ..ALICE
    };
    stage.chat.create_user(&bob).await.expect("made");
    let passwords: Vec<String> = stage
        .rc
        .requests()
        .iter()
        .filter(|request| request.path == "/api/v1/users.create")
        .map(|request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
            assert_eq!(body.get("active"), None);
            body["password"].as_str().expect("a password").to_owned()
        })
        .collect();
    assert_eq!(passwords.len(), 2);
    assert_ne!(passwords[0], passwords[1]);
    assert!(passwords.iter().all(|password| password.len() > 40));
}

#[tokio::test]
async fn a_name_is_found_in_its_exact_case_only() {
    let stage = Stage::of(Manner::V87).await;
    stage.alice().await;
    assert!(
        stage
            .chat
            .user_by_name("Alice")
            .await
            .expect("an answer")
            .is_none()
    );
    assert!(
        stage
            .chat
            .user_by_name("nobody")
            .await
            .expect("an answer")
            .is_none()
    );
    assert!(
        stage
            .chat
            .user_by_name("")
            .await
            .expect("an answer")
            .is_none()
    );
    assert!(
        stage
            .chat
            .user_by_name("a&userId=b c")
            .await
            .expect("an answer")
            .is_none()
    );
}

#[tokio::test]
async fn a_name_that_is_anothers_id_finds_nobody() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    assert!(
        stage
            .chat
            .user_by_name(&alice.id)
            .await
            .expect("an answer")
            .is_none()
    );
    assert!(
        stage
            .chat
            .user_by_id("alice")
            .await
            .expect("an answer")
            .is_none()
    );
}

#[tokio::test]
async fn roles_and_address_that_may_not_be_seen_are_absent() {
    let stage = Stage::of(Manner::V87).await;
    stage.alice().await;
    stage.rc.revoke_permission("view-full-other-user-info");
    let alice = stage.found("alice").await;
    assert_eq!((alice.roles, alice.email), (None, None));
    assert!(alice.active);
}

#[tokio::test]
async fn a_deactivated_user_is_told() {
    let stage = Stage::of(Manner::V87).await;
    stage.alice().await;
    stage.rc.set_active("alice", false);
    assert!(!stage.found("alice").await.active);
}

#[tokio::test]
async fn a_user_that_waits_for_approval_is_not_active() {
    let stage = Stage::of(Manner::V87).await;
    stage
        .rc
        .set_setting("Accounts_ManuallyApproveNewUsers", true.into());
    assert!(!stage.alice().await.active);
}

#[tokio::test]
async fn a_refusal_tells_what_it_is_about() {
    let stage = Stage::of(Manner::V87).await;
    stage.alice().await;
    stage
        .rc
        .set_setting("Accounts_BlockedDomainsList", "blocked.example".into());
    let bob = NewUser {
        username: "bob",
        name: "Bob",
        email: "bob@example.org",
        ..ALICE
    };
    for (user, code, about) in [
        (
            NewUser {
                username: "alice",
                ..bob
            },
            "error-field-unavailable",
            RefusedData::UsernameTaken,
        ),
        (
            NewUser {
                username: "ALICE",
                ..bob
            },
            "error-field-unavailable",
            RefusedData::UsernameTaken,
        ),
        (
            NewUser {
                email: "Alice@example.org",
                ..bob
            },
            "error-field-unavailable",
            RefusedData::EmailTaken,
        ),
        (
            NewUser {
                username: "bob smith",
                ..bob
            },
            "error-input-is-not-a-valid-field",
            RefusedData::Username,
        ),
        (
            NewUser {
                username: "all",
                ..bob
            },
            "error-blocked-username",
            RefusedData::Username,
        ),
        (
            NewUser {
                username: "admin",
                ..bob
            },
            "error-blocked-username",
            RefusedData::Username,
        ),
        (
            NewUser {
                email: "bob",
                ..bob
            },
            "error-invalid-email",
            RefusedData::Email,
        ),
        (
            NewUser {
                email: "bob@blocked.example",
                ..bob
            },
            "error-email-domain-blacklisted",
            RefusedData::Email,
        ),
        (
            NewUser {
                name: "Bob <3",
                ..bob
            },
            "no code",
            RefusedData::Name,
        ),
    ] {
        let error = stage.chat.create_user(&user).await.expect_err("refused");
        let refusal = error
            .refusal()
            .unwrap_or_else(|| panic!("{error:?} for {user:?}"));
        assert_eq!(
            (refusal.error_type(), refusal.about()),
            (code, about),
            "for {user:?}"
        );
    }
    assert_eq!(stage.rc.created_users().len(), 1);
}

#[tokio::test]
async fn a_missing_permission_or_role_is_a_configuration_fault() {
    let stage = Stage::of(Manner::V87).await;
    let roles = ["no-such-role".to_owned()];
    let user = NewUser {
        roles: &roles,
        ..ALICE
    };
    let error = stage.chat.create_user(&user).await.expect_err("refused");
    assert!(matches!(error, ApiError::NotPermitted(_)), "{error:?}");
    stage.rc.revoke_permission("create-user");
    let error = stage.chat.create_user(&ALICE).await.expect_err("refused");
    assert!(matches!(error, ApiError::NotPermitted(_)), "{error:?}");
}

#[tokio::test]
async fn only_what_is_given_is_updated() {
    for manner in [Manner::V6, Manner::V87] {
        let stage = Stage::of(manner).await;
        let alice = stage.alice().await;
        stage
            .chat
            .update_user(&alice.id, None, None, None)
            .await
            .expect("nothing to do");
        assert_eq!(stage.rc.calls("POST", "/api/v1/users.update"), 0);
        let roles = ["user".to_owned(), "leader".to_owned()];
        let email = Some(("alice@example.net", false));
        stage
            .chat
            .update_user(&alice.id, None, email, None)
            .await
            .expect("updated");
        let there = stage.rc.user("alice").expect("made");
        assert_eq!(
            (there.name.as_str(), there.emails[0].verified),
            ("Alice A.", false)
        );
        assert_eq!(there.emails[0].address, "alice@example.net");
        stage
            .chat
            .update_user(&alice.id, None, None, Some(&roles))
            .await
            .expect("updated");
        assert_eq!(stage.rc.user("alice").expect("made").roles, roles);
    }
}

#[tokio::test]
async fn an_update_to_a_taken_address_is_refused_as_such() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    let bob = NewUser {
        username: "bob",
        email: "bob@example.org",
        ..ALICE
    };
    stage.chat.create_user(&bob).await.expect("made");
    let email = Some(("bob@example.org", true));
    let error = stage
        .chat
        .update_user(&alice.id, None, email, None)
        .await
        .expect_err("taken");
    assert_eq!(
        error.refusal().map(|it| it.about()),
        Some(RefusedData::EmailTaken)
    );
}

#[tokio::test]
async fn an_update_without_the_permission_is_a_configuration_fault() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    stage.rc.revoke_permission("edit-other-user-info");
    let error = stage
        .chat
        .update_user(&alice.id, Some("A"), None, None)
        .await
        .expect_err("no");
    assert!(matches!(error, ApiError::NotPermitted(_)), "{error:?}");
}

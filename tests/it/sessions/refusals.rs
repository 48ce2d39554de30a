//! What Rocket.Chat or the claims refuse: each with a clear answer, no token minted, and no loop.

use std::time::Duration;

use gantry::session::{ExchangeError, Reason};
use lookalike::{CreateToken, Fault, FaultKind, NewUser, Options};
use serde_json::json;

use crate::sessions::stage::{ISSUER, Settings, Stage};

async fn kind_of(stage: &Stage, name: &str, changes: serde_json::Value) -> String {
    let token = stage.token_of(ISSUER, name, "tab", changes).await;
    let refused = stage.sessions.admit(&token).await;
    refused.expect_err("it is refused").kind().to_owned()
}

#[tokio::test]
async fn a_username_that_rocket_chat_blocks_is_refused_after_one_try() {
    let stage = Stage::new().await;
    assert_eq!(kind_of(&stage, "all", json!({})).await, "refused");
    assert_eq!((stage.creations(), stage.mintings()), (1, 0));
}

#[tokio::test]
async fn a_username_outside_the_pattern_is_cleaned_and_accepted() {
    let stage = Stage::new().await;
    let claims = json!({"preferred_username": "Alice Å. <x>"});
    let token = stage.token_of(ISSUER, "alice", "tab", claims).await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    let name = admitted.session.username();
    assert!(name.starts_with("Alice-"), "{name}");
    assert!(stage.rc.user(name).is_some());
}

#[tokio::test]
async fn a_taken_address_is_refused_and_nobody_is_taken_over() {
    let stage = Stage::new().await;
    stage.rc.add_user(NewUser {
        email: Some("alice@example.org".to_owned()),
        ..NewUser::new("first")
    });
    assert_eq!(kind_of(&stage, "alice", json!({})).await, "refused");
    assert_eq!(stage.mintings(), 0);
    assert!(stage.rc.user("alice").is_none());
}

#[tokio::test]
async fn a_name_that_differs_from_anothers_in_case_only_is_refused_after_two_tries() {
    let stage = Stage::new().await;
    stage.rc.add_user(NewUser::new("Alice"));
    assert_eq!(kind_of(&stage, "alice", json!({})).await, "refused");
    assert_eq!((stage.creations(), stage.mintings()), (2, 0));
}

#[tokio::test]
async fn claims_that_make_no_user_are_refused_before_rocket_chat_is_asked_to_create() {
    let stage = Stage::new().await;
    let check = async |changes, kind: &str| {
        assert_eq!(kind_of(&stage, "alice", changes).await, kind);
    };
    check(json!({"preferred_username": null}), "username-missing").await;
    check(json!({"preferred_username": ""}), "username-missing").await;
    check(json!({"email": null}), "email-missing").await;
    check(
        json!({"email": "a@evil.org@example.org"}),
        "email-malformed",
    )
    .await;
    assert_eq!((stage.creations(), stage.mintings()), (0, 0));
}

#[tokio::test]
async fn a_wrong_create_token_secret_is_a_fault_of_the_configuration() {
    let stage = Stage::with(Settings {
        options: Options {
            create_token: CreateToken::Secret("another".to_owned()),
            ..Options::default()
        },
        ..Settings::default()
    })
    .await;
    assert_eq!(kind_of(&stage, "alice", json!({})).await, "not-permitted");
    assert_eq!(stage.sample("gantry_sessions"), 0);
}

#[tokio::test]
async fn a_limited_rocket_chat_is_not_asked_again_before_its_time() {
    let stage = Stage::new().await;
    let reset_in = Duration::from_secs(50);
    stage.rc.fault(Fault::always(
        "/api/v1/users.info",
        FaultKind::RateLimited { reset_in },
    ));
    let token = stage.token("alice", "tab").await;
    match stage.sessions.admit(&token).await {
        // Rocket.Chat's clock goes on while ours stands still.
        Err(ExchangeError::RateLimited(wait)) => {
            assert!(wait < reset_in + Duration::from_secs(5), "{wait:?}");
        }
        other => panic!("it should be limited, got {other:?}"),
    }
}

#[tokio::test]
async fn every_reason_has_its_own_name() {
    let reasons = [
        Reason::UsernameMissing,
        Reason::Unknown,
        Reason::EmailMissing,
        Reason::EmailMalformed,
        Reason::Deactivated,
        Reason::NotAPerson,
        Reason::ProtectedRole,
        Reason::RolesNotShown,
        Reason::AdoptionOff,
        Reason::OfAnotherPrincipal,
    ];
    let mut names: Vec<_> = reasons.iter().map(|reason| reason.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), reasons.len());
}

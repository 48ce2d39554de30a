//! Stand-ins: they name a session for as long as it lives.

use std::sync::Arc;

use gantry::session::EndCause;

use crate::sessions::stage::Stage;

#[tokio::test]
async fn a_stand_in_names_its_session_with_the_credentials_of_now() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let other = stage.admitted("bob", "tab").await;
    let stand_in = stage.sessions.issue_stand_in(&admitted);
    let _of_other = stage.sessions.issue_stand_in(&other);
    let renewed = stage
        .sessions
        .reject(&admitted)
        .await
        .expect("new credentials");
    let named = stage
        .sessions
        .of_stand_in(stand_in.reveal())
        .expect("a session");
    assert!(Arc::ptr_eq(&named.session, &admitted.session));
    assert!(Arc::ptr_eq(&named.credentials, &renewed.credentials));
}

#[tokio::test]
async fn a_stand_in_is_worthless_at_rocket_chat_and_a_token_of_rocket_chat_is_none() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let stand_in = stage.sessions.issue_stand_in(&admitted);
    let token = admitted.credentials.auth_token().reveal();
    assert_ne!(stand_in.reveal(), token);
    assert!(stage.sessions.of_stand_in(token).is_none());
    assert!(stage.sessions.of_stand_in("").is_none());
}

#[tokio::test]
async fn stand_ins_die_with_their_session() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let before = stage.sessions.issue_stand_in(&admitted);
    stage.sessions.end(&admitted.session, EndCause::Release);
    let after = stage.sessions.issue_stand_in(&admitted);
    for stand_in in [before, after] {
        assert!(stage.sessions.of_stand_in(stand_in.reveal()).is_none());
    }
}

#[tokio::test]
async fn the_seventeenth_stand_in_drops_the_first() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let all: Vec<_> = (0..17)
        .map(|_| stage.sessions.issue_stand_in(&admitted))
        .collect();
    let named = |stand_in: &gantry::session::StandIn| {
        stage.sessions.of_stand_in(stand_in.reveal()).is_some()
    };
    assert!(!named(&all[0]));
    assert!(all[1..].iter().all(named));
}

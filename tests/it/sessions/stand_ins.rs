//! Stand-ins: they name a session for as long as it lives.

use std::sync::Arc;

use gantry::session::EndCause;

use crate::sessions::stage::Stage;

#[tokio::test]
async fn a_stand_in_names_its_session_with_the_credentials_of_now() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let other = stage.admitted("bob", "tab").await;
    let stand_in = stage.sessions.stand_in(&admitted);
    let _of_other = stage.sessions.stand_in(&other);
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
    let stand_in = stage.sessions.stand_in(&admitted);
    let token = admitted.credentials.auth_token().reveal();
    assert_ne!(stand_in.reveal(), token);
    assert!(stage.sessions.of_stand_in(token).is_none());
    assert!(stage.sessions.of_stand_in("").is_none());
}

#[tokio::test]
async fn stand_ins_die_with_their_session() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let before = stage.sessions.stand_in(&admitted);
    stage.sessions.end(&admitted.session, EndCause::Release);
    let after = stage.sessions.stand_in(&admitted);
    for stand_in in [before, after] {
        assert!(stage.sessions.of_stand_in(stand_in.reveal()).is_none());
    }
}

#[tokio::test]
async fn a_session_has_one_stand_in_however_often_it_is_asked_for() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let first = stage.sessions.stand_in(&admitted);
    let all = std::iter::repeat_with(|| stage.sessions.stand_in(&admitted)).take(100);
    assert!(all.into_iter().all(|one| one.reveal() == first.reveal()));
    let other = stage.admitted("alice", "another tab").await;
    assert_ne!(stage.sessions.stand_in(&other).reveal(), first.reveal());
}

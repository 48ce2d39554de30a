//! Exchanges: one per host session however many ask, one creation per principal, and nobody gets another's credentials.

use std::sync::Arc;

use lookalike::{Fault, FaultKind, Latch};

use crate::sessions::stage::Stage;
use crate::support::eventually::eventually;

const CREATE: &str = "/api/v1/users.create";
const CREATE_TOKEN: &str = "/api/v1/users.createToken";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_first_requests_of_one_new_user_create_once_and_mint_once() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let asking: Vec<_> = (0..300).map(|_| stage.admit_aside(&token)).collect();
    let mut sessions = Vec::new();
    for asked in asking {
        let admitted = asked.await.expect("no panic").expect("a session");
        sessions.push(admitted.session.id().to_owned());
    }
    sessions.dedup();
    assert_eq!(sessions.len(), 1);
    assert_eq!((stage.creations(), stage.mintings()), (1, 1));
    assert_eq!(stage.rc.live_tokens("alice").len(), 1);
    assert_eq!(stage.sample("gantry_sessions"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_new_users_at_once_get_each_their_own() {
    let stage = Stage::new().await;
    let mut asking = Vec::new();
    for number in 0..300 {
        let name = format!("user{number}");
        let token = stage.token(&name, "tab").await;
        asking.push((name, stage.admit_aside(&token)));
    }
    for (name, asked) in asking {
        let admitted = asked.await.expect("no panic").expect("a session");
        let user = stage.rc.user(&name).expect("the user was created");
        assert_eq!(admitted.session.username(), name);
        assert_eq!(admitted.credentials.user_id(), user.id);
        assert_eq!(
            stage.rc.live_tokens(&name),
            [admitted.credentials.auth_token().reveal().to_owned()]
        );
    }
    assert_eq!((stage.creations(), stage.mintings()), (300, 300));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_sessions_of_one_new_principal_share_one_creation_and_no_token() {
    let stage = Stage::new().await;
    let mut asking = Vec::new();
    for number in 0..10 {
        let token = stage.token("alice", &format!("tab {number}")).await;
        asking.push(stage.admit_aside(&token));
    }
    for asked in asking {
        asked.await.expect("no panic").expect("a session");
    }
    assert_eq!((stage.creations(), stage.mintings()), (1, 10));
    assert_eq!(stage.rc.live_tokens("alice").len(), 10);
}

#[tokio::test]
async fn a_warm_request_asks_rocket_chat_nothing() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let first = stage.sessions.admit(&token).await.expect("a session");
    stage.rc.forget_requests();
    let known = stage.sessions.known(&token).expect("it is known");
    let again = stage.sessions.admit(&token).await.expect("it is known");
    assert!(Arc::ptr_eq(&first.session, &known.session));
    assert!(Arc::ptr_eq(&first.credentials, &again.credentials));
    assert!(stage.rc.requests().is_empty());
}

#[tokio::test]
async fn another_token_of_the_host_session_gets_the_same_session() {
    let stage = Stage::new().await;
    let first = stage.admitted("alice", "tab").await;
    stage.hand.advance(std::time::Duration::from_secs(60));
    let newer = stage.token("alice", "tab").await;
    let known = stage.sessions.known(&newer).expect("it is known");
    assert!(Arc::ptr_eq(&first.session, &known.session));
}

#[tokio::test]
async fn an_exchange_goes_on_when_its_requester_goes_away() {
    let stage = Stage::new().await;
    let latch = Latch::new();
    stage.rc.fault(Fault::always(
        CREATE_TOKEN,
        FaultKind::HoldAnswer(latch.clone()),
    ));
    let token = stage.token("alice", "tab").await;
    let asked = stage.admit_aside(&token);
    latch.until_arrived(1).await;
    asked.abort();
    assert!(asked.await.is_err_and(|error| error.is_cancelled()));
    latch.open();
    eventually("the session is there", || {
        stage.sessions.known(&token).is_some()
    })
    .await;
    assert_eq!(stage.mintings(), 1);
    assert_eq!(stage.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_not_repeated() {
    let stage = Stage::ruled(|rules| rules.users.adopt_existing = false).await;
    stage
        .rc
        .fault(Fault::times(CREATE, 1, FaultKind::LoseAnswer));
    let admitted = stage.admitted("alice", "tab").await;
    assert_eq!(admitted.session.username(), "alice");
    assert_eq!(stage.rc.created_users().len(), 1);
}

#[tokio::test]
async fn rocket_chat_away_fails_all_who_wait_and_the_next_request_after_its_return_succeeds() {
    let stage = Stage::new().await;
    stage.rc.stop().await;
    let token = stage.token("alice", "tab").await;
    let asking: Vec<_> = (0..20).map(|_| stage.admit_aside(&token)).collect();
    for asked in asking {
        let error = asked.await.expect("no panic").expect_err("nobody answers");
        assert_eq!(error.kind(), "unreachable");
    }
    stage.rc.restart().await.expect("its port is free");
    stage.sessions.admit(&token).await.expect("a session");
    assert_eq!(stage.sample("gantry_sessions"), 1);
}

#[tokio::test]
async fn a_lookup_is_counted_as_what_it_was() {
    let stage = Stage::new().await;
    let latch = Latch::new();
    stage
        .rc
        .fault(Fault::always(CREATE_TOKEN, FaultKind::Hold(latch.clone())));
    let token = stage.token("alice", "tab").await;
    let first = stage.admit_aside(&token);
    latch.until_arrived(1).await;
    let second = stage.admit_aside(&token);
    eventually("the second joined", || {
        stage.sample("gantry_session_lookups_total{result=\"joined\"}") == 1
    })
    .await;
    latch.open();
    for asked in [first, second] {
        asked.await.expect("no panic").expect("a session");
    }
    let _known = stage.sessions.known(&token).expect("it is known");
    assert_eq!(
        stage.sample("gantry_session_lookups_total{result=\"miss\"}"),
        1
    );
    assert!(stage.sample("gantry_session_lookups_total{result=\"hit\"}") >= 1);
}

//! Ends by somebody's will: logout, release, displacement, shutdown; and what the tombstones then refuse.

use std::time::Duration;

use gantry::session::{EndCause, ExchangeError};
use lookalike::{Fault, FaultKind, Latch};
use serde_json::json;

use crate::sessions::stage::{DAY, ISSUER, Stage, TOKEN_LIFE};
use crate::support::eventually::eventually;

const CREATE_TOKEN: &str = "/api/v1/users.createToken";

#[tokio::test]
async fn a_logout_ends_the_session_tells_its_sockets_and_logs_out_at_rocket_chat() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    let socket = stage.sessions.bind_socket(&admitted);
    stage.sessions.logout(&token);
    assert!(admitted.session.ended());
    socket.end().await;
    assert!(stage.sessions.known(&token).is_none());
    stage.until_logged_out("alice").await;
    assert_eq!(stage.sample("gantry_sessions"), 0);
    assert_eq!(
        stage.sample("gantry_credentials_revoked_total{cause=\"logout\",result=\"ok\"}"),
        1
    );
}

#[tokio::test]
async fn after_a_logout_the_token_and_older_ones_are_refused_and_newer_ones_are_not() {
    let stage = Stage::new().await;
    let older = stage.token("alice", "tab").await;
    stage.hand.advance(Duration::from_secs(10));
    let token = stage.token("alice", "tab").await;
    stage.sessions.admit(&token).await.expect("a session");
    stage.hand.advance(Duration::from_secs(10));
    let unused = stage.token("alice", "tab").await;
    stage.sessions.logout(&token);
    for dead in [&older, &token, &unused] {
        let refused = stage.sessions.admit(dead).await;
        assert!(
            matches!(refused, Err(ExchangeError::LoggedOut)),
            "{refused:?}"
        );
    }
    stage.hand.advance(Duration::from_secs(10));
    let newer = stage.token("alice", "tab").await;
    let admitted = stage.sessions.admit(&newer).await.expect("a new session");
    for dead in [&older, &token] {
        assert!(stage.sessions.known(dead).is_none());
        assert!(stage.sessions.admit(dead).await.is_err());
    }
    assert!(!admitted.session.ended());
}

#[tokio::test]
async fn a_dead_token_ends_no_newer_session() {
    let stage = Stage::new().await;
    let dead = stage.token("alice", "tab").await;
    stage.sessions.admit(&dead).await.expect("a session");
    stage.sessions.logout(&dead);
    stage.hand.advance(Duration::from_secs(10));
    let admitted = stage.admitted("alice", "tab").await;
    stage.sessions.logout(&dead);
    stage.sessions.release(&dead, EndCause::Release);
    assert!(!admitted.session.ended());
}

#[tokio::test]
async fn a_logged_out_token_without_iat_is_refused_exactly() {
    let stage = Stage::new().await;
    let token = async |mark: &str| {
        stage
            .token_of(ISSUER, "alice", "tab", json!({"iat": null, "jti": mark}))
            .await
    };
    let (dead, alive) = (token("one").await, token("two").await);
    stage.sessions.admit(&dead).await.expect("a session");
    stage.sessions.logout(&dead);
    assert!(stage.sessions.admit(&dead).await.is_err());
    stage.sessions.admit(&alive).await.expect("a session");
    assert!(stage.sessions.known(&dead).is_none());
}

#[tokio::test]
async fn a_tombstone_lasts_as_long_as_its_tokens() {
    let stage = Stage::new().await;
    let exp = gantry::clock::unix_seconds(stage.clock.now() + 90 * DAY);
    let long = stage
        .token_of(ISSUER, "alice", "tab", json!({"exp": exp}))
        .await;
    stage.sessions.admit(&long).await.expect("a session");
    stage.sessions.logout(&long);
    stage.hand.advance(89 * DAY);
    assert!(matches!(
        stage.sessions.admit(&long).await,
        Err(ExchangeError::LoggedOut)
    ));
}

#[tokio::test]
async fn logging_out_where_no_session_is_refuses_the_token_all_the_same() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    stage.sessions.logout(&token);
    assert!(stage.sessions.admit(&token).await.is_err());
    assert!(stage.rc.requests().is_empty());
}

#[tokio::test]
async fn a_released_session_ends_and_the_same_token_may_begin_another() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let first = stage.sessions.admit(&token).await.expect("a session");
    stage.sessions.release(&token, EndCause::Release);
    assert!(first.session.ended());
    stage.until_logged_out("alice").await;
    let second = stage.sessions.admit(&token).await.expect("a session");
    assert_ne!(first.session.id(), second.session.id());
    assert_eq!(stage.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn a_logout_during_the_exchange_leaves_neither_session_nor_token() {
    let stage = Stage::new().await;
    let latch = Latch::new();
    stage.rc.fault(Fault::always(
        CREATE_TOKEN,
        FaultKind::HoldAnswer(latch.clone()),
    ));
    let token = stage.token("alice", "tab").await;
    let asked = stage.admit_aside(&token);
    latch.until_arrived(1).await;
    stage.sessions.logout(&token);
    latch.open();
    let refused = asked.await.expect("no panic");
    assert!(
        matches!(refused, Err(ExchangeError::LoggedOut)),
        "{refused:?}"
    );
    assert!(stage.sessions.known(&token).is_none());
    stage.until_logged_out("alice").await;
    assert_eq!(stage.mintings(), 1);
    assert_eq!(stage.sample("gantry_sessions"), 0);
}

#[tokio::test]
async fn a_release_during_the_exchange_gives_those_who_wait_a_new_session() {
    let stage = Stage::new().await;
    let latch = Latch::new();
    stage.rc.fault(Fault::times(
        CREATE_TOKEN,
        1,
        FaultKind::HoldAnswer(latch.clone()),
    ));
    let token = stage.token("alice", "tab").await;
    let asked = stage.admit_aside(&token);
    latch.until_arrived(1).await;
    stage.sessions.release(&token, EndCause::Release);
    latch.open();
    let admitted = asked.await.expect("no panic").expect("a session");
    eventually("the first token is gone", || {
        stage.rc.live_tokens("alice") == [admitted.credentials.auth_token().reveal().to_owned()]
    })
    .await;
    assert_eq!(stage.mintings(), 2);
}

#[tokio::test]
async fn ending_one_host_session_leaves_the_others_of_the_user() {
    let stage = Stage::new().await;
    let stays = stage.admitted("alice", "first").await;
    let token = stage.token("alice", "second").await;
    stage.sessions.admit(&token).await.expect("a session");
    stage.sessions.logout(&token);
    eventually("one token is left", || {
        stage.rc.live_tokens("alice").len() == 1
    })
    .await;
    assert!(!stays.session.ended());
    assert_eq!(stage.me(&stays).await, 200);
    assert_eq!(stage.rc.calls("POST", "/api/v1/users.logout"), 0);
}

#[tokio::test]
async fn the_least_recently_used_session_is_displaced() {
    let stage = Stage::ruled(|rules| rules.sessions.max_per_principal = 2).await;
    let first_token = stage.token("alice", "first").await;
    let first = stage.sessions.admit(&first_token).await.expect("a session");
    stage.hand.advance(Duration::from_secs(1));
    let second = stage.admitted("alice", "second").await;
    let other = stage.admitted("bob", "only").await;
    stage.hand.advance(Duration::from_secs(1));
    assert!(stage.sessions.known(&first_token).is_some());
    let third = stage.admitted("alice", "third").await;
    assert!(second.session.ended());
    assert!(
        [&first, &third, &other]
            .iter()
            .all(|it| !it.session.ended())
    );
    eventually("the displaced one is logged out", || {
        stage.rc.live_tokens("alice").len() == 2
    })
    .await;
    eventually("its cause is counted", || {
        stage.sample("gantry_credentials_revoked_total{cause=\"displaced\",result=\"ok\"}") == 1
    })
    .await;
}

#[tokio::test]
async fn an_open_socket_keeps_its_session_from_being_displaced() {
    let stage = Stage::ruled(|rules| rules.sessions.max_per_principal = 2).await;
    let first = stage.admitted("alice", "first").await;
    let _socket = stage.sessions.bind_socket(&first);
    stage.hand.advance(Duration::from_secs(1));
    let second = stage.admitted("alice", "second").await;
    stage.admitted("alice", "third").await;
    assert!(!first.session.ended());
    assert!(second.session.ended());
}

#[tokio::test]
async fn a_socket_bound_to_an_ended_session_hears_of_it_at_once() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    stage.sessions.end(&admitted.session, EndCause::Release);
    stage.sessions.bind_socket(&admitted).end().await;
}

#[tokio::test]
async fn a_shutdown_logs_everybody_out_when_it_should() {
    let stage = Stage::ruled(|rules| rules.sessions.logout_on_shutdown = true).await;
    for name in ["alice", "bob"] {
        stage.admitted(name, "tab").await;
    }
    stage.sessions.drain(Duration::from_secs(10)).await;
    assert!(stage.rc.live_tokens("alice").is_empty());
    assert!(stage.rc.live_tokens("bob").is_empty());
    assert_eq!(stage.sample("gantry_sessions"), 0);
}

#[tokio::test]
async fn a_shutdown_waits_for_running_exchanges_and_begins_none() {
    let stage = Stage::ruled(|rules| rules.sessions.logout_on_shutdown = true).await;
    let latch = Latch::new();
    stage.rc.fault(Fault::always(
        CREATE_TOKEN,
        FaultKind::HoldAnswer(latch.clone()),
    ));
    let token = stage.token("alice", "tab").await;
    let asked = stage.admit_aside(&token);
    latch.until_arrived(1).await;
    let draining = tokio::spawn({
        let sessions = stage.sessions.clone();
        async move { sessions.drain(Duration::from_secs(10)).await }
    });
    let late = stage.token("bob", "tab").await;
    eventually("nothing new begins", || {
        stage.rc.user("bob").is_none() && !draining.is_finished()
    })
    .await;
    latch.open();
    draining.await.expect("no panic");
    let _either = asked.await.expect("no panic");
    assert!(stage.sessions.admit(&late).await.is_err());
    assert!(stage.rc.live_tokens("alice").is_empty());
}

#[tokio::test]
async fn a_shutdown_without_logouts_keeps_the_tokens() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    stage.sessions.drain(Duration::from_secs(10)).await;
    assert!(!admitted.session.ended());
    assert_eq!(stage.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn a_session_ends_no_later_than_it_says() {
    let stage = Stage::new().await;
    let now = stage.clock.now();
    let admitted = stage.admitted("alice", "tab").await;
    let expires = admitted.session.expires_at();
    let latest = now + TOKEN_LIFE + Duration::from_secs(30);
    assert!(expires <= latest && expires > latest - Duration::from_secs(2));
}

//! Refreshes: ahead of expiry, and when Rocket.Chat refused the credentials.

use std::sync::Arc;
use std::time::Duration;

use gantry::jwt::Verified;
use gantry::session::{ExchangeError, Rules};
use lookalike::{Fault, FaultKind, Latch, Options};
use serde_json::json;

use crate::sessions::stage::{DAY, ISSUER, Settings, Stage};
use crate::support::eventually::{eventually, in_time};

const SECOND: Duration = Duration::from_secs(1);

/// Auth tokens live a day, everything else much longer.
async fn daily() -> Stage {
    Stage::with(Settings {
        options: Options {
            login_expiration_days: 1.0,
            ..Options::default()
        },
        rules: |rules: &mut Rules| {
            rules.sessions.max_lifetime = 90 * DAY;
            rules.sessions.idle_timeout = 90 * DAY;
        },
        ..Settings::default()
    })
    .await
}

async fn lasting_token(stage: &Stage) -> Arc<Verified> {
    let exp = gantry::clock::unix_seconds(stage.clock.now() + 90 * DAY);
    stage
        .token_of(ISSUER, "alice", "tab", json!({"exp": exp}))
        .await
}

#[tokio::test]
async fn credentials_are_refreshed_ahead_of_their_expiry() {
    let stage = daily().await;
    let token = lasting_token(&stage).await;
    let old = stage.sessions.admit(&token).await.expect("a session");
    stage.hand.advance(DAY.mul_f64(0.79));
    assert!(Arc::ptr_eq(
        &stage
            .sessions
            .known(&token)
            .expect("it is known")
            .credentials,
        &old.credentials
    ));
    stage.hand.advance(DAY.mul_f64(0.02));
    eventually("new credentials are there", || {
        let known = stage.sessions.known(&token).expect("it is known");
        !Arc::ptr_eq(&known.credentials, &old.credentials)
    })
    .await;
    assert_eq!((stage.creations(), stage.mintings()), (1, 2));
    assert_eq!(
        stage.sample("gantry_credentials_refreshed_total{result=\"ok\"}"),
        1
    );
    assert_eq!(stage.sample("gantry_sessions"), 1);
}

#[tokio::test]
async fn a_replaced_token_lives_until_nobody_uses_it() {
    let stage = daily().await;
    let token = lasting_token(&stage).await;
    let request = stage.sessions.admit(&token).await.expect("a session");
    let socket = stage.sessions.bind_socket(&request);
    stage.hand.advance(DAY.mul_f64(0.81));
    eventually("it was replaced", || stage.mintings() == 2).await;
    let used = |stage: &Stage| stage.rc.live_tokens("alice").len();
    let session = Arc::clone(&request.session);
    drop(request);
    stage.hand.advance(60 * SECOND);
    eventually("the old one is owed", || {
        stage.sample("gantry_owed_logouts") == 1
    })
    .await;
    assert_eq!(used(&stage), 2);
    drop(socket);
    in_time("the old one is logged out", &stage.hand, 5 * SECOND, || {
        used(&stage) == 1
    })
    .await;
    assert!(!session.ended());
}

#[tokio::test]
async fn the_end_of_the_session_takes_replaced_tokens_with_it() {
    let stage = daily().await;
    let token = lasting_token(&stage).await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    let _socket = stage.sessions.bind_socket(&admitted);
    stage.hand.advance(DAY.mul_f64(0.81));
    eventually("it was replaced", || stage.mintings() == 2).await;
    stage.sessions.logout(&token);
    in_time("no token is left", &stage.hand, 5 * SECOND, || {
        stage.rc.live_tokens("alice").is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_saw_the_401_share_one_refresh() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    stage.rc.kill_tokens("alice");
    let rejecting: Vec<_> = (0..100)
        .map(|_| {
            let (sessions, admitted) = (stage.sessions.clone(), admitted.clone());
            tokio::spawn(async move { sessions.reject(&admitted).await })
        })
        .collect();
    for rejected in rejecting {
        let renewed = rejected.await.expect("no panic").expect("new credentials");
        assert!(Arc::ptr_eq(&renewed.session, &admitted.session));
        assert_eq!(
            stage.rc.live_tokens("alice"),
            [renewed.credentials.auth_token().reveal().to_owned()]
        );
    }
    assert_eq!(stage.mintings(), 2);
}

#[tokio::test]
async fn credentials_that_were_replaced_meanwhile_cost_no_refresh() {
    let stage = Stage::new().await;
    let old = stage.admitted("alice", "tab").await;
    stage.rc.kill_tokens("alice");
    let new = stage.sessions.reject(&old).await.expect("new credentials");
    let again = stage.sessions.reject(&old).await.expect("the same");
    assert!(Arc::ptr_eq(&new.credentials, &again.credentials));
    assert_eq!(stage.mintings(), 2);
}

#[tokio::test]
async fn a_refused_token_is_logged_out_as_well() {
    let stage = Stage::new().await;
    let old = stage.admitted("alice", "tab").await;
    stage.hand.advance(3 * SECOND);
    stage.sessions.reject(&old).await.expect("new credentials");
    eventually("the refused one is gone", || {
        stage.rc.live_tokens("alice").len() == 1
    })
    .await;
    eventually("no logout is owed", || {
        stage.sample("gantry_owed_logouts") == 0
    })
    .await;
}

#[tokio::test]
async fn rc_3_4_a_token_refused_in_its_first_instant_is_kept() {
    let stage = Stage::with(Settings {
        options: Options {
            unsettled_uses: 1,
            ..Options::default()
        },
        ..Settings::default()
    })
    .await;
    let admitted = stage.admitted("alice", "tab").await;
    assert_eq!(stage.me(&admitted).await, 401);
    let again = stage.sessions.reject(&admitted).await.expect("credentials");
    assert!(Arc::ptr_eq(&again.credentials, &admitted.credentials));
    assert_eq!(stage.me(&again).await, 200);
    assert_eq!(stage.mintings(), 1);
}

#[tokio::test]
async fn a_token_refused_later_is_replaced_without_asking() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    stage.hand.advance(3 * SECOND);
    stage
        .sessions
        .reject(&admitted)
        .await
        .expect("new credentials");
    assert_eq!(
        (stage.mintings(), stage.rc.calls("GET", "/api/v1/me")),
        (2, 0)
    );
}

#[tokio::test]
async fn a_rocket_chat_that_refuses_everything_is_not_fed_with_tokens() {
    let stage = Stage::new().await;
    let mut admitted = stage.admitted("alice", "tab").await;
    stage.rc.fault(Fault::always(
        "/api/v1/me",
        FaultKind::Status(401, "{}".to_owned()),
    ));
    for _ in 0..5 {
        admitted = stage
            .sessions
            .reject(&admitted)
            .await
            .expect("new credentials");
    }
    let refused = stage.sessions.reject(&admitted).await;
    assert!(
        matches!(refused, Err(ExchangeError::Overloaded)),
        "{refused:?}"
    );
    assert_eq!(stage.mintings(), 6);
    stage.hand.advance(61 * SECOND);
    stage
        .sessions
        .reject(&admitted)
        .await
        .expect("new credentials");
}

#[tokio::test]
async fn a_deactivated_user_loses_the_session_at_the_refresh() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    let socket = stage.sessions.bind_socket(&admitted);
    stage.rc.set_active("alice", false);
    let refused = stage
        .sessions
        .reject(&admitted)
        .await
        .expect_err("deactivated");
    assert_eq!(refused.kind(), "user-deactivated");
    socket.end().await;
    let again = stage.sessions.admit(&token).await.expect_err("deactivated");
    assert_eq!(again.kind(), "user-deactivated");
    assert_eq!(stage.mintings(), 1);
}

#[tokio::test]
async fn credentials_of_an_ended_session_are_not_refreshed() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    stage.sessions.logout(&token);
    let refused = stage.sessions.reject(&admitted).await;
    assert!(
        matches!(refused, Err(ExchangeError::LoggedOut)),
        "{refused:?}"
    );
    assert_eq!(stage.mintings(), 1);
}

#[tokio::test]
async fn a_logout_during_the_refresh_leaves_no_token() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    stage.hand.advance(3 * SECOND);
    let latch = Latch::new();
    stage.rc.fault(Fault::always(
        "/api/v1/users.createToken",
        FaultKind::HoldAnswer(latch.clone()),
    ));
    let rejecting = tokio::spawn({
        let (sessions, admitted) = (stage.sessions.clone(), admitted.clone());
        async move { sessions.reject(&admitted).await }
    });
    latch.until_arrived(1).await;
    stage.sessions.logout(&token);
    latch.open();
    assert!(rejecting.await.expect("no panic").is_err());
    assert_eq!(stage.mintings(), 2);
    stage.until_logged_out("alice").await;
}

#[tokio::test]
async fn a_refresh_that_fails_is_tried_again_and_the_old_credentials_go_on() {
    let stage = daily().await;
    let token = lasting_token(&stage).await;
    let old = stage.sessions.admit(&token).await.expect("a session");
    stage.rc.stop().await;
    stage.hand.advance(DAY.mul_f64(0.81));
    eventually("a refresh failed", || {
        stage.sample("gantry_credentials_refreshed_total{result=\"unreachable\"}") >= 1
    })
    .await;
    let known = stage.sessions.known(&token).expect("it is known");
    assert!(Arc::ptr_eq(&known.credentials, &old.credentials));
    stage.rc.restart().await.expect("its port is free");
    in_time("it was refreshed", &stage.hand, 10 * SECOND, || {
        stage.sample("gantry_credentials_refreshed_total{result=\"ok\"}") == 1
    })
    .await;
}

#[tokio::test]
async fn expired_credentials_are_never_handed_out() {
    let stage = daily().await;
    let token = lasting_token(&stage).await;
    let old = stage.sessions.admit(&token).await.expect("a session");
    stage.rc.stop().await;
    stage.hand.advance(DAY + SECOND);
    assert!(stage.sessions.known(&token).is_none());
    assert!(stage.sessions.admit(&token).await.is_err());
    stage.rc.restart().await.expect("its port is free");
    let new = stage.sessions.admit(&token).await.expect("new credentials");
    assert!(Arc::ptr_eq(&new.session, &old.session));
    assert!(!Arc::ptr_eq(&new.credentials, &old.credentials));
    assert_eq!(stage.me(&new).await, 200);
}

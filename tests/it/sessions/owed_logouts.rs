//! Owed logouts: whatever happens, Rocket.Chat is told in the end.

use std::time::Duration;

use gantry::session::EndCause;
use lookalike::{Fault, FaultKind};

use crate::sessions::stage::{DAY, Stage};
use crate::support::eventually::{eventually, in_time};

const SECOND: Duration = Duration::from_secs(1);
const LOGOUT: &str = "/api/v1/logout";

#[tokio::test]
async fn a_logout_owed_while_rocket_chat_is_away_is_called_at_its_return() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    stage.sessions.admit(&token).await.expect("a session");
    stage.rc.stop().await;
    stage.sessions.logout(&token);
    eventually("a call failed", || {
        stage.sample("gantry_credentials_revoked_total{cause=\"logout\",result=\"unreachable\"}")
            >= 1
    })
    .await;
    assert_eq!(stage.sample("gantry_owed_logouts"), 1);
    assert_eq!(stage.rc.live_tokens("alice").len(), 1);
    stage.rc.restart().await.expect("its port is free");
    in_time("the token is gone", &stage.hand, SECOND, || {
        stage.rc.live_tokens("alice").is_empty()
    })
    .await;
    eventually("nothing is owed", || {
        stage.sample("gantry_owed_logouts") == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_many_owed_logouts_is_forgotten() {
    let stage = Stage::new().await;
    let mut sessions = Vec::new();
    for number in 0..50 {
        sessions.push(stage.admitted(&format!("user{number}"), "tab").await);
    }
    stage.rc.stop().await;
    for admitted in &sessions {
        stage.sessions.end(&admitted.session, EndCause::Release);
    }
    eventually("all were tried", || {
        stage.sample("gantry_credentials_revoked_total{cause=\"release\",result=\"unreachable\"}")
            >= 50
    })
    .await;
    assert_eq!(stage.sample("gantry_owed_logouts"), 50);
    stage.rc.restart().await.expect("its port is free");
    in_time("nothing is owed", &stage.hand, SECOND, || {
        // Logouts are the users' own calls, so Rocket.Chat's limiter counts them: ten a minute from our address.
        stage.rc.advance(SECOND);
        stage.sample("gantry_owed_logouts") == 0
    })
    .await;
    for number in 0..50 {
        assert!(stage.rc.live_tokens(&format!("user{number}")).is_empty());
    }
}

#[tokio::test]
async fn every_odd_answer_is_tried_again() {
    let stage = Stage::new().await;
    for kind in [
        FaultKind::Status(500, "{}".to_owned()),
        FaultKind::Status(200, "<html>".to_owned()),
        FaultKind::Reset,
        FaultKind::RateLimited {
            reset_in: 2 * SECOND,
        },
    ] {
        stage.rc.fault(Fault::times(LOGOUT, 1, kind));
    }
    let token = stage.token("alice", "tab").await;
    stage.sessions.admit(&token).await.expect("a session");
    stage.sessions.logout(&token);
    in_time("the token is gone", &stage.hand, SECOND, || {
        stage.rc.live_tokens("alice").is_empty()
    })
    .await;
    assert!(stage.logouts() >= 5);
}

#[tokio::test]
async fn a_token_that_is_gone_already_is_owed_no_longer() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    stage.sessions.admit(&token).await.expect("a session");
    stage.rc.kill_tokens("alice");
    stage.sessions.logout(&token);
    eventually("nothing is owed", || {
        stage.sample("gantry_credentials_revoked_total{cause=\"logout\",result=\"ok\"}") == 1
    })
    .await;
    assert_eq!(
        (stage.sample("gantry_owed_logouts"), stage.logouts()),
        (0, 1)
    );
}

#[tokio::test]
async fn a_logout_is_owed_until_the_token_itself_is_dead() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    stage.sessions.admit(&token).await.expect("a session");
    stage.rc.stop().await;
    stage.sessions.logout(&token);
    eventually("a call failed", || {
        stage.sample("gantry_credentials_revoked_total{cause=\"logout\",result=\"unreachable\"}")
            >= 1
    })
    .await;
    stage.hand.advance(89 * DAY);
    eventually("it was tried again", || {
        stage.sample("gantry_credentials_revoked_total{cause=\"logout\",result=\"unreachable\"}")
            >= 2
    })
    .await;
    assert_eq!(stage.sample("gantry_owed_logouts"), 1);
    stage.hand.advance(2 * DAY);
    eventually("it is over", || stage.sample("gantry_owed_logouts") == 0).await;
    assert_eq!(
        stage.sample("gantry_credentials_revoked_total{cause=\"logout\",result=\"expired\"}"),
        1
    );
}

#[tokio::test]
async fn a_shutdown_waits_for_owed_logouts_no_longer_than_it_may() {
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    stage.sessions.admit(&token).await.expect("a session");
    stage.rc.stop().await;
    stage.sessions.logout(&token);
    let draining = tokio::spawn({
        let sessions = stage.sessions.clone();
        async move { sessions.drain(20 * SECOND).await }
    });
    in_time("the deadline ends it", &stage.hand, SECOND, || {
        draining.is_finished()
    })
    .await;
    assert_eq!(stage.sample("gantry_owed_logouts"), 1);
}

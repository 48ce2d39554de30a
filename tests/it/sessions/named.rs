//! Logouts that come from the issuer: whatever else happens at the same moment, nothing of what they name goes on.

use std::sync::Arc;
use std::time::Duration;

use gantry::jwt::{LoggedOut, Verified};
use gantry::session::{ExchangeError, Rules};
use lookalike::{Fault, FaultKind, Latch, Options};
use serde_json::json;

use crate::sessions::stage::{DAY, ISSUER, Settings, Stage};

const CREATE_TOKEN: &str = "/api/v1/users.createToken";

/// An exchange and a logout of it: the logout comes some turns after the exchange began, or after it has landed.
async fn meet(stage: &Stage, token: &Arc<Verified>, logged_out: &LoggedOut, turns: usize) {
    let admission = stage.admit_aside(token);
    if turns == 0 {
        let _either = admission.await.expect("no panic");
        stage.sessions.log_out_named(logged_out).await;
        return;
    }
    for _ in 1..turns {
        tokio::task::yield_now().await;
    }
    stage.sessions.log_out_named(logged_out).await;
    let _either = admission.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_a_logout_meets_an_exchange_no_session_is_left() {
    let stage = Stage::with(Settings {
        options: Options {
            rate_limiter: false,
            ..Options::default()
        },
        rules: |rules: &mut Rules| rules.minting.concurrency = 4,
        ..Settings::default()
    })
    .await;
    let mut tokens = Vec::new();
    for number in 0..60 {
        let (name, session) = (format!("user{number}"), format!("tab {number}"));
        let token = stage.token(&name, &session).await;
        let subject = format!("subject of {name}");
        let logged_out = stage
            .logged_out(match number % 3 {
                0 => json!({ "sub": subject }),
                1 => json!({ "sid": session }),
                _ => json!({ "sub": subject, "sid": session }),
            })
            .await;
        tokens.push((name, token, logged_out));
    }
    let meetings = tokens.iter().enumerate();
    let meetings = meetings
        .map(|(number, (_, token, logged_out))| meet(&stage, token, logged_out, number % 4));
    futures_util::future::join_all(meetings).await;
    for (name, token, _) in &tokens {
        assert!(stage.sessions.known(token).is_none(), "{name}");
        let refused = stage.sessions.admit(token).await;
        assert!(
            matches!(refused, Err(ExchangeError::LoggedOut)),
            "{name}: {refused:?}"
        );
        stage.until_logged_out(name).await;
    }
    assert_eq!(stage.sample("gantry_sessions"), 0);
}

#[tokio::test]
async fn a_newer_token_that_waits_for_a_dead_ones_exchange_gets_a_session_of_its_own() {
    let stage = Stage::new().await;
    let latch = Latch::new();
    stage.rc.fault(Fault::times(
        CREATE_TOKEN,
        1,
        FaultKind::HoldAnswer(latch.clone()),
    ));
    let dead = stage.token("alice", "tab").await;
    let first = stage.admit_aside(&dead);
    latch.until_arrived(1).await;
    let logged_out = stage.logged_out(json!({ "sid": "tab" })).await;
    stage.sessions.log_out_named(&logged_out).await;
    stage.hand.advance(Duration::from_secs(1));
    let newer = stage.token("alice", "tab").await;
    let second = stage.admit_aside(&newer);
    latch.open();
    let refused = first.await.expect("no panic");
    assert!(
        matches!(refused, Err(ExchangeError::LoggedOut)),
        "{refused:?}"
    );
    let admitted = second.await.expect("no panic").expect("a session");
    assert!(!admitted.session.ended());
    assert_eq!(stage.mintings(), 2);
}

#[tokio::test]
async fn tombstones_of_issuers_last_as_long_as_their_tokens() {
    let stage = Stage::new().await;
    let exp = gantry::clock::unix_seconds(stage.clock.now() + 90 * DAY);
    let with_iat = json!({ "exp": exp });
    let without_iat = json!({ "exp": exp, "iat": null });
    let mut tokens = Vec::new();
    for changes in [with_iat, without_iat] {
        let token = stage.token_of(ISSUER, "alice", "tab", changes).await;
        stage.sessions.admit(&token).await.expect("a session");
        tokens.push(token);
    }
    let logged_out = stage.logged_out(json!({ "sub": "subject of alice" })).await;
    stage.sessions.log_out_named(&logged_out).await;
    stage.hand.advance(89 * DAY);
    for token in &tokens {
        let refused = stage.sessions.admit(token).await;
        assert!(
            matches!(refused, Err(ExchangeError::LoggedOut)),
            "{refused:?}"
        );
    }
}

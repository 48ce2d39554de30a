//! No auth token is lost: what comes too late, for nobody, or for somebody else is logged out (RC §13.10).

use std::time::Duration;

use gantry::rocketchat::ApiError;
use lookalike::{Fault, FaultKind, Latch, Manner, Options};

use super::stage::Stage;
use crate::support::eventually::eventually;

const MINT: &str = "/api/v1/users.createToken";
const LOGOUT: &str = "/api/v1/logout";

#[tokio::test]
async fn a_token_whose_caller_went_away_is_logged_out() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    let answer = Latch::new();
    stage
        .rc
        .fault(Fault::times(MINT, 1, FaultKind::HoldAnswer(answer.clone())));
    let chat = stage.chat.clone();
    let caller = tokio::spawn(async move { chat.mint(&alice).await.map(drop) });
    answer.until_arrived(1).await;
    assert_eq!(stage.rc.live_tokens("alice").len(), 1);
    caller.abort();
    assert!(caller.await.expect_err("gone").is_cancelled());
    answer.open();
    eventually("the token is logged out", || {
        stage.rc.live_tokens("alice").is_empty()
    })
    .await;
    assert_eq!(stage.rc.calls("POST", LOGOUT), 1);
}

#[tokio::test]
async fn a_token_that_comes_too_late_is_logged_out() {
    let stage = Stage::with(Options::new(Manner::V87), |config| {
        config.timeouts.call = Duration::from_millis(300);
    })
    .await;
    let alice = stage.alice().await;
    let answer = Latch::new();
    stage
        .rc
        .fault(Fault::times(MINT, 1, FaultKind::HoldAnswer(answer.clone())));
    let error = stage.chat.mint(&alice).await.expect_err("too late");
    assert!(matches!(error, ApiError::Timeout), "{error:?}");
    assert_eq!(stage.rc.live_tokens("alice").len(), 1);
    answer.open();
    eventually("the token is logged out", || {
        stage.rc.live_tokens("alice").is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_user_is_never_used_and_logged_out() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    let other = r#"{"data":{"userId":"somebody","authToken":"t0ken"},"success":true}"#;
    stage.rc.fault(Fault::times(
        MINT,
        1,
        FaultKind::Status(200, other.to_owned()),
    ));
    let error = stage.chat.mint(&alice).await.expect_err("not alice");
    assert!(matches!(error, ApiError::Invalid), "{error:?}");
    stage.rc.until_called("POST", LOGOUT, 1).await;
    let logout = stage
        .rc
        .requests()
        .into_iter()
        .find(|it| it.path == LOGOUT)
        .expect("came");
    assert_eq!(logout.header("x-user-id"), Some("somebody"));
    assert_eq!(logout.header("x-auth-token"), Some("t0ken"));
}

#[tokio::test]
async fn the_logout_of_an_unclaimed_token_is_tried_again() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    let answer = Latch::new();
    stage
        .rc
        .fault(Fault::times(MINT, 1, FaultKind::HoldAnswer(answer.clone())));
    let crash = FaultKind::Status(500, r#"{"success":false}"#.to_owned());
    stage.rc.fault(Fault::times(LOGOUT, 3, crash));
    let chat = stage.chat.clone();
    let caller = tokio::spawn(async move { chat.mint(&alice).await.map(drop) });
    answer.until_arrived(1).await;
    caller.abort();
    answer.open();
    eventually("the token is logged out", || {
        stage.hand.advance(Duration::from_secs(1));
        stage.rc.live_tokens("alice").is_empty()
    })
    .await;
    assert_eq!(stage.rc.calls("POST", LOGOUT), 4);
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_no_token() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    let odd = format!(
        r#"{{"data":{{"userId":"{}","authToken":"a\r\nb"}},"success":true}}"#,
        alice.id
    );
    stage
        .rc
        .fault(Fault::times(MINT, 1, FaultKind::Status(200, odd)));
    let error = stage.chat.mint(&alice).await.expect_err("unusable");
    assert!(matches!(error, ApiError::Invalid), "{error:?}");
}

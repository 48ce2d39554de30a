//! Rocket.Chat's rate limiter obeyed by its absolute reset (RC §5.1, §5.2).

use std::time::Duration;

use gantry::rocketchat::ApiError;
use lookalike::{Fault, FaultKind, Manner, Options};

use super::stage::Stage;
use crate::support::eventually::eventually;

const INFO: &str = "/api/v1/users.info";

fn wait_of(error: &ApiError) -> u64 {
    let ApiError::RateLimited(wait) = error else {
        panic!("not a limit: {error:?}");
    };
    // The lookalike's clock runs, ours stands.
    wait.as_secs_f64().round() as u64
}

#[tokio::test]
async fn a_refused_route_is_left_alone_until_its_reset() {
    let stage = Stage::of(Manner::V87).await;
    let reset_in = Duration::from_secs(37);
    stage
        .rc
        .fault(Fault::times(INFO, 1, FaultKind::RateLimited { reset_in }));
    let error = stage.chat.user_by_name("alice").await.expect_err("refused");
    assert_eq!(wait_of(&error), 37);
    for _ in 0..50 {
        let error = stage.chat.user_by_name("alice").await.expect_err("refused");
        assert_eq!(wait_of(&error), 37);
    }
    assert_eq!(stage.rc.calls("GET", INFO), 1, "no storm");
    stage.hand.advance(Duration::from_secs(25));
    let error = stage.chat.user_by_name("alice").await.expect_err("refused");
    assert_eq!(wait_of(&error), 12);
    stage.hand.advance(Duration::from_secs(13));
    stage.chat.user_by_name("alice").await.expect("answered");
    assert_eq!(stage.rc.calls("GET", INFO), 2);
}

#[tokio::test]
async fn other_routes_go_on_while_one_is_refused() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    let reset_in = Duration::from_secs(60);
    stage
        .rc
        .fault(Fault::times(INFO, 1, FaultKind::RateLimited { reset_in }));
    stage.chat.user_by_name("alice").await.expect_err("refused");
    stage.chat.mint(&alice).await.expect("another route");
}

#[tokio::test]
async fn a_reset_within_a_calls_time_is_waited_for() {
    let stage = Stage::of(Manner::V87).await;
    let reset_in = Duration::from_secs(5);
    stage
        .rc
        .fault(Fault::times(INFO, 1, FaultKind::RateLimited { reset_in }));
    let chat = stage.chat.clone();
    let waiting = tokio::spawn(async move { chat.user_by_name("alice").await });
    stage.rc.until_called("GET", INFO, 1).await;
    eventually("the caller is answered", || {
        stage.hand.advance(Duration::from_secs(1));
        waiting.is_finished()
    })
    .await;
    assert!(waiting.await.expect("ends").expect("an answer").is_none());
    assert_eq!(stage.rc.calls("GET", INFO), 2);
}

#[tokio::test]
async fn without_the_bypass_a_burst_costs_few_refusals_and_then_none() {
    let options = Options {
        limit_calls: 10,
        limit_window: Duration::from_secs(60),
        ..Options::new(Manner::V87)
    };
    let stage = Stage::with(options, |_config| {}).await;
    stage.rc.revoke_permission("api-bypass-rate-limit");
    let asked = |number: usize| {
        let chat = stage.chat.clone();
        tokio::spawn(async move { chat.user_by_name(&format!("user{number}")).await.is_ok() })
    };
    let mut answered = 0;
    for number in 0..30 {
        answered += usize::from(asked(number).await.expect("ends"));
    }
    assert_eq!(answered, 10);
    assert_eq!(stage.rc.calls("GET", INFO), 11, "one refusal told us");

    // The next window: all at once, and still no second refusal.
    stage.rc.advance(Duration::from_secs(61));
    stage.hand.advance(Duration::from_secs(61));
    let burst: Vec<_> = (0..30).map(asked).collect();
    let mut answered = 0;
    for call in burst {
        answered += usize::from(call.await.expect("ends"));
    }
    assert_eq!(answered, 10);
    assert_eq!(stage.rc.calls("GET", INFO), 21);
}

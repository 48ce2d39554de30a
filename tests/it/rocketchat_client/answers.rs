//! Answers that no Rocket.Chat gives, and answers that do not come: each has its own error, and none is taken for another.

use std::time::Duration;

use gantry::rocketchat::ApiError;
use lookalike::{Fault, FaultKind, Manner, Options};

use super::stage::{ALICE, Stage};

const INFO: &str = "/api/v1/users.info";

async fn lookup_under(kind: FaultKind) -> ApiError {
    let stage = Stage::with(Options::new(Manner::V87), |config| {
        config.timeouts.call = Duration::from_millis(400);
    })
    .await;
    stage.rc.fault(Fault::always(INFO, kind));
    stage.chat.user_by_name("alice").await.expect_err("trouble")
}

#[tokio::test]
async fn each_trouble_has_its_kind() {
    let status = |status: u16, body: &str| FaultKind::Status(status, body.to_owned());
    for (kind, expected) in [
        (status(200, "<!DOCTYPE html>"), "invalid"),
        (status(200, "{"), "invalid"),
        (status(200, r#"{"success":true}"#), "invalid"),
        (
            status(200, r#"{"user":{"_id":7,"username":"alice"}}"#),
            "invalid",
        ),
        (status(302, ""), "invalid"),
        (
            status(404, r#"{"success":false,"error":"Resource not found"}"#),
            "invalid",
        ),
        (
            status(403, r#"{"success":false,"error":"unauthorized"}"#),
            "not-permitted",
        ),
        (
            status(500, r#"{"success":false,"error":"Internal server error"}"#),
            "failed",
        ),
        (status(502, "<html>Bad Gateway</html>"), "failed"),
        (FaultKind::Reset, "unreachable"),
        (FaultKind::DropAfterHeaders, "unreachable"),
        (FaultKind::HalfOpen, "timeout"),
        (FaultKind::Delay(Duration::from_secs(3600)), "timeout"),
    ] {
        let shown = format!("{kind:?}");
        assert_eq!(lookup_under(kind).await.kind(), expected, "for {shown}");
    }
}

#[tokio::test]
async fn a_page_with_status_400_is_not_taken_for_an_absent_user() {
    let page = FaultKind::Status(400, "<html>Bad Request</html>".to_owned());
    assert_eq!(lookup_under(page).await.kind(), "invalid");
    let odd = r#"{"success":false,"error":"x","errorType":"invalid-params"}"#;
    assert_eq!(
        lookup_under(FaultKind::Status(400, odd.to_owned()))
            .await
            .kind(),
        "invalid"
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let endless = format!(r#"{{"padding":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    assert_eq!(
        lookup_under(FaultKind::Status(200, endless)).await.kind(),
        "invalid"
    );
}

#[tokio::test]
async fn an_answer_within_the_time_of_a_call_is_waited_for() {
    let stage = Stage::of(Manner::V87).await;
    let slow = FaultKind::Delay(Duration::from_millis(700));
    stage.rc.fault(Fault::times(INFO, 1, slow));
    assert!(
        stage
            .chat
            .user_by_name("alice")
            .await
            .expect("an answer")
            .is_none()
    );
}

#[tokio::test]
async fn an_error_tells_no_url_no_name_and_no_token() {
    let stage = Stage::of(Manner::V87).await;
    stage.alice().await;
    stage.rc.stop().await;
    let error = stage
        .chat
        .user_by_name(ALICE.username)
        .await
        .expect_err("away");
    let shown = format!("{error} {error:?}");
    assert!(matches!(error, ApiError::Unreachable(_)), "{error:?}");
    assert!(!shown.contains(ALICE.username), "{shown}");
    assert!(!shown.contains(&stage.rc.service_token()), "{shown}");
}

#[tokio::test]
async fn every_call_is_measured() {
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    stage.chat.mint(&alice).await.expect("a token");
    let page = stage.metrics.page();
    for operation in ["info", "me", "settings", "create-user", "create-token"] {
        let line =
            format!("gantry_rocketchat_call_duration_seconds_count{{operation=\"{operation}\"}} 1");
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
}

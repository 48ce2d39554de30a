//! The service account: its logins, its second factor, its refusals, and what readiness says of them (RC §1.5, §2.2, §5.5).

use std::time::Duration;

use gantry::config::rocketchat::{self as settings, ServiceAccount};
use gantry::rocketchat::ApiError;
use gantry::secret::Secret;
use lookalike::{Fault, FaultKind, Lookalike, Manner, Options};

use super::stage::{Stage, by_password};
use crate::support::eventually::eventually;

/// The raw secret of the account's TOTP, and the same in base32.
const TOTP: &[u8] = b"12345678901234567890";
const TOTP_BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

async fn lookalike(manner: Manner) -> Lookalike {
    Lookalike::start(Options::new(manner))
        .await
        .expect("a free port")
}

fn with_totp(config: &mut settings::RocketChat, rc: &Lookalike, secret: &str) {
    config.service_account = ServiceAccount::Password {
        username: rc.service_username(),
        password: Secret::new(rc.service_password()),
        totp_secret: Some(Secret::new(secret.to_owned())),
    };
}

fn own_tokens(rc: &Lookalike) -> usize {
    rc.live_tokens(&rc.service_username()).len()
}

#[tokio::test]
async fn a_password_logs_in_once_for_all_calls() {
    for manner in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        let rc = lookalike(manner).await;
        let password = rc.service_password();
        let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let chat = stage.chat.clone();
                tokio::spawn(async move { chat.user_by_name("alice").await.is_ok() })
            })
            .collect();
        for call in calls {
            assert!(call.await.expect("ends"));
        }
        assert_eq!((stage.logins(), own_tokens(&rc)), (1, 1), "for {manner:?}");
    }
}

#[tokio::test]
async fn a_token_that_died_is_replaced_by_one_login_for_all_calls() {
    let rc = lookalike(Manner::V87).await;
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
    stage.until_ready().await;
    stage.hand.advance(Duration::from_secs(60));
    rc.kill_tokens(&rc.service_username());
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let chat = stage.chat.clone();
            tokio::spawn(async move { chat.user_by_name("alice").await.is_ok() })
        })
        .collect();
    for call in calls {
        assert!(call.await.expect("ends"));
    }
    assert_eq!((stage.logins(), own_tokens(&rc)), (2, 1));
}

#[tokio::test]
async fn closing_leaves_no_token_of_the_login_behind() {
    let rc = lookalike(Manner::V87).await;
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
    stage.until_ready().await;
    stage.chat.close().await.expect("logged out");
    assert_eq!(own_tokens(&rc), 0);
}

#[tokio::test]
async fn closing_keeps_a_configured_token() {
    let stage = Stage::of(Manner::V87).await;
    stage.chat.close().await.expect("nothing to do");
    stage.chat.user_by_name("alice").await.expect("still taken");
}

#[tokio::test]
async fn a_login_with_totp_sends_the_code_when_asked() {
    for manner in [Manner::V6, Manner::V87] {
        let rc = lookalike(manner).await;
        rc.set_totp(&rc.service_username(), Some(TOTP));
        let stage = Stage::beside(rc.clone(), |config| with_totp(config, &rc, TOTP_BASE32));
        stage.until_ready().await;
        assert_eq!(stage.logins(), 2, "asked, then answered");
    }
}

#[tokio::test]
async fn totp_without_its_secret_is_told() {
    let rc = lookalike(Manner::V87).await;
    rc.set_totp(&rc.service_username(), Some(TOTP));
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
    stage.until_missing("totp_secret_file").await;
}

#[tokio::test]
async fn a_wrong_totp_secret_is_told() {
    let rc = lookalike(Manner::V87).await;
    rc.set_totp(&rc.service_username(), Some(TOTP));
    let wrong = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let stage = Stage::beside(rc.clone(), |config| with_totp(config, &rc, wrong));
    stage.until_missing("the one-time code is refused").await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_at_growing_intervals_only() {
    let rc = lookalike(Manner::V87).await;
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, "wrong"));
    stage
        .until_missing("service account refused: check rocketchat.service_account")
        .await;
    for _ in 0..100 {
        let error = stage.chat.user_by_name("alice").await.expect_err("refused");
        assert!(
            matches!(error, ApiError::ServiceAccountRefused),
            "{error:?}"
        );
    }
    assert_eq!(stage.logins(), 1);
    // A day of requests, one each minute: far below the 50 failures at which Rocket.Chat blocks an address.
    for _ in 0..24 * 60 {
        stage.rc.advance(Duration::from_secs(60));
        stage.hand.advance(Duration::from_secs(60));
        stage.chat.user_by_name("alice").await.expect_err("refused");
    }
    assert!(
        (5..=33).contains(&stage.logins()),
        "{} logins",
        stage.logins()
    );
}

#[tokio::test]
async fn a_password_that_became_right_heals_by_itself() {
    let rc = lookalike(Manner::V87).await;
    rc.set_active(&rc.service_username(), false);
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
    stage.until_missing("it must be active").await;
    rc.set_active(&rc.service_username(), true);
    eventually("the client is ready", || {
        stage.hand.advance(Duration::from_secs(5));
        stage.readiness.missing().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_refused_token_is_told_and_heals_by_itself() {
    let page = || FaultKind::Status(401, r#"{"success":false}"#.to_owned());
    let rc = lookalike(Manner::V87).await;
    rc.fault(Fault::always("/api/v1/me", page()));
    let stage = Stage::beside(rc.clone(), |_config| {});
    stage
        .until_missing("service account refused: check rocketchat.service_account")
        .await;
    rc.clear_faults();
    eventually("the client is ready", || {
        stage.hand.advance(Duration::from_secs(1));
        stage.readiness.missing().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_token_refused_later_makes_gantry_unready_at_once() {
    let stage = Stage::of(Manner::V87).await;
    let refusal = FaultKind::Status(401, r#"{"success":false}"#.to_owned());
    stage.rc.fault(Fault::always("/api/v1/", refusal));
    let error = stage.chat.user_by_name("alice").await.expect_err("refused");
    assert!(
        matches!(error, ApiError::ServiceAccountRefused),
        "{error:?}"
    );
    stage
        .until_missing("the token is unknown to Rocket.Chat")
        .await;
}

#[tokio::test]
async fn a_login_that_is_taken_back_at_once_is_not_repeated_at_will() {
    let rc = lookalike(Manner::V87).await;
    let refusal = FaultKind::Status(401, r#"{"success":false}"#.to_owned());
    rc.fault(Fault::always("/api/v1/users.info", refusal));
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
    for _ in 0..20 {
        stage.chat.user_by_name("alice").await.expect_err("refused");
    }
    assert!(stage.logins() <= 2, "{} logins", stage.logins());
}

#[tokio::test]
async fn a_login_whose_token_is_not_yet_known_is_no_refusal() {
    let options = Options {
        unsettled_uses: 1,
        ..Options::new(Manner::V7)
    };
    let rc = Lookalike::start(options).await.expect("a free port");
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
    stage.until_ready().await;
    assert_eq!(stage.logins(), 1);
}

#[tokio::test]
async fn rocket_chat_away_at_start_delays_readiness_and_heals_by_itself() {
    let rc = lookalike(Manner::V87).await;
    rc.stop().await;
    let stage = Stage::beside(rc.clone(), |_config| {});
    stage.until_missing("rocketchat: unreachable").await;
    rc.restart().await.expect("the port is free");
    eventually("the client is ready", || {
        stage.hand.advance(Duration::from_millis(500));
        stage.readiness.missing().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_page_instead_of_rocket_chat_is_told() {
    let rc = lookalike(Manner::V87).await;
    let page = FaultKind::Status(200, "<!DOCTYPE html>".to_owned());
    rc.fault(Fault::always("/api/info", page));
    let stage = Stage::beside(rc.clone(), |_config| {});
    stage
        .until_missing("no Rocket.Chat, check rocketchat.url")
        .await;
}

#[tokio::test]
async fn rocket_chat_away_later_keeps_gantry_ready() {
    let stage = Stage::of(Manner::V87).await;
    let asked = stage.rc.calls("GET", "/api/info");
    let crash = FaultKind::Status(502, "<html>".to_owned());
    stage.rc.fault(Fault::always("/api/info", crash));
    stage.hand.advance(Duration::from_secs(601));
    eventually("it was looked at three times more", || {
        stage.hand.advance(Duration::from_secs(1));
        stage.rc.calls("GET", "/api/info") >= asked + 3
    })
    .await;
    assert!(stage.readiness.missing().is_empty());
}

#[tokio::test]
async fn a_challenge_of_a_write_is_answered_with_what_the_account_knows() {
    let rc = lookalike(Manner::V87).await;
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| by_password(config, &rc, &password));
    let alice = stage.alice().await;
    let changed = stage
        .chat
        .update_user(&alice.id, Some("Alice B."), None, None)
        .await;
    changed.expect("the password challenge is answered");
    assert_eq!(rc.user("alice").expect("made").name, "Alice B.");
}

//! Minting in the three regimes of `users.createToken` (RC §0.1, §3), and what a wrong configuration makes of it.

use std::time::Duration;

use gantry::config::rocketchat::{Regime, VersionSetting};
use gantry::rocketchat::ApiError;
use gantry::secret::Secret;
use lookalike::{CreateToken, Fault, FaultKind, Manner, Options};

use super::stage::{ALICE, Stage};
use crate::support::eventually::eventually;

async fn mints_and_revokes(manner: Manner, version: VersionSetting) {
    let stage = Stage::with(Options::new(manner), |config| config.version = version).await;
    let alice = stage.alice().await;
    let before = stage.clock.now();
    let credentials = stage.chat.mint(&alice).await.expect("a token");
    assert_eq!(
        credentials.user_id(),
        stage.rc.user("alice").expect("made").id
    );
    assert_eq!(
        stage.rc.live_tokens("alice"),
        [credentials.auth_token().reveal()],
        "for {manner:?}"
    );
    assert_eq!(credentials.minted_at(), before);
    assert_eq!(
        credentials.expires_at(),
        before + stage.chat.login_expiration()
    );
    assert_eq!(stage.mintings(), 1);
    stage.chat.revoke(&credentials).await.expect("logged out");
    assert!(stage.rc.live_tokens("alice").is_empty(), "for {manner:?}");
    stage
        .chat
        .revoke(&credentials)
        .await
        .expect("401 means gone too");
}

#[tokio::test]
async fn every_regime_is_found_by_the_version() {
    for manner in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        mints_and_revokes(manner, VersionSetting::Auto).await;
    }
}

#[tokio::test]
async fn every_regime_can_be_configured() {
    for (manner, regime) in [
        (Manner::V6, Regime::NoSecret),
        (Manner::V80, Regime::Secret),
        (Manner::V87, Regime::SecretAndPermission),
    ] {
        mints_and_revokes(manner, VersionSetting::Fixed(regime)).await;
    }
}

async fn not_permitted(stage: &Stage) {
    let alice = stage.alice().await;
    let error = stage.chat.mint(&alice).await.expect_err("refused");
    assert!(matches!(error, ApiError::NotPermitted(_)), "{error:?}");
    assert!(stage.rc.live_tokens("alice").is_empty());
    assert_eq!(stage.mintings(), 1, "a configuration fault is not retried");
}

#[tokio::test]
async fn a_wrong_secret_is_a_configuration_fault_and_not_retried() {
    for manner in [Manner::V80, Manner::V87] {
        let stage = Stage::with(Options::new(manner), |config| {
            config.create_token_secret = Some(Secret::new("another".to_owned()));
        })
        .await;
        not_permitted(&stage).await;
    }
}

#[tokio::test]
async fn a_server_that_mints_for_nobody_is_a_configuration_fault() {
    for manner in [Manner::V6, Manner::V7, Manner::V87] {
        let options = Options {
            create_token: CreateToken::Off,
            ..Options::new(manner)
        };
        not_permitted(&Stage::with(options, |_config| {}).await).await;
    }
}

#[tokio::test]
async fn the_permission_counts_before_8_0_and_from_8_7() {
    for manner in [Manner::V6, Manner::V7, Manner::V87] {
        let stage = Stage::of(manner).await;
        stage.rc.revoke_permission("user-generate-access-token");
        not_permitted(&stage).await;
    }
    let stage = Stage::of(Manner::V80).await;
    stage.rc.revoke_permission("user-generate-access-token");
    let alice = stage.alice().await;
    stage
        .chat
        .mint(&alice)
        .await
        .expect("8.0 asks for the secret only");
}

#[tokio::test]
async fn a_missing_secret_keeps_gantry_unready_and_asks_nothing_of_create_token() {
    let stage = Stage::unready(Options::new(Manner::V87), |config| {
        config.create_token_secret = None;
    })
    .await;
    stage
        .until_missing("rocketchat.create_token_secret_file")
        .await;
    let alice = stage.alice().await;
    let error = stage.chat.mint(&alice).await.expect_err("no secret");
    assert!(matches!(error, ApiError::NotPermitted(_)), "{error:?}");
    assert_eq!(stage.mintings(), 0);
}

#[tokio::test]
async fn a_missing_secret_does_not_matter_before_8_0() {
    let stage = Stage::with(Options::new(Manner::V7), |config| {
        config.create_token_secret = None;
    })
    .await;
    let alice = stage.alice().await;
    stage.chat.mint(&alice).await.expect("a token");
}

#[tokio::test]
async fn an_upgrade_of_rocket_chat_is_noticed_when_minting_fails() {
    for (now, said_before) in [
        (Manner::V87, "7.13"),
        (Manner::V80, "6.13"),
        (Manner::V87, "8.2"),
    ] {
        let stage = Stage::unready(Options::new(now), |_config| {}).await;
        stage.rc.clear_faults();
        let old = format!(r#"{{"version":"{said_before}","success":true}}"#);
        stage
            .rc
            .fault(Fault::times("/api/info", 1, FaultKind::Status(200, old)));
        stage.until_ready().await;
        let alice = stage.alice().await;
        stage.chat.mint(&alice).await.expect("a token");
        assert_eq!(stage.rc.live_tokens("alice").len(), 1, "now {now:?}");
    }
}

#[tokio::test]
async fn a_wrong_secret_does_not_ask_for_the_version_each_time() {
    let stage = Stage::with(Options::new(Manner::V87), |config| {
        config.create_token_secret = Some(Secret::new("another".to_owned()));
    })
    .await;
    let alice = stage.alice().await;
    let asked = stage.rc.calls("GET", "/api/info");
    for _ in 0..5 {
        stage.chat.mint(&alice).await.expect_err("refused");
    }
    assert_eq!(stage.rc.calls("GET", "/api/info"), asked + 1);
    stage.hand.advance(Duration::from_secs(60));
    stage.chat.mint(&alice).await.expect_err("refused");
    assert_eq!(stage.rc.calls("GET", "/api/info"), asked + 2);
}

#[tokio::test]
async fn a_minting_that_fails_in_passing_is_tried_once_more() {
    let stage = Stage::of(Manner::V7).await;
    let alice = stage.alice().await;
    let crash = || FaultKind::Status(500, r#"{"success":false}"#.to_owned());
    stage
        .rc
        .fault(Fault::times("/api/v1/users.createToken", 1, crash()));
    stage.chat.mint(&alice).await.expect("the second try");
    assert_eq!(
        (stage.mintings(), stage.rc.live_tokens("alice").len()),
        (2, 1)
    );

    stage
        .rc
        .fault(Fault::times("/api/v1/users.createToken", 2, crash()));
    let error = stage.chat.mint(&alice).await.expect_err("both tries fail");
    assert!(matches!(error, ApiError::Failed(500)), "{error:?}");
    assert_eq!(stage.mintings(), 4);
}

#[tokio::test]
async fn a_user_that_vanished_is_a_refusal() {
    let stage = Stage::of(Manner::V87).await;
    let mut ghost = stage.alice().await;
    ghost.id = "nobody".to_owned();
    let error = stage.chat.mint(&ghost).await.expect_err("no such user");
    let code = error
        .refusal()
        .map(|refusal| refusal.error_type().to_owned());
    assert_eq!(code.as_deref(), Some("error-invalid-user"));
}

#[tokio::test]
async fn the_life_of_tokens_is_read_in_both_forms_of_the_settings() {
    for manner in [Manner::V6, Manner::V7, Manner::V87] {
        let options = Options {
            login_expiration_days: 2.5,
            ..Options::new(manner)
        };
        let stage = Stage::with(options, |_config| {}).await;
        let life = stage.chat.login_expiration();
        assert_eq!(life, Duration::from_secs(216_000), "for {manner:?}");
    }
}

#[tokio::test]
async fn a_changed_life_of_tokens_is_noticed_within_ten_minutes() {
    let stage = Stage::of(Manner::V87).await;
    stage.rc.set_setting("Accounts_LoginExpiration", 1.into());
    stage.hand.advance(Duration::from_secs(601));
    eventually("one day", || {
        stage.chat.login_expiration() == Duration::from_secs(86_400)
    })
    .await;
}

#[tokio::test]
async fn settings_that_cannot_be_read_delay_nothing_and_are_tried_again() {
    let stage = Stage::unready(
        Options {
            login_expiration_days: 1.0,
            ..Options::new(Manner::V87)
        },
        |_config| {},
    )
    .await;
    let page = FaultKind::Status(200, "<!DOCTYPE html>".to_owned());
    stage
        .rc
        .fault(Fault::times("/api/v1/settings.public", 2, page));
    stage.until_ready().await;
    eventually("one day", || {
        stage.hand.advance(Duration::from_secs(1));
        stage.chat.login_expiration() == Duration::from_secs(86_400)
    })
    .await;
    assert!(
        stage
            .chat
            .user_by_name(ALICE.username)
            .await
            .expect("an answer")
            .is_none()
    );
}

//! The fallback that logs users in with derived passwords (RC §3.7), and its care not to be locked out (RC §5.5).

use std::time::Duration;

use gantry::config::rocketchat::Mint;
use gantry::rocketchat::{ApiError, NewUser};
use gantry::secret::Secret;
use lookalike::{CreateToken, Manner, Options};

use super::stage::{ALICE, Stage};

/// Alice without a verified address, which would bring e-mail codes upon her logins (RC §2.2).
const UNVERIFIED: NewUser<'static> = NewUser {
    email_verified: false,
    ..ALICE
};

async fn fallback(manner: Manner) -> Stage {
    let options = Options {
        create_token: CreateToken::Off,
        ..Options::new(manner)
    };
    Stage::with(options, |config| {
        config.create_token_secret = None;
        config.mint = Mint::Password {
            key: Secret::new("k".repeat(32)),
        };
    })
    .await
}

fn stranger(username: &str) -> lookalike::NewUser {
    lookalike::NewUser {
        password: Some("her own password".to_owned()),
        ..lookalike::NewUser::new(username)
    }
}

#[tokio::test]
async fn a_user_made_by_gantry_is_logged_in_with_its_derived_password() {
    for manner in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        let stage = fallback(manner).await;
        let alice = stage.chat.create_user(&UNVERIFIED).await.expect("made");
        let credentials = stage.chat.mint(&alice).await.expect("a token");
        assert_eq!(
            stage.rc.live_tokens("alice"),
            [credentials.auth_token().reveal()],
            "for {manner:?}"
        );
        assert_eq!(stage.mintings(), 0);
        stage.chat.revoke(&credentials).await.expect("logged out");
        assert!(stage.rc.live_tokens("alice").is_empty());
    }
}

#[tokio::test]
async fn a_user_with_another_password_is_refused_and_not_tried_at_will() {
    let stage = fallback(Manner::V87).await;
    stage.rc.add_user(stranger("carol"));
    let carol = stage.found("carol").await;
    for _ in 0..20 {
        let error = stage.chat.mint(&carol).await.expect_err("refused");
        assert!(matches!(error, ApiError::PasswordRefused), "{error:?}");
    }
    assert_eq!(stage.logins(), 1);
    stage.hand.advance(Duration::from_secs(31));
    stage.chat.mint(&carol).await.expect_err("refused");
    assert_eq!(stage.logins(), 2);
}

#[tokio::test]
async fn a_verified_address_brings_a_second_factor_that_only_the_user_has() {
    let stage = fallback(Manner::V87).await;
    let alice = stage.chat.create_user(&ALICE).await.expect("made");
    for _ in 0..5 {
        let error = stage.chat.mint(&alice).await.expect_err("challenged");
        assert!(matches!(error, ApiError::SecondFactorRequired), "{error:?}");
    }
    assert_eq!(stage.logins(), 1, "each try would send an e-mail");
}

#[tokio::test]
async fn many_refused_users_stop_all_logins_before_rocket_chat_does() {
    let stage = fallback(Manner::V87).await;
    let alice = stage.chat.create_user(&UNVERIFIED).await.expect("made");
    let mut refused = 0;
    for number in 0..60 {
        let name = format!("stranger{number}");
        stage.rc.add_user(stranger(&name));
        let user = stage.found(&name).await;
        match stage.chat.mint(&user).await.expect_err("refused") {
            ApiError::PasswordRefused => refused += 1,
            ApiError::RateLimited(wait) => assert!(wait > Duration::from_secs(300)),
            other => panic!("{other:?}"),
        }
        // The login route itself is limited; this test is about refusals.
        stage.rc.advance(Duration::from_secs(61));
    }
    assert_eq!((refused, stage.logins()), (20, 20));
    stage.hand.advance(Duration::from_secs(331));
    stage
        .chat
        .mint(&alice)
        .await
        .expect("logins go on, and Rocket.Chat has not blocked us");
}

#[tokio::test]
async fn a_deactivated_user_is_refused_by_its_code() {
    let stage = fallback(Manner::V87).await;
    let alice = stage.chat.create_user(&UNVERIFIED).await.expect("made");
    stage.rc.set_active("alice", false);
    let error = stage.chat.mint(&alice).await.expect_err("refused");
    let code = error
        .refusal()
        .map(|refusal| refusal.error_type().to_owned());
    assert_eq!(code.as_deref(), Some("error-user-is-not-activated"));
}

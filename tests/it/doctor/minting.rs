//! Minting: every way in which it is refused, and that no token is left whatever becomes of answers.

use std::sync::Arc;
use std::time::Duration;

use gantry::app::doctor::{State, examine};
use gantry::clock::Clock;
use gantry::config::rocketchat::{Mint, ServiceAccount};
use gantry::secret::Secret;
use lookalike::{CreateToken, Fault, FaultKind, Latch, Manner, Options};

use super::{assert_told, login_tokens, report};
use crate::support::gateway::config;
use crate::support::world::World;

const PATH: &str = "/api/v1/users.createToken";

async fn with(manner: Manner, create_token: CreateToken) -> World {
    World::new(Options {
        rate_limiter: false,
        create_token,
        ..Options::new(manner)
    })
    .await
}

#[tokio::test]
async fn a_switch_or_secret_that_is_wrong_is_told_for_each_version() {
    let another = || CreateToken::Secret("another".to_owned());
    let table = [
        (Manner::V6, CreateToken::Off, "CREATE_TOKENS_FOR_USERS=true"),
        (Manner::V7, CreateToken::Off, "CREATE_TOKENS_FOR_USERS=true"),
        (
            Manner::V80,
            CreateToken::Off,
            "CREATE_TOKENS_FOR_USERS_SECRET",
        ),
        (Manner::V80, another(), "CREATE_TOKENS_FOR_USERS_SECRET"),
        (Manner::V87, another(), "CREATE_TOKENS_FOR_USERS_SECRET"),
    ];
    for (manner, create_token, mend) in table {
        let world = with(manner, create_token).await;
        let report = report(&world, |_| ()).await;
        assert_told(&report, "minting", State::Failed, mend);
        assert_eq!(login_tokens(&world), 0);
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_here_is_asked_for_here() {
    for manner in [Manner::V80, Manner::V87] {
        let world = with(manner, CreateToken::Fitting).await;
        let report = report(&world, |config| {
            config.rocketchat.create_token_secret = None;
        })
        .await;
        let mend = "set rocketchat.create_token_secret_file";
        assert_told(&report, "minting", State::Failed, mend);
    }
}

#[tokio::test]
async fn a_second_factor_that_is_wanted_is_told_as_such() {
    let world = World::new(Options {
        rate_limiter: false,
        two_factor_on_users: true,
        ..Options::new(Manner::V87)
    })
    .await;
    // The personal access token ignores it.
    let told = report(&world, |_| ()).await;
    assert_told(&told, "minting", State::Ok, "");
    let challenge = r#"{"success":false,"error":"TOTP Required [totp-required]","errorType":"totp-required",
        "details":{"method":"totp","codeGenerated":false,"availableMethods":["totp"]}}"#;
    let kind = FaultKind::Status(400, challenge.to_owned());
    world.rc.fault(Fault::always(PATH, kind));
    let told = report(&world, |_| ()).await;
    assert_told(&told, "minting", State::Failed, "made with bypassTwoFactor");
}

#[tokio::test]
async fn minting_by_password_is_left_alone() {
    let world = World::plain().await;
    let report = report(&world, |config| {
        let key = Secret::new("k".repeat(32));
        config.rocketchat.mint = Mint::Password { key };
    })
    .await;
    assert_told(
        &report,
        "minting",
        State::Skipped,
        "rocketchat.mint is password",
    );
    assert_eq!(world.rc.calls("POST", PATH), 0);
}

#[tokio::test]
async fn a_token_whose_answer_comes_late_is_logged_out() {
    let world = World::plain().await;
    let (latch, rc) = (Latch::new(), Arc::clone(&world.rc));
    world
        .rc
        .fault(Fault::times(PATH, 1, FaultKind::HoldAnswer(latch.clone())));
    let mut config = config(&world.rc, &world.issuer);
    config.rocketchat.timeouts.call = Duration::from_millis(300);
    // Not before minting was given up is the socket tried.
    let opening = async {
        rc.until_called("GET", "/websocket", 1).await;
        assert_eq!(login_tokens(&world), 1);
        latch.open();
    };
    let looking = Box::pin(examine(&config, Clock::system()));
    let (report, ()) = tokio::join!(looking, opening);
    let report = report.unwrap();
    assert_told(&report, "minting", State::Failed, "did not answer in time");
    assert_eq!(login_tokens(&world), 0);
}

#[tokio::test]
async fn a_logout_whose_answer_is_lost_is_asked_for_again() {
    let world = World::plain().await;
    world
        .rc
        .fault(Fault::times("/api/v1/logout", 1, FaultKind::LoseAnswer));
    world
        .rc
        .fault(Fault::times("/api/v1/logout", 1, FaultKind::Reset));
    let report = report(&world, |_| ()).await;
    assert_told(&report, "minting", State::Ok, "");
    assert_eq!(login_tokens(&world), 0);
}

#[tokio::test]
async fn a_token_that_cannot_be_logged_out_is_confessed() {
    let world = World::plain().await;
    let kind = FaultKind::Status(503, "<html>".to_owned());
    world.rc.fault(Fault::always("/api/v1/logout", kind));
    let report = report(&world, |_| ()).await;
    assert_told(&report, "minting", State::Failed, "could not be logged out");
    assert_eq!(login_tokens(&world), 1);
}

#[tokio::test]
async fn a_login_that_cannot_be_given_back_is_confessed() {
    let world = World::plain().await;
    let kind = FaultKind::Status(404, "<html>".to_owned());
    world.rc.fault(Fault::always("/api/v1/logout", kind));
    let report = report(&world, |config| {
        config.rocketchat.service_account = ServiceAccount::Password {
            username: world.rc.service_username(),
            password: Secret::new(world.rc.service_password()),
            totp_secret: None,
        };
    })
    .await;
    assert!(report.table().contains("its login could not be given back"));
}

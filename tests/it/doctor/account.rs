//! The service account: refused, locked out, challenged, too mighty, of the wrong kind, without permissions.

use gantry::app::doctor::State;
use gantry::config::Config;
use gantry::config::rocketchat::ServiceAccount;
use gantry::secret::Secret;
use lookalike::{Fault, FaultKind, Manner, NewUser, Options};

use super::{assert_told, find, login_tokens, report, world};
use crate::support::world::World;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn password(username: &str, password: &str) -> impl FnOnce(&mut Config) + use<> {
    let account = ServiceAccount::Password {
        username: username.to_owned(),
        password: secret(password),
        totp_secret: None,
    };
    move |config| config.rocketchat.service_account = account
}

/// A world with another account in it.
async fn with(user: NewUser) -> World {
    let world = World::plain().await;
    world.rc.add_user(NewUser {
        password: Some("the right one".to_owned()),
        ..user
    });
    world
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let world = World::plain().await;
    let report = report(&world, |config| {
        config.rocketchat.service_account = ServiceAccount::Token {
            user_id: world.rc.service_user_id(),
            auth_token: secret("made-up-token"),
        };
    })
    .await;
    assert_told(
        &report,
        "service-account",
        State::Failed,
        "token is unknown",
    );
    assert_told(
        &report,
        "service-account",
        State::Failed,
        "make a personal access token",
    );
    for id in ["permission", "minting", "setting"] {
        assert_told(&report, id, State::Skipped, "is not taken");
    }
    assert!(!report.table().contains("made-up-token"));
    // What needs no account is tried still.
    assert_told(&report, "websocket", State::Ok, "opens");
}

#[tokio::test]
async fn an_account_that_was_deactivated_is_refused() {
    let world = World::plain().await;
    world.rc.set_active(&world.rc.service_username(), false);
    let told = report(&world, |_| ()).await;
    assert_told(
        &told,
        "service-account",
        State::Failed,
        "the account is active",
    );
    let name = world.rc.service_username();
    let told = report(&world, password(&name, &world.rc.service_password())).await;
    assert_told(&told, "service-account", State::Failed, "must be active");
}

#[tokio::test]
async fn a_login_by_password_is_given_back() {
    let world = World::plain().await;
    let name = world.rc.service_username();
    let report = report(&world, password(&name, &world.rc.service_password())).await;
    assert!(!report.has_failed(), "{}", report.table());
    assert_eq!(world.rc.calls("POST", "/api/v1/login"), 1);
    assert_eq!(login_tokens(&world), 0);
}

#[tokio::test]
async fn a_login_that_is_refused_says_why() {
    let check = async |user: NewUser, given: &str, part: &str| {
        let name = user.username.clone();
        let world = with(user).await;
        let report = report(&world, password(&name, given)).await;
        assert_told(&report, "service-account", State::Failed, part);
        assert_eq!(world.rc.live_tokens(&name).len(), 0);
    };
    check(
        NewUser::new("keeper"),
        "a wrong one",
        "wrong username or password",
    )
    .await;
    let guarded = NewUser {
        totp_secret: Some(b"12345678901234567890".to_vec()),
        ..NewUser::new("keeper")
    };
    check(
        guarded,
        "the right one",
        "set rocketchat.service_account.totp_secret_file",
    )
    .await;
    let asleep = NewUser {
        active: false,
        ..NewUser::new("keeper")
    };
    check(asleep, "the right one", "must be active").await;
    let program = NewUser {
        user_type: "app".to_owned(),
        ..NewUser::new("keeper")
    };
    check(program, "the right one", "of type user").await;
}

#[tokio::test]
async fn an_account_that_is_locked_out_is_told() {
    let world = World::plain().await;
    let name = world.rc.service_username();
    for _ in 0..11 {
        let told = report(&world, password(&name, "a wrong one")).await;
        if find(&told, "service-account", "").seen.contains("blocked") {
            return;
        }
    }
    panic!("never locked out");
}

#[tokio::test]
async fn one_that_asks_to_slow_down_is_told() {
    let world = World::plain().await;
    let reset_in = std::time::Duration::from_secs(3600);
    world.rc.fault(Fault::always(
        "/api/v1/me",
        FaultKind::RateLimited { reset_in },
    ));
    let report = report(&world, |_| ()).await;
    assert_told(
        &report,
        "service-account",
        State::Failed,
        "api-bypass-rate-limit",
    );
}

#[tokio::test]
async fn an_administrator_and_a_bot_work_with_a_warning() {
    let check = async |user: NewUser, part: &str| {
        let name = user.username.clone();
        let world = with(user).await;
        let report = report(&world, password(&name, "the right one")).await;
        assert_told(&report, "service-account", State::Warning, part);
        assert_eq!(world.rc.live_tokens(&name).len(), 0);
    };
    let admin = NewUser {
        roles: vec!["admin".to_owned()],
        ..NewUser::new("boss")
    };
    check(admin, "take the role admin away").await;
    let bot = NewUser {
        roles: vec!["bot".to_owned()],
        user_type: "bot".to_owned(),
        ..NewUser::new("robot")
    };
    check(bot, "use an account of type user").await;
}

#[tokio::test]
async fn each_missing_permission_is_told_by_its_name() {
    for (permission, state) in [
        ("create-user", State::Failed),
        ("user-generate-access-token", State::Failed),
        ("view-full-other-user-info", State::Failed),
        ("api-bypass-rate-limit", State::Warning),
        ("edit-other-user-info", State::Warning),
    ] {
        let world = World::plain().await;
        world.rc.revoke_permission(permission);
        let report = report(&world, |_| ()).await;
        let finding = find(&report, "permission", permission);
        assert_eq!(finding.state, state, "{}", report.table());
        assert!(finding.mend.as_deref().unwrap().contains(permission));
        assert_eq!(report.has_failed(), state == State::Failed);
        assert_eq!(login_tokens(&world), 0);
    }
}

#[tokio::test]
async fn permissions_that_the_config_does_not_need_are_not_asked_for() {
    let world = world(Manner::V80).await;
    for permission in [
        "create-user",
        "user-generate-access-token",
        "edit-other-user-info",
    ] {
        world.rc.revoke_permission(permission);
    }
    let report = report(&world, |config| {
        config.users.provision = false;
        config.users.sync_profile = false;
    })
    .await;
    assert!(!report.has_failed(), "{}", report.table());
}

#[tokio::test]
async fn a_permission_that_is_never_needed_is_told() {
    let world = World::plain().await;
    world.rc.grant_permission("assign-admin-role");
    let report = report(&world, |_| ()).await;
    let finding = find(&report, "permission", "assign-admin-role");
    assert_eq!(finding.state, State::Warning);
}

#[tokio::test]
async fn roles_that_are_not_shown_are_a_warning() {
    let world = World::new(Options {
        rate_limiter: false,
        ..Options::new(Manner::V87)
    })
    .await;
    let refusal = FaultKind::Status(
        403,
        r#"{"success":false,"error":"unauthorized"}"#.to_owned(),
    );
    world
        .rc
        .fault(Fault::always("/api/v1/permissions.listAll", refusal));
    let report = report(&world, |_| ()).await;
    assert_told(&report, "permission", State::Warning, "permissions.listAll");
}

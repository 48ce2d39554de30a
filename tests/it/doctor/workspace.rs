//! Rocket.Chat itself: away, failing, odd, of another version, without sockets, behind something that hides clients.

use gantry::app::doctor::State;
use gantry::config::rocketchat::{Regime, VersionSetting};
use lookalike::{Fault, FaultKind, Manner, Options};

use super::{assert_told, find, report, world};
use crate::support::issuer::ISSUER;
use crate::support::world::World;

#[tokio::test]
async fn one_that_is_away_fails_and_the_rest_is_tried_still() {
    let world = World::plain().await;
    let url = world.rc.url().parse().unwrap();
    world.rc.stop().await;
    let report = report(&world, |config| config.rocketchat.url = url).await;
    assert_told(
        &report,
        "rocketchat-reachable",
        State::Failed,
        "check rocketchat.url",
    );
    for id in [
        "rocketchat-version",
        "service-account",
        "permission",
        "minting",
        "setting",
        "client-address",
        "websocket",
    ] {
        assert_told(&report, id, State::Skipped, "skipped because");
    }
    assert_eq!(find(&report, "issuer-keys", ISSUER).state, State::Ok);
    assert_told(&report, "store", State::Ok, "memory");
}

#[tokio::test]
async fn what_answers_and_is_none_is_told_from_one_that_fails() {
    let table = [
        (
            FaultKind::Status(200, "<html>".to_owned()),
            "is no Rocket.Chat",
        ),
        (FaultKind::Status(404, "{}".to_owned()), "is no Rocket.Chat"),
        (FaultKind::Status(503, "<html>".to_owned()), "its database"),
        (FaultKind::Reset, "runs and is open to this host"),
        (FaultKind::DropAfterHeaders, "runs and is open to this host"),
    ];
    for (kind, mend) in table {
        let world = World::plain().await;
        world.rc.fault(Fault::always("/api/info", kind));
        let report = report(&world, |_| ()).await;
        assert_told(&report, "rocketchat-reachable", State::Failed, mend);
    }
}

#[tokio::test]
async fn one_that_hangs_fails_within_the_time_of_a_call() {
    let world = World::plain().await;
    world.rc.fault(Fault::always("/api/", FaultKind::HalfOpen));
    let report = report(&world, |config| {
        config.rocketchat.timeouts.call = std::time::Duration::from_millis(200);
    })
    .await;
    assert_told(&report, "rocketchat-reachable", State::Failed, "in time");
    assert_told(&report, "clock", State::Skipped, "told no time");
}

#[tokio::test]
async fn versions_that_gantry_does_not_know_are_told() {
    let table = [
        (
            "5.4.3",
            Manner::V6,
            State::Failed,
            "upgrade to Rocket.Chat 6, 7 or 8",
        ),
        (
            "9.1.0",
            Manner::V87,
            State::Warning,
            "newer than this Gantry knows",
        ),
        ("eight", Manner::V87, State::Failed, "cannot be read"),
        ("8.6.0", Manner::V80, State::Ok, "8.6"),
    ];
    for (version, manner, state, part) in table {
        let options = Options {
            version: Some(version.to_owned()),
            rate_limiter: false,
            ..Options::new(manner)
        };
        let report = report(&World::new(options).await, |_| ()).await;
        assert_told(&report, "rocketchat-version", state, part);
    }
}

#[tokio::test]
async fn a_version_setting_that_does_not_fit_is_told() {
    let world = world(Manner::V7).await;
    let report = report(&world, |config| {
        config.rocketchat.version = VersionSetting::Fixed(Regime::SecretAndPermission);
    })
    .await;
    assert_told(
        &report,
        "rocketchat-version",
        State::Failed,
        "set rocketchat.version to auto",
    );
}

#[tokio::test]
async fn sockets_that_do_not_come_through_are_told() {
    let world = World::plain().await;
    let page = FaultKind::Status(400, "<html>".to_owned());
    world.rc.fault(Fault::always("/websocket", page));
    let report = report(&world, |_| ()).await;
    assert_told(&report, "websocket", State::Failed, "status 400");
    assert_told(
        &report,
        "websocket",
        State::Failed,
        "let upgrades of /websocket through",
    );
}

#[tokio::test]
async fn clients_that_look_like_one_are_told() {
    let check = async |forwarded_count, state, part| {
        let options = Options {
            forwarded_count,
            ..Options::new(Manner::V87)
        };
        let report = report(&World::new(options).await, |_| ()).await;
        assert_told(&report, "client-address", state, part);
    };
    check(1, State::Ok, "tells clients apart").await;
    check(0, State::Warning, "HTTP_FORWARDED_COUNT").await;
    check(2, State::Warning, "HTTP_FORWARDED_COUNT").await;
}

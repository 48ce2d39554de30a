//! `gantry doctor` against what works and what is broken: the finding, its mend, and that no token stays.

use gantry::app::doctor::{Finding, Report, State, examine};
use gantry::clock::Clock;
use gantry::config::Config;
use gantry::secret::Secret;

use crate::support::gateway::config;
use crate::support::world::World;

async fn report(world: &World, change: impl FnOnce(&mut Config)) -> Report {
    let mut config = config(&world.rc, &world.issuer);
    change(&mut config);
    examine(&config, Clock::system()).await.unwrap()
}

fn find<'r>(report: &'r Report, id: &str, subject: &str) -> &'r Finding {
    let found = report
        .findings()
        .iter()
        .find(|it| it.id == id && it.subject == subject);
    found.unwrap_or_else(|| panic!("no {id} {subject}\n{}", report.table()))
}

fn assert_failed(report: &Report, id: &str, subject: &str, mend: &str) {
    let finding = find(report, id, subject);
    assert_eq!(finding.state, State::Failed, "{}", report.table());
    let told = finding.mend.as_deref().unwrap();
    assert!(told.contains(mend), "{told}");
    assert!(report.has_failed());
}

fn minted_tokens(world: &World) -> usize {
    world.rc.live_tokens(&world.rc.service_username()).len()
}

#[tokio::test]
async fn all_is_well_and_no_token_is_left() {
    let world = World::plain().await;
    let before = minted_tokens(&world);
    let report = report(&world, |_| ()).await;
    assert!(!report.has_failed(), "{}", report.table());
    assert_eq!(find(&report, "minting", "").state, State::Ok);
    assert_eq!(find(&report, "permission", "create-user").state, State::Ok);
    assert_eq!(find(&report, "clock", "Rocket.Chat").state, State::Ok);
    assert_eq!(world.rc.calls("POST", "/api/v1/users.createToken"), 1);
    assert_eq!(minted_tokens(&world), before);
}

#[tokio::test]
async fn a_rocketchat_that_is_away_fails_and_the_rest_is_tried_still() {
    let world = World::plain().await;
    let config = config(&world.rc, &world.issuer);
    world.rc.stop().await;
    let report = examine(&config, Clock::system()).await.unwrap();
    assert_failed(&report, "rocketchat-reachable", "", "rocketchat.url");
    assert_eq!(find(&report, "minting", "").state, State::Skipped);
    let keys = find(&report, "issuer-keys", crate::support::issuer::ISSUER);
    assert_eq!(keys.state, State::Ok);
}

#[tokio::test]
async fn each_missing_permission_is_told_by_its_name() {
    for (permission, state) in [
        ("create-user", State::Failed),
        ("user-generate-access-token", State::Failed),
        ("view-full-other-user-info", State::Failed),
        ("api-bypass-rate-limit", State::Warning),
    ] {
        let world = World::plain().await;
        world.rc.revoke_permission(permission);
        let report = report(&world, |_| ()).await;
        let finding = find(&report, "permission", permission);
        assert_eq!(finding.state, state, "{}", report.table());
        assert!(finding.mend.as_deref().unwrap().contains(permission));
        assert_eq!(report.has_failed(), state == State::Failed);
    }
}

#[tokio::test]
async fn a_wrong_or_missing_secret_fails_the_minting() {
    let world = World::plain().await;
    let wrong = Secret::new("another".to_owned());
    let told = report(&world, |config| {
        config.rocketchat.create_token_secret = Some(wrong);
    });
    let told = told.await;
    assert_failed(&told, "minting", "", "CREATE_TOKENS_FOR_USERS_SECRET");
    assert!(!told.table().contains("another"), "{}", told.table());
    let told = report(&world, |config| {
        config.rocketchat.create_token_secret = None;
    });
    let told = told.await;
    assert_failed(&told, "minting", "", "create_token_secret_file");
}

#[tokio::test]
async fn an_issuer_that_is_away_fails() {
    let world = World::plain().await;
    world.issuer.stop().await;
    let report = report(&world, |_| ()).await;
    let issuer = crate::support::issuer::ISSUER;
    assert_failed(&report, "issuer-keys", issuer, "keys are read");
    assert_eq!(find(&report, "minting", "").state, State::Ok);
}

#[tokio::test]
async fn a_clock_that_is_off_is_told() {
    let world = World::plain().await;
    let config = config(&world.rc, &world.issuer);
    world.hand.advance(std::time::Duration::from_secs(3600));
    let report = examine(&config, world.clock.clone()).await.unwrap();
    assert_failed(&report, "clock", crate::support::issuer::ISSUER, "NTP");
    let chat = find(&report, "clock", "Rocket.Chat");
    assert_eq!(chat.state, State::Warning);
}

#[tokio::test]
async fn every_finding_stands_in_the_docs() {
    let world = World::plain().await;
    let report = report(&world, |_| ()).await;
    let docs = include_str!("../../docs/doctor.md");
    for finding in report.findings() {
        let row = format!("| `{}` |", finding.id);
        assert!(docs.contains(&row), "{row}");
    }
}

#[test]
fn the_program_exits_with_one_when_a_check_failed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gantry.yaml");
    let text = "\
listen: { public_url: \"https://chat.example.com\" }
rocketchat:
  url: http://127.0.0.1:1
  service_account: { user_id: gantry, auth_token: not-to-be-shown }
issuers:
  - { issuer: \"https://127.0.0.1:1\", audiences: [chat], algorithms: [RS256], jwks_url: \"https://127.0.0.1:1/jwks\" }
";
    std::fs::write(&path, text).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gantry"));
    let command = command.arg("doctor").arg("--config").arg(&path).env_clear();
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("failed   rocketchat-reachable"), "{out}");
    assert!(!out.contains("not-to-be-shown"), "{out}");
}

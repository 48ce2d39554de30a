//! `gantry doctor` against what works and what is broken: the finding, its mend, and that no token stays.

use gantry::app::doctor::{Finding, Report, State, examine};
use gantry::clock::Clock;
use gantry::config::Config;
use lookalike::{Manner, Options};

use crate::support::gateway::config;
use crate::support::issuer::ISSUER;
use crate::support::world::World;

mod account;
mod encrypted;
mod issuers;
mod minting;
mod program;
mod settings;
mod surroundings;
mod workspace;

/// What the doctor says of this world by a changed config.
async fn report(world: &World, change: impl FnOnce(&mut Config)) -> Report {
    let mut config = config(&world.rc, &world.issuer);
    change(&mut config);
    Box::pin(examine(&config, Clock::system())).await.unwrap()
}

/// A world in another manner, without the limiter.
async fn world(manner: Manner) -> World {
    World::new(Options {
        rate_limiter: false,
        ..Options::new(manner)
    })
    .await
}

fn find<'r>(report: &'r Report, id: &str, subject: &str) -> &'r Finding {
    let found = report
        .findings()
        .iter()
        .find(|it| it.id == id && it.subject == subject);
    found.unwrap_or_else(|| panic!("no {id} {subject}\n{}", report.table()))
}

/// The first finding of this id is as told: its state, and a part of what was seen or of the mend.
#[track_caller]
fn assert_told(report: &Report, id: &str, state: State, part: &str) {
    let finding = report.findings().iter().find(|it| it.id == id);
    let finding = finding.unwrap_or_else(|| panic!("no {id}\n{}", report.table()));
    assert_eq!(finding.state, state, "{}", report.table());
    let told = format!(
        "{} {}",
        finding.seen,
        finding.mend.as_deref().unwrap_or_default()
    );
    assert!(told.contains(part), "{told}");
    let needs_mend = matches!(state, State::Warning | State::Failed);
    assert_eq!(finding.mend.is_some(), needs_mend, "{}", report.table());
    if state == State::Failed {
        assert!(report.has_failed());
    }
}

/// Tokens of logins that live at the service account; its personal access token is none.
fn login_tokens(world: &World) -> usize {
    world.rc.live_tokens(&world.rc.service_username()).len()
}

#[tokio::test]
async fn all_is_well_and_no_token_is_left() {
    for manner in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        let world = world(manner).await;
        let report = report(&world, |_| ()).await;
        assert!(!report.has_failed(), "{manner:?}\n{}", report.table());
        for id in [
            "config",
            "rocketchat-reachable",
            "rocketchat-version",
            "service-account",
            "permission",
            "minting",
            "websocket",
            "issuer-keys",
            "clock",
            "store",
            "listener",
        ] {
            assert_told(&report, id, State::Ok, "");
        }
        assert_eq!(world.rc.calls("POST", "/api/v1/users.createToken"), 1);
        assert_eq!(world.rc.calls("POST", "/api/v1/logout"), 1);
        assert_eq!(login_tokens(&world), 0);
        assert!(world.rc.created_users().is_empty());
        let shown = report.table() + &report.json().unwrap();
        for secret in [&world.rc.service_token(), Options::SECRET] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[tokio::test]
async fn every_finding_stands_in_the_docs_and_every_row_is_a_finding() {
    let world = World::plain().await;
    let folder = tempfile::tempdir().unwrap();
    let report = report(&world, |config| {
        config.listen.tls = Some(program::certificate(folder.path(), 4096));
    })
    .await;
    let docs = include_str!("../../docs/doctor.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let found = |id: &str| report.findings().iter().any(|finding| finding.id == id);
    for id in &rows {
        assert!(found(id), "{id} stands in the docs and is never found");
    }
    for finding in report.findings() {
        assert!(
            rows.contains(&finding.id),
            "{} is not in the docs",
            finding.id
        );
    }
    let order: Vec<&str> = report.findings().iter().map(|finding| finding.id).collect();
    let place = |id: &str| order.iter().position(|it| *it == id);
    assert!(rows.is_sorted_by_key(|id| place(id)), "{rows:?}\n{order:?}");
    assert_eq!(find(&report, "issuer-keys", ISSUER).state, State::Ok);
}

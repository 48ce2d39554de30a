//! The README says what the program does: its example is a valid configuration, its tables hold every problem, metric and own endpoint.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use gantry::config::{Config, Environment};
use gantry::problem::Problem;
use gantry::server::admin::place::Place;
use gantry::telemetry::metrics::{Metrics, TlsSide};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).unwrap()
}

/// The rows of the table below a heading.
fn rows<'a>(readme: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .collect()
}

#[test]
fn the_example_configuration_is_valid() {
    let readme = readme();
    let example = readme.split("```yaml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    // The secrets' files are not on this machine.
    let example = example
        .lines()
        .map(|line| {
            line.split_once("_file: /run").map_or_else(
                || line.to_owned(),
                |(key, _)| format!("{key}: a-secret-for-this-test"),
            )
        })
        .collect::<Vec<_>>()
        .join("\n");

    let config = Config::parse(&example, &Environment::default());

    let mistakes = config.err().map(|mistakes| mistakes.to_string());
    assert_eq!(mistakes, None);
}

#[test]
fn the_table_of_errors_has_every_problem_with_its_status() {
    let readme = readme();
    let rows = rows(&readme, "Errors");

    for problem in Problem::ALL {
        let (slug, status) = (format!("`{}`", problem.slug), problem.status.as_str());
        assert!(
            rows.iter()
                .any(|row| row.contains(&slug) && row.contains(status)),
            "{slug} with {status} is missing"
        );
    }
    for row in rows {
        assert!(
            Problem::ALL
                .iter()
                .any(|problem| row.contains(&format!("`{}`", problem.slug))),
            "no such problem: {row}"
        );
    }
}

#[test]
fn the_table_of_endpoints_has_every_path_of_the_admin_listener() {
    let readme = readme();
    let rows = rows(&readme, "Endpoints");

    for (path, _) in Place::ALL {
        let named = [format!("`{path}`"), format!("`{path}?")];
        let is_told = |row: &&str| named.iter().any(|name| row.contains(name));
        assert!(rows.iter().any(is_told), "{path} is missing");
    }
}

/// One of each event that has labels: the page tells of those that happened only.
fn happen(metrics: &Metrics) {
    metrics.request_rejected("not-found");
    metrics.jwks_fetched("ok");
    metrics.user_provisioned("ok");
    metrics.credentials_minted("ok");
    metrics.credentials_refreshed("ok");
    metrics.ddp_login("ok");
    metrics.certificate_shown(TlsSide::Downstream, UNIX_EPOCH);
    metrics.certificate_reloaded(TlsSide::Downstream, "ok");
    metrics.hands_shaken("ok");
    metrics.config_reloaded("ok");
    metrics.backchannel_logout("ok");
    metrics.credentials_revoked("logout", "ok");
    metrics.session_began();
    metrics.session_ended("logout");
    metrics.rocketchat_called("version", Duration::ZERO);
}

/// Every family of metrics by the name that Prometheus knows it by, with its type.
pub(crate) fn families() -> Vec<(String, String)> {
    let metrics = Metrics::new();
    happen(&metrics);
    metrics
        .page()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => (format!("{name}_total"), kind.to_owned()),
            _ => (name.to_owned(), kind.to_owned()),
        })
        .collect()
}

#[test]
fn the_table_of_metrics_has_every_metric_and_no_other() {
    let readme = readme();
    let told: Vec<&str> = rows(&readme, "Metrics")
        .iter()
        .filter_map(|row| row.split('`').nth(1))
        .collect();
    let there = families();

    for (name, _) in &there {
        assert!(told.contains(&name.as_str()), "{name} is missing");
    }
    for name in &told {
        assert!(
            there.iter().any(|(known, _)| known == name),
            "no such metric: {name}"
        );
    }
}

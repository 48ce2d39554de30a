//! What is offered for watching Gantry (`config/observability`, `docs/observability.md`) speaks of the metrics that there are, and the
//! programs that read it take it as it stands.

mod prometheus;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::readme::families;
use crate::support::gateway::Gateway;
use prometheus::{Prometheus, promtool};

/// What Prometheus makes of one histogram.
const HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("config/observability/gantry-dashboard.json")).unwrap()
}

/// Every word that begins as a metric of Gantry's does.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("gantry_"))
        .collect()
}

/// The names that series may have, by the types on the page.
fn series() -> HashSet<String> {
    let mut names = HashSet::new();
    for (name, kind) in families() {
        if kind == "histogram" {
            names.extend(HISTOGRAM.map(|part| format!("{name}{part}")));
        } else {
            names.insert(name);
        }
    }
    names
}

/// All queries of the dashboard, with its title for each.
fn queries(dashboard: &Value) -> Vec<(&str, &str)> {
    let panels = dashboard["panels"].as_array().unwrap();
    let mut queries = Vec::new();
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().unwrap();
            queries.push((title, target["expr"].as_str().unwrap()));
        }
    }
    queries
}

/// The alerts' names.
fn alerts(rules: &str) -> Vec<&str> {
    rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect()
}

/// The page as Prometheus' older text format has it, which is what promtool reads: there a counter is called as its series.
fn in_the_older_format(page: &str) -> String {
    let counters: HashSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut older = String::new();
    for line in page.lines().filter(|line| *line != "# EOF") {
        let mut words: Vec<&str> = line.splitn(4, ' ').collect();
        let counter = words.get(2).map(|name| format!("{name}_total"));
        if words[0] == "#" && counters.contains(words[2]) {
            words[2] = counter.as_deref().unwrap();
        }
        older += &words.join(" ");
        older.push('\n');
    }
    older
}

#[test]
fn the_dashboard_and_the_alerts_name_only_what_is_there() {
    let known = series();
    for file in [
        "config/observability/gantry-dashboard.json",
        "config/observability/gantry-alerts.yaml",
        "config/observability/gantry-alerts-test.yaml",
    ] {
        let text = read(file);
        let named = named(&text);
        assert!(!named.is_empty(), "{file} names no metric");
        for name in named {
            assert!(known.contains(name), "{file}: no such metric: {name}");
        }
    }
}

#[test]
fn every_metric_is_explained_and_on_the_dashboard() {
    let docs = read("docs/observability.md");
    let rows: Vec<&str> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `gantry_")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let shown = read("config/observability/gantry-dashboard.json");
    let shown = named(&shown);
    for (name, kind) in families() {
        let told = rows
            .iter()
            .filter(|row| name.strip_prefix("gantry_") == Some(**row))
            .count();
        assert_eq!(told, 1, "rows of {name} in docs/observability.md");
        let mut series = vec![name.clone()];
        if kind == "histogram" {
            series = HISTOGRAM.map(|part| format!("{name}{part}")).to_vec();
        }
        assert!(
            series.iter().any(|name| shown.contains(name.as_str())),
            "{name} is not on the dashboard"
        );
    }
    let known = series();
    let families: Vec<String> = families().into_iter().map(|(name, _)| name).collect();
    for name in named(&docs) {
        assert!(
            known.contains(name) || families.iter().any(|family| family == name),
            "docs/observability.md: no such metric: {name}"
        );
    }
}

#[test]
fn every_alert_has_its_runbook_and_its_test() {
    let rules = read("config/observability/gantry-alerts.yaml");
    let tests = read("config/observability/gantry-alerts-test.yaml");
    let docs = read("docs/observability.md");
    let alerts = alerts(&rules);
    assert!(!alerts.is_empty());
    for alert in &alerts {
        let place = format!(
            "runbook: docs/observability.md#{}\n",
            alert.to_ascii_lowercase()
        );
        assert!(rules.contains(&place), "{alert} points to no runbook");
        assert!(
            docs.contains(&format!("\n### {alert}\n")),
            "{alert} has no runbook"
        );
        assert!(
            tests.contains(&format!("alertname: {alert}\n")),
            "{alert} has no test"
        );
    }
    for heading in docs.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(alerts.contains(&heading), "no such alert: {heading}");
    }
}

#[test]
fn promtool_takes_the_alerts_and_they_come_when_they_should() {
    let folder = root().join("config/observability");
    promtool(&["check", "rules", "gantry-alerts.yaml"], &folder, "");
    promtool(&["test", "rules", "gantry-alerts-test.yaml"], &folder, "");
    promtool(&["check", "config", "prometheus.yaml"], &folder, "");
}

#[tokio::test]
async fn promtool_finds_nothing_to_say_of_the_metrics_page() {
    let gateway = Gateway::start().await;
    crate::metrics::traffic(&gateway).await;
    let (_, page) = gateway.admin("/metrics").await;
    let mut series = HashSet::new();
    // What promtool does not see.
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, _) = line.rsplit_once(' ').unwrap();
        assert!(series.insert(name), "{name} twice");
    }
    promtool(&["check", "metrics"], &root(), &in_the_older_format(&page));
}

#[tokio::test]
async fn prometheus_scrapes_gantry_and_answers_what_the_dashboard_asks() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    let prometheus = Prometheus::start(gateway.running.admin_address()).await;

    let requests = r#"gantry_requests_total{job="gantry",route="api",status_class="2xx"}"#;
    assert_eq!(prometheus.until_value(requests).await, 1.0);
    assert_eq!(prometheus.until_value("gantry_sessions").await, 1.0);
    let exchanges = "gantry_exchange_duration_seconds_count";
    assert_eq!(prometheus.until_value(exchanges).await, 1.0);
    prometheus.until_rules_are_well().await;
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    assert!(!queries.is_empty());
    for (title, query) in queries {
        let query = query
            .replace("$__rate_interval", "1m")
            .replace("$job", "gantry")
            .replace("$instance", ".*");
        let answer = prometheus.query(&query).await;
        assert_eq!(answer["status"], "success", "{title}: {query}: {answer}");
    }
    drop(prometheus);
}

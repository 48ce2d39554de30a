//! Prometheus and promtool themselves (Debian's package `prometheus`).

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gantry_redis::ports;
use reqwest::{Client, Url};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::gateway::client;

/// Where the example finds Gantry.
const TARGET: &str = "127.0.0.1:9090";

/// How often the example looks.
const INTERVAL: &str = "15s";

/// Far above what a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs promtool with this as its input; it must find nothing.
pub(super) fn promtool(words: &[&str], folder: &Path, input: &str) {
    let mut child = Command::new("promtool")
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there (scripts/test.sh installs it)");
    // Dropped at once, so that it sees the end.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "promtool {words:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A Prometheus with the example configuration, that ends when this is dropped.
pub(super) struct Prometheus {
    address: SocketAddr,
    client: Client,
    child: Child,
    folder: TempDir,
}

impl Prometheus {
    /// Starts it on this admin listener, and returns when it answers.
    pub(super) async fn start(admin: SocketAddr) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gantry-prometheus-")
            .tempdir()
            .unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/observability");
        let example = std::fs::read_to_string(source.join("prometheus.yaml")).unwrap();
        assert!(example.contains(TARGET) && example.contains(INTERVAL));
        let adapted = example
            .replace(TARGET, &admin.to_string())
            .replace(INTERVAL, "1s");
        std::fs::write(folder.path().join("prometheus.yaml"), adapted).unwrap();
        let alerts = "gantry-alerts.yaml";
        std::fs::copy(source.join(alerts), folder.path().join(alerts)).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        let child = spawn(address, folder.path());
        let mut prometheus = Self {
            address,
            client: client(),
            child,
            folder,
        };
        let url = prometheus.url("/-/ready");
        let ready = async {
            loop {
                let ended = prometheus.child.try_wait().unwrap();
                assert!(ended.is_none(), "it ended: {}", prometheus.log());
                let answer = prometheus.client.get(url.clone()).send().await;
                if answer.is_ok_and(|answer| answer.status() == 200) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, ready).await;
        assert!(in_time.is_ok(), "never ready: {}", prometheus.log());
        prometheus
    }

    /// What it answers to a query of now.
    pub(super) async fn query(&self, query: &str) -> Value {
        let mut url = self.url("/api/v1/query");
        url.query_pairs_mut().append_pair("query", query);
        self.ask(url).await
    }

    /// Waits until the query has one series, for its value.
    pub(super) async fn until_value(&self, query: &str) -> f64 {
        let scraped = async {
            loop {
                let answer = self.query(query).await;
                if let Some([one]) = answer["data"]["result"].as_array().map(Vec::as_slice) {
                    break one["value"][1].as_str().unwrap().parse().unwrap();
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, scraped).await;
        in_time.unwrap_or_else(|_| panic!("{query} has no value: {}", self.log()))
    }

    /// Waits until it has worked out every rule without an error.
    pub(super) async fn until_rules_are_well(&self) {
        let well = async {
            loop {
                let answer = self.ask(self.url("/api/v1/rules")).await;
                let groups = answer["data"]["groups"].as_array().unwrap();
                assert!(!groups.is_empty(), "{answer}");
                let mut rules = groups
                    .iter()
                    .flat_map(|group| group["rules"].as_array().unwrap());
                assert!(
                    rules.clone().all(|rule| rule["health"] != "err"),
                    "{answer}"
                );
                if rules.all(|rule| rule["health"] == "ok") {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, well).await;
        assert!(in_time.is_ok(), "rules never looked at: {}", self.log());
    }

    async fn ask(&self, url: Url) -> Value {
        let answer = self.client.get(url).send().await.unwrap();
        answer.json().await.unwrap()
    }

    fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Not even a test that is killed leaves it behind.
fn spawn(address: SocketAddr, folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "prometheus"])
        .arg("--config.file=prometheus.yaml")
        .arg("--storage.tsdb.path=data")
        .arg(format!("--web.listen-address={address}"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("setpriv is there (Debian: util-linux)")
}

//! A Gantry to load, JWTs for it, and the tools that load it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use gantry::app::{self, Running};
use gantry::clock::Clock;
use gantry::config::{Config, Environment};
use lookalike::Lookalike;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

/// The scripts.
pub(crate) const SCRIPTS: &str = env!("CARGO_MANIFEST_DIR");

/// Gantry, Rocket.Chat and a folder with JWTs of five users.
pub(crate) struct Stage {
    pub(crate) rc: Lookalike,
    pub(crate) folder: TempDir,
    gantry: Running,
}

impl Stage {
    /// Both run, and the JWTs are there.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        key(
            &folder.path().join("key.pem"),
            &folder.path().join("public-key.pem"),
        )
        .await;
        let options = lookalike::Options {
            rate_limiter: false,
            ..lookalike::Options::default()
        };
        let rc = Lookalike::start(options).await.unwrap();
        rc.set_recording(true);
        let config = json!({
            "listen": { "address": "127.0.0.1:0", "public_url": "http://127.0.0.1:8080" },
            "admin": { "address": "127.0.0.1:0" },
            "rocketchat": {
                "url": rc.url(),
                "service_account": { "user_id": rc.service_user_id(), "auth_token": rc.service_token() },
                "create_token_secret": lookalike::Options::SECRET,
            },
            "issuers": [{
                "issuer": "https://loadtest.example",
                "audiences": ["chat"],
                "algorithms": ["ES256"],
                "public_key_file": folder.path().join("public-key.pem"),
            }],
        });
        let config = Config::parse(&config.to_string(), &Environment::default()).unwrap();
        let gantry = app::start(config, Clock::system(), std::io::sink())
            .await
            .unwrap();
        let stage = Self { rc, folder, gantry };
        stage.tokens(&stage.path("key.pem")).await;
        stage
    }

    /// Writes the JWTs, signed with this key.
    pub(crate) async fn tokens(&self, key: &Path) {
        let made = kit()
            .args([
                "tokens",
                "--issuer",
                "https://loadtest.example",
                "--audience",
                "chat",
            ])
            .args(["--users", "5", "--key-file"])
            .arg(key)
            .arg("--file")
            .arg(self.tokens_file())
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{}", told(&made));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn tokens_file(&self) -> PathBuf {
        self.path("tokens.txt")
    }

    /// Gantry's port.
    pub(crate) fn port(&self) -> u16 {
        self.gantry.address().port()
    }

    /// Gantry's origin.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.gantry.address())
    }

    /// k6 with a script against Gantry, patient enough for a busy machine.
    pub(crate) async fn k6(&self, script: &str, settings: &[(&str, &str)]) -> Output {
        k6("run")
            .args([
                "--quiet",
                "--no-color",
                "--no-usage-report",
                "--address",
                "",
            ])
            .env("TARGET", self.url())
            .env("TOKENS", self.tokens_file())
            .env("P99_MS", "60000")
            .envs(settings.iter().copied())
            .arg(script)
            .output()
            .await
            .unwrap()
    }

    /// wrk with its script.
    pub(crate) async fn wrk(&self, url: &str, allowed: &str) -> Output {
        Command::new("wrk")
            .args([
                "--threads",
                "2",
                "--connections",
                "4",
                "--duration",
                "1s",
                "--timeout",
                "60s",
            ])
            .args(["--latency", "--script", "rest.lua", url, "--"])
            .arg(self.tokens_file())
            .env("ALLOW_TARGET", allowed)
            .current_dir(SCRIPTS)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap()
    }
}

/// k6's command, in the folder of the scripts.
pub(crate) fn k6(command: &str) -> Command {
    let installed = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/k6/bin/k6"));
    let program = if installed.exists() {
        installed
    } else {
        Path::new("k6")
    };
    let mut k6 = Command::new(program);
    k6.arg(command).current_dir(SCRIPTS).stdin(Stdio::null());
    k6
}

/// A key pair.
pub(crate) async fn key(key_file: &Path, public_key_file: &Path) {
    let made = kit()
        .arg("key")
        .arg("--key-file")
        .arg(key_file)
        .arg("--public-key-file")
        .arg(public_key_file)
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{}", told(&made));
}

fn kit() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gantry-loadtest"))
}

/// Everything that a program said.
pub(crate) fn told(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

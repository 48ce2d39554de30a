//! A Gantry that was started with a file, and a hand that changes the file.

use std::path::PathBuf;

use gantry::app;
use gantry::config::{Environment, Source};
use lookalike::{Lookalike, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::eventually::eventually;
use crate::support::gateway::{Gateway, HOST_PAGE, Log, PUBLIC_URL, client};
use crate::support::issuer::{AUDIENCE, ISSUER, Issuer};
use crate::support::socket::Socket;
use crate::support::world::World;

pub(super) const ECHO: &str = "/api/v1/gantry-test.echo";

/// A Gantry with its file, `gantry.yaml` in a directory of its own.
pub(super) struct Stage {
    directory: TempDir,
    pub(super) config: Value,
    pub(super) gateway: Gateway,
}

impl Stage {
    pub(super) async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    /// Starts with a changed config; whoever changes it may put files in the directory.
    pub(super) async fn with(change: impl FnOnce(&mut Value, &Files)) -> Self {
        let world = World::plain().await;
        let files = Files(TempDir::new().unwrap());
        let mut config = config(&world.rc, &world.issuer);
        change(&mut config, &files);
        let path = files.path("gantry.yaml");
        if !path.exists() {
            files.write("gantry.yaml", &config.to_string());
        }
        let mut source = Source::new(Some(path), Environment::default());
        let loaded = source
            .load()
            .unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let log = Log::default();
        let mut running = app::start(loaded, world.clock.clone(), log.clone())
            .await
            .unwrap();
        running.follow(source);
        let gateway = Gateway {
            rc: world.rc,
            issuer: world.issuer,
            hand: world.hand,
            clock: world.clock,
            running,
            log,
            client: client(),
        };
        gateway.until_ready().await;
        Self {
            directory: files.0,
            config,
            gateway,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file in the place of what is there.
    pub(super) fn write(&self, name: &str, text: &str) {
        let beside = self.path(&format!("{name}.new"));
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.path(name)).unwrap();
    }

    /// Changes the file; nobody is told.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.config);
        self.write("gantry.yaml", &self.config.to_string());
    }

    /// Asks for a reload and waits for its end, which is this.
    pub(super) async fn reload(&self, result: &str) {
        let before = self.reloads(result);
        self.gateway.running.reload();
        self.until_reloads(result, before + 1).await;
    }

    /// Changes the file and has it applied.
    pub(super) async fn change(&mut self, change: impl FnOnce(&mut Value)) {
        self.edit(change);
        self.reload("ok").await;
    }

    pub(super) async fn until_reloads(&self, result: &str, count: u64) {
        let what = format!("{count} reloads end {result}; {}", self.gateway.log.text());
        eventually(&what, || self.reloads(result) >= count).await;
    }

    /// How many reloads have ended so.
    pub(super) fn reloads(&self, result: &str) -> u64 {
        let series = format!("gantry_config_reloads_total{{result=\"{result}\"}}");
        metric(&self.gateway, &series)
    }

    pub(super) async fn status(&self, token: &str) -> u16 {
        let answer = self.gateway.get(ECHO, token).send().await.unwrap();
        answer.status().as_u16()
    }

    /// The stand-in of whoever this token is of.
    pub(super) async fn stand_in(&self, token: &str) -> String {
        let asked = self.gateway.post("/_gantry/session", token);
        let answer = asked.send().await.unwrap();
        let established: Value = answer.json().await.unwrap();
        established["token"].as_str().unwrap().to_owned()
    }

    pub(super) async fn status_by_stand_in(&self, stand_in: &str) -> u16 {
        let asked = self.gateway.client.get(self.gateway.url(ECHO));
        let answer = asked.header("x-auth-token", stand_in).send().await.unwrap();
        answer.status().as_u16()
    }

    /// A socket over which DDP is spoken.
    pub(super) async fn socket(&self, token: &str) -> Socket {
        let mut socket = Socket::open(&self.gateway, token).await;
        socket.connect_ddp().await;
        socket
    }
}

/// Where a config's files are put before it is read.
pub(super) struct Files(TempDir);

impl Files {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }
}

/// One series of the metrics page; 0 when it is not there.
pub(super) fn metric(gateway: &Gateway, series: &str) -> u64 {
    let page = gateway.running.metrics().page();
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// An issuer of this name whose keys are at this URL.
pub(super) fn issuer(name: &str, jwks_url: &str) -> Value {
    json!({
        "issuer": name,
        "audiences": [AUDIENCE],
        "algorithms": ["ES256"],
        "jwks_url": jwks_url,
    })
}

/// What every test begins with, as the file says it: JSON is YAML.
pub(super) fn config(rc: &Lookalike, keys: &Issuer) -> Value {
    json!({
        "listen": { "address": "127.0.0.1:0", "public_url": PUBLIC_URL, "limits": {} },
        "admin": { "address": "127.0.0.1:0" },
        "rocketchat": {
            "url": rc.url(),
            "service_account": { "user_id": rc.service_user_id(), "auth_token": rc.service_token() },
            "create_token_secret": Options::SECRET,
        },
        "issuers": [issuer(ISSUER, &keys.jwks_url())],
        "tokens": { "cookie": "host_jwt" },
        "users": {},
        "sessions": {},
        "proxy": { "allowed_origins": [HOST_PAGE], "frame_ancestors": [HOST_PAGE] },
        "websocket": {},
        "iframe": { "cookie": {} },
        "filter": {},
        "backchannel_logout": {},
        "telemetry": { "log": {} },
    })
}

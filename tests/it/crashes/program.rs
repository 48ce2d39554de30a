//! The real program as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use lookalike::Options;
use reqwest::Client;
use tokio::time::{sleep, timeout};

use super::PATIENCE;
use crate::replicas::stage::{ECHO, KEY};
use crate::support::gateway::client;
use crate::support::issuer::{AUDIENCE, ISSUER};
use crate::support::world::World;

/// What a process is begun over again.
pub(crate) enum Stores {
    File(PathBuf),
    /// Its port, and what its keys begin with.
    Redis(u16, String),
}

/// On free ports.
const LISTENERS: &str = r#"
listen: { address: "127.0.0.1:0", public_url: "https://chat.example.com" }
admin: { address: "127.0.0.1:0" }"#;

/// One run of it.
pub(super) struct Program {
    child: Mutex<Child>,
    address: String,
    client: Client,
    _config: tempfile::NamedTempFile,
}

impl Program {
    /// Runs it until it serves, to die at `place`; a process that dies while it starts has died there.
    pub(super) async fn start(world: &World, store: &Stores, place: Option<&str>) -> Self {
        let config = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(config.path(), text(world, store, LISTENERS)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
        command
            .args(["run", "--config"])
            .arg(config.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(place) = place {
            command.env("GANTRY_FAILPOINT", place);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (found, address) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut found = Some(found);
            // Read to its end, so that the program never waits for its log.
            while let Some(Ok(line)) = lines.next() {
                if line.contains("gantry serves")
                    && let Some(found) = found.take()
                {
                    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                    let _gone = found.send(line["address"].as_str().unwrap().to_owned());
                }
            }
        });
        let address = timeout(PATIENCE, address)
            .await
            .unwrap()
            .unwrap_or_default();
        Self {
            child: Mutex::new(child),
            address,
            client: client(),
            _config: config,
        }
    }

    /// The status of a request with this JWT.
    pub(super) async fn get(&self, token: &str) -> reqwest::Result<u16> {
        // A process just begun may not have its keys yet.
        loop {
            let asked = self.client.get(format!("http://{}{ECHO}", self.address));
            let status = asked.bearer_auth(token).send().await?.status().as_u16();
            if !matches!(status, 502 | 503) {
                return Ok(status);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn post(&self, path: &str, token: &str) -> reqwest::Result<()> {
        // As above: what is answered so has begun nothing.
        loop {
            let asked = self.client.post(format!("http://{}{path}", self.address));
            let status = asked.bearer_auth(token).send().await?.status().as_u16();
            if !matches!(status, 502 | 503) {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn issuers_logout(&self, token: &str) -> reqwest::Result<()> {
        loop {
            let url = format!("http://{}/_gantry/backchannel-logout", self.address);
            let asked = self.client.post(url);
            let asked = asked.header("content-type", "application/x-www-form-urlencoded");
            let answer = asked.body(format!("logout_token={token}")).send().await?;
            if answer.status() != 503 {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has died.
    pub(super) async fn dead(&self) {
        let dying = async {
            while self.child.lock().unwrap().try_wait().unwrap().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, dying).await.expect("it dies");
    }

    /// Ends it as `kill -9` does.
    pub(super) async fn kill(&self) {
        self.child.lock().unwrap().kill().unwrap();
        self.dead().await;
    }

    /// Waits until exactly so many auth tokens of a user live at Rocket.Chat.
    pub(super) async fn until_tokens(
        &self,
        world: &World,
        (username, count): (&str, usize),
        when: &str,
    ) {
        let looking = async {
            while self.tokens(world, username) != count {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(PATIENCE, looking).await.is_err() {
            let live = self.tokens(world, username);
            panic!("{live} tokens live, where {count} should: {when}");
        }
    }

    fn tokens(&self, world: &World, username: &str) -> usize {
        let known = world
            .rc
            .users()
            .iter()
            .any(|user| user.username == username);
        if known {
            world.rc.live_tokens(username).len()
        } else {
            0
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap();
        let _ended = child.kill();
        let _reaped = child.wait();
    }
}

/// Its configuration; `listeners` are the sections of these.
pub(crate) fn text(world: &World, store: &Stores, listeners: &str) -> String {
    let store = match store {
        Stores::File(path) => format!("store: file, file: {{ path: '{}' }}", path.display()),
        Stores::Redis(port, prefix) => format!(
            "store: redis, redis: {{ url: 'redis://127.0.0.1:{port}', key_prefix: '{prefix}:' }}"
        ),
    };
    format!(
        r#"
{listeners}
rocketchat:
  url: {}
  service_account: {{ user_id: "{}", auth_token: "{}" }}
  create_token_secret: {}
issuers: [{{ issuer: "{ISSUER}", audiences: [{AUDIENCE}], algorithms: [ES256], jwks_url: "{}" }}]
sessions: {{ {store}, encryption_key: "{KEY}" }}
"#,
        world.rc.url(),
        world.rc.service_user_id(),
        world.rc.service_token(),
        Options::SECRET,
        world.issuer.jwks_url(),
    )
}

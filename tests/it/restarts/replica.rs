//! One replica: the real program on ports of its own, begun again on the same ones.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gantry_redis::ports;
use tempfile::NamedTempFile;
use tokio::time::{sleep, timeout};

use super::PATIENCE;
use crate::crashes::program::{Stores, text};
use crate::support::gateway::client;
use crate::support::world::World;

/// Longer than HAProxy needs to see that it stops, and a spread that is no burst.
const DRAIN: &str = "{ delay: 5s, spread: 3s, timeout: 30s }";

pub(crate) struct Replica {
    public: SocketAddr,
    admin: SocketAddr,
    config: NamedTempFile,
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Replica {
    pub(crate) fn new(world: &World, store: &Stores) -> Self {
        let [public, admin] =
            [(), ()].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free())));
        let listeners = format!(
            r#"
listen:
  address: "{public}"
  public_url: "https://chat.example.com"
  trusted_proxies: [127.0.0.1/32]
  drain: {DRAIN}
admin: {{ address: "{admin}" }}"#
        );
        let config = NamedTempFile::new().unwrap();
        std::fs::write(config.path(), text(world, store, &listeners)).unwrap();
        Self {
            public,
            admin,
            config,
            child: None,
            log: Arc::default(),
        }
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.public
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    pub(crate) fn start(&mut self) {
        // A file that may not grow is then an error of the disk to it, and not its end.
        let mut command = Command::new("sh");
        command.args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#]);
        command.arg(env!("CARGO_BIN_EXE_gantry"));
        command.args(["run", "--config"]).arg(self.config.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Requests are told by those who sent them.
                if !line.contains("http.request.method") {
                    *log.lock().unwrap() += &(line + "\n");
                }
            }
        });
        self.child = Some(child);
    }

    /// Stops it as an orchestrator does, and begins it again.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start();
        self.until_ready().await;
    }

    /// Stops it as an orchestrator does.
    pub(crate) async fn stop(&mut self) {
        self.tell("TERM");
        self.ended().await;
        assert!(!self.log().contains("is cut"), "{}", self.log());
    }

    /// Waits until it has ended, and well.
    pub(crate) async fn ended(&mut self) {
        let child = self.child.as_mut().unwrap();
        let ending = async {
            loop {
                if let Some(status) = child.try_wait().unwrap() {
                    return status;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let status = timeout(PATIENCE, ending).await.expect("it ends");
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// Sends it a signal.
    pub(crate) fn tell(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.process());
        let told = Command::new("sh").args(["-c", &kill]).status();
        assert!(told.unwrap().success());
    }

    /// Its number.
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) async fn until_ready(&self) {
        self.until("/readyz", |status, _| status == 200).await;
    }

    /// Waits until it has answered a request since it was begun.
    pub(crate) async fn until_asked(&self) {
        self.until("/metrics", |_, page| {
            page.contains("gantry_requests_total{")
        })
        .await;
    }

    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(u16, &str) -> bool) {
        let (client, url) = (client(), format!("http://{}{path}", self.admin));
        let looking = async {
            loop {
                if let Ok(answer) = client.get(&url).send().await {
                    let status = answer.status().as_u16();
                    if is_so(status, &answer.text().await.unwrap_or_default()) {
                        return;
                    }
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(PATIENCE, looking).await.is_err() {
            panic!("{path}: {}", self.log());
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

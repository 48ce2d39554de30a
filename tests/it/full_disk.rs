//! The disk under the session file is full: sessions go on, it is said loudly, and what happened meanwhile is caught up.
//!
//! The real program, whose file may not be written for a while: the system refuses by a limit of its own, which needs no rights.

use std::process::Command;
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::crashes::program::Stores;
use crate::replicas::stage::{ECHO, MINT};
use crate::restarts::replica::Replica;
use crate::support::eventually::eventually;
use crate::support::gateway::{client, slug};
use crate::support::socket::Socket;
use crate::support::world::World;

/// How long any one thing may take, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place in a file that lies before all that is written.
const FULL: &str = "--fsize=1:unlimited";
const FREE: &str = "--fsize=unlimited:unlimited";

struct Stage {
    world: World,
    replica: Replica,
    client: Client,
}

impl Stage {
    fn disk(&self, limit: &str) {
        let process = self.replica.process().to_string();
        let set = Command::new("prlimit")
            .args(["--pid", &process, limit])
            .status()
            .expect("prlimit is there (Debian: util-linux)");
        assert!(set.success());
    }

    async fn get(&self, name: &str) -> Response {
        let url = format!("http://{}{ECHO}", self.replica.public());
        let token = self.world.issuer.token(name);
        self.client
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
    }

    async fn post(&self, path: &str, name: &str) -> Response {
        let url = format!("http://{}{path}", self.replica.public());
        let token = self.world.issuer.token(name);
        self.client
            .post(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
    }

    async fn until_status(&self, name: &str, status: u16) {
        let asking = async {
            while self.get(name).await.status() != status {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, asking).await.expect(name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_go_on_over_a_full_disk_and_what_ended_is_caught_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let world = World::plain().await;
    let mut replica = Replica::new(&world, &Stores::File(path.clone()));
    replica.start();
    replica.until_ready().await;
    let mut stage = Stage {
        world,
        replica,
        client: client(),
    };
    for name in ["alice", "carol"] {
        assert_eq!(stage.get(name).await.status(), 200);
    }
    let given: Value = stage
        .post("/_gantry/session", "alice")
        .await
        .json()
        .await
        .unwrap();
    let stream = tokio::net::TcpStream::connect(stage.replica.public())
        .await
        .unwrap();
    let token = stage.world.issuer.token("alice");
    let mut socket = Socket::over(stream, "/websocket", &token).await;
    socket.connect_ddp().await;

    stage.disk(FULL);
    let refused = stage.get("bob").await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(slug(refused).await, "store-unavailable");
    assert_eq!(stage.world.rc.calls("POST", MINT), 2);
    assert_eq!(stage.get("alice").await.status(), 200);
    // Ended here and at Rocket.Chat at once, whether or not it can be written down.
    assert_eq!(stage.post("/_gantry/logout", "carol").await.status(), 204);
    assert_eq!(stage.get("carol").await.status(), 401);
    let rc = stage.world.rc.clone();
    eventually("carol is logged out", || rc.live_tokens("carol").is_empty()).await;
    // It is said.
    // Whoever is known goes on, so nobody is turned away before the door.
    let missing = |status, told: &str| status == 200 && told.contains("session store");
    stage.replica.until("/readyz", missing).await;
    let zero = |_, page: &str| page.contains("gantry_store_up 0");
    stage.replica.until("/metrics", zero).await;
    let said = stage.replica.log();
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("make room"))
        .collect();
    let [line] = lines.as_slice() else {
        panic!("said once: {said}");
    };
    assert!(
        line.contains("ERROR") && line.contains(path.to_str().unwrap()),
        "{line}"
    );
    assert_eq!(stage.get("alice").await.status(), 200);
    socket.ping().await;

    stage.disk(FREE);
    let one = |_, page: &str| page.contains("gantry_store_up 1");
    stage.replica.until("/metrics", one).await;
    stage.until_status("bob", 200).await;
    let replica = &stage.replica;
    eventually("the log says so", || {
        replica.log().contains("is written again")
    })
    .await;
    socket.ping().await;

    // The next process knows all of it.
    stage.replica.restart().await;
    assert_eq!(stage.get("carol").await.status(), 401);
    for name in ["alice", "bob"] {
        assert_eq!(stage.get(name).await.status(), 200);
        assert_eq!(rc.live_tokens(name).len(), 1, "{name}");
    }
    let again: Value = stage
        .post("/_gantry/session", "alice")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(again["token"], given["token"]);
    assert_eq!(rc.calls("POST", MINT), 3);
}

//! A master, its replica, and three sentinels that watch them.

use crate::Program;
use crate::node::{Node, eventually};

/// What the sentinels call the master.
pub const MASTER: &str = "sessions";

/// Five processes.
#[derive(Debug)]
pub struct Watched {
    /// Master at first.
    pub first: Node,
    /// Replica at first.
    pub second: Node,
    /// Any of them may be asked.
    pub sentinels: Vec<Node>,
}

impl Watched {
    /// Starts them, and returns when all know of all.
    ///
    /// # Panics
    /// When that does not come about.
    #[must_use]
    pub fn start() -> Self {
        let first = Node::redis();
        let port = first.port().to_string();
        let second = Node::start(Program::Redis, &["--replicaof", "127.0.0.1", &port]);
        eventually("the replica has its master", || {
            second
                .ask(&["info", "replication"])
                .contains("master_link_status:up")
        });
        let sentinels: Vec<_> = (0..3).map(|_| sentinel(&port)).collect();
        eventually("all sentinels know of all", || {
            sentinels.iter().all(|sentinel| {
                sentinel
                    .ask(&["info", "sentinel"])
                    .contains("slaves=1,sentinels=3")
            })
        });
        Self {
            first,
            second,
            sentinels,
        }
    }
}

fn sentinel(master: &str) -> Node {
    Node::start_as(Program::Sentinel, |port, folder| {
        let file = folder.join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor {MASTER} 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 3000\n"
        );
        std::fs::write(&file, text).expect("a configuration");
        vec![file.to_string_lossy().into_owned()]
    })
}

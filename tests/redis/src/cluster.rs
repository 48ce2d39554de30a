//! A cluster of three masters with one replica each.

use std::process::Command;

use crate::node::{Node, eventually};
use crate::{Program, ports};

/// Six processes.
#[derive(Debug)]
pub struct Cluster {
    /// All of them, masters and replicas.
    pub nodes: Vec<Node>,
}

impl Cluster {
    /// Starts it, and returns when every node says that it is whole.
    ///
    /// # Panics
    /// When that does not come about.
    #[must_use]
    pub fn start(program: Program) -> Self {
        let nodes: Vec<_> = (0..6).map(|_| member(program)).collect();
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(
                nodes
                    .iter()
                    .map(|node| format!("127.0.0.1:{}", node.port())),
            )
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .expect("redis-cli is there");
        let said = String::from_utf8_lossy(&made.stdout);
        assert!(made.status.success(), "the cluster is made: {said}");
        eventually("the cluster is whole", || {
            nodes.iter().all(|node| {
                let info = node.ask(&["cluster", "info"]);
                let replication = node.ask(&["info", "replication"]);
                let linked = replication.contains("role:master")
                    || replication.contains("master_link_status:up");
                linked
                    && info.contains("cluster_state:ok")
                    && info.contains("cluster_known_nodes:6")
                    && node.ask(&["cluster", "nodes"]).matches("slave").count() == 3
            })
        });
        Self { nodes }
    }

    /// The master of a key's slot.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn owner(&self, key: &str) -> &Node {
        self.nodes
            .iter()
            .find(|node| {
                let answer = node.ask(&["type", key]);
                !answer.is_empty() && !answer.contains("MOVED") && !answer.contains("DOWN")
            })
            .expect("a slot has an owner")
    }
}

fn member(program: Program) -> Node {
    Node::start_as(program, |_, _| {
        [
            ("--cluster-enabled", "yes".to_owned()),
            ("--cluster-port", ports::free().to_string()),
            ("--cluster-config-file", "nodes.conf".to_owned()),
            ("--cluster-node-timeout", "1000".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    })
}

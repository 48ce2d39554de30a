//! The Redis store does what every store must do, on every kind of Redis, and more when Redis does not do what it should.

use std::sync::Arc;
use std::time::Duration;

use gantry_redis::cluster::Cluster;
use gantry_redis::node::Node as Server;
use gantry_redis::sentinel::Watched;

use super::limits::Limits;
use super::{PERMISSIONS, Redis};
use crate::config::session::redis::{Node, Reach, Redis as Config, Sentinel, Tls};
use crate::secret::Secret;
use crate::session::store::StoreError;
use crate::session::store::tests::{Stage, Time, contract};

mod failovers;
mod outages;
mod refusals;
mod words;

const PREFIX: &str = "gantry:";

mod single {
    use super::stages::single as stage;

    super::contract!(stage);
}

mod secured {
    use super::stages::secured as stage;

    super::contract!(stage);
}

mod valkey {
    use super::stages::valkey as stage;

    super::contract!(stage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_sentinels_it_does_what_every_store_must_do() {
    use stages::watched as stage;
    let watched = Arc::new(Watched::start());
    contract!(together stage, &watched);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_it_does_what_every_store_must_do() {
    use stages::clustered as stage;
    let cluster = Arc::new(Cluster::start(gantry_redis::Program::Redis));
    contract!(together stage, &cluster);
}

#[test]
fn the_manual_names_the_permissions_that_are_needed() {
    let manual = include_str!("../../../../docs/redis.md");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(manual).contains(&words(PERMISSIONS)));
}

mod stages {
    use std::any::Any;
    use std::sync::atomic::{AtomicU32, Ordering};

    use gantry_redis::Program;

    use super::*;

    fn stage(config: &Config, props: impl Any + Send + Sync) -> Stage {
        Stage {
            store: Arc::new(open(config)),
            time: Time::Real,
            _props: Box::new(props),
        }
    }

    pub(super) async fn single() -> Stage {
        let server = Server::redis();
        stage(&at(&server), server)
    }

    pub(super) async fn valkey() -> Stage {
        let server = Server::start(Program::Valkey, &[]);
        stage(&at(&server), server)
    }

    /// TLS, and a user who may do nothing but what is said to be needed.
    pub(super) async fn secured() -> Stage {
        let (server, config) = super::secured(PERMISSIONS);
        stage(&config, server)
    }

    pub(super) async fn watched(watched: &Arc<Watched>) -> Stage {
        let mut config = through(watched);
        config.key_prefix = fresh();
        stage(&config, Arc::clone(watched))
    }

    pub(super) async fn clustered(cluster: &Arc<Cluster>) -> Stage {
        let mut config = among(cluster);
        config.key_prefix = fresh();
        stage(&config, Arc::clone(cluster))
    }

    /// A prefix of one stage's own on servers that many stages share; in a cluster also a slot of its own.
    fn fresh() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        format!("stage-{}:", COUNT.fetch_add(1, Ordering::Relaxed))
    }
}

fn open(config: &Config) -> Redis {
    let limits = Limits {
        connect: Duration::from_secs(1),
        command: Duration::from_secs(1),
        ..Limits::default()
    };
    Redis::new(config, limits)
}

/// Where a server listens.
fn node(server: &Server) -> Node {
    Node {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
    }
}

fn reached(reach: Reach) -> Config {
    Config {
        reach,
        username: None,
        password: None,
        tls: None,
        key_prefix: PREFIX.to_owned(),
    }
}

fn at(server: &Server) -> Config {
    reached(Reach::Single {
        node: node(server),
        database: 0,
    })
}

fn through(watched: &Watched) -> Config {
    reached(Reach::Sentinel(Sentinel {
        service: gantry_redis::sentinel::MASTER.to_owned(),
        nodes: watched.sentinels.iter().map(node).collect(),
        username: None,
        password: None,
    }))
}

fn among(cluster: &Cluster) -> Config {
    reached(Reach::Cluster(cluster.nodes.iter().map(node).collect()))
}

/// A server with TLS, and a user with these permissions below the prefix and a default user who may do everything.
fn secured(permissions: &str) -> (Server, Config) {
    let server = Server::with_tls_and_users(&format!(
        "user default on nopass ~* &* +@all\nuser gantry on >geheim resetkeys ~{{{PREFIX}}}* resetchannels -@all {permissions}\n"
    ));
    let mut config = at(&server);
    config.username = Some("gantry".to_owned());
    config.password = Some(Secret::new("geheim".to_owned()));
    config.tls = Some(Tls {
        ca_file: Some(server.authority().to_owned()),
        identity: None,
    });
    (server, config)
}

/// Asks until there is an answer.
async fn answers<T, F>(ask: impl FnMut() -> F) -> T
where
    T: std::fmt::Debug,
    F: Future<Output = Result<T, StoreError>>,
{
    eventually("it answers", ask, Result::is_ok)
        .await
        .expect("it was looked at")
}

/// Asks until the answer is as it should be.
async fn eventually<T, F: Future<Output = T>>(
    what: &str,
    mut ask: impl FnMut() -> F,
    is_right: impl Fn(&T) -> bool,
) -> T {
    let asked = async {
        loop {
            let answer = ask().await;
            if is_right(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked)
        .await
        .unwrap_or_else(|_| panic!("it does not come about that {what}"))
}

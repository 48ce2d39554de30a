//! The Redis store does what every store must do, on every kind of Redis, and more when Redis does not do what it should.

use std::sync::Arc;
use std::time::Duration;

use gantry_redis::cluster::Cluster;
use gantry_redis::node::Node as Server;
use gantry_redis::sentinel::Watched;

use super::settings::{Limits, Login, Node, Place, Settings, Tls};
use super::{PERMISSIONS, Redis};
use crate::secret::Secret;
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

mod stages {
    use std::any::Any;
    use std::sync::atomic::{AtomicU32, Ordering};

    use gantry_redis::Program;

    use super::*;

    fn stage(settings: Settings, props: impl Any + Send + Sync) -> Stage {
        Stage {
            store: Arc::new(Redis::new(settings)),
            time: Time::Real,
            _props: Box::new(props),
        }
    }

    pub(super) async fn single() -> Stage {
        let server = Server::redis();
        stage(at(&server), server)
    }

    pub(super) async fn valkey() -> Stage {
        let server = Server::start(Program::Valkey, &[]);
        stage(at(&server), server)
    }

    /// TLS, and a user who may do nothing but what is said to be needed.
    pub(super) async fn secured() -> Stage {
        let (server, settings) = super::secured(PERMISSIONS);
        stage(settings, server)
    }

    pub(super) async fn watched(watched: &Arc<Watched>) -> Stage {
        let mut settings = through(watched);
        settings.prefix = fresh();
        stage(settings, Arc::clone(watched))
    }

    pub(super) async fn clustered(cluster: &Arc<Cluster>) -> Stage {
        let mut settings = among(cluster);
        settings.prefix = fresh();
        stage(settings, Arc::clone(cluster))
    }

    /// A prefix of one stage's own on servers that many stages share; in a cluster also a slot of its own.
    fn fresh() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        format!("stage-{}:", COUNT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where a server listens.
fn node(server: &Server) -> Node {
    Node {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
    }
}

fn found_by(place: Place) -> Settings {
    Settings {
        place,
        login: Login::default(),
        tls: None,
        database: 0,
        prefix: PREFIX.to_owned(),
        limits: Limits {
            connect: Duration::from_secs(1),
            command: Duration::from_secs(1),
            ..Limits::default()
        },
    }
}

fn at(server: &Server) -> Settings {
    found_by(Place::Single(node(server)))
}

fn through(watched: &Watched) -> Settings {
    found_by(Place::Sentinel {
        sentinels: watched.sentinels.iter().map(node).collect(),
        master: gantry_redis::sentinel::MASTER.to_owned(),
        login: Login::default(),
    })
}

fn among(cluster: &Cluster) -> Settings {
    found_by(Place::Cluster(cluster.nodes.iter().map(node).collect()))
}

/// A server with TLS, and a user with these permissions below the prefix and a default user who may do everything.
fn secured(permissions: &str) -> (Server, Settings) {
    let server = Server::with_tls_and_users(&format!(
        "user default on nopass ~* &* +@all\nuser gantry on >geheim resetkeys ~{{{PREFIX}}}* resetchannels -@all {permissions}\n"
    ));
    let mut settings = at(&server);
    settings.login = Login {
        user: Some("gantry".to_owned()),
        password: Some(Secret::new("geheim".to_owned())),
    };
    settings.tls = Some(Tls {
        authorities: Some(server.authority()),
        own: None,
    });
    (server, settings)
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

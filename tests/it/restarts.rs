//! A rolling restart of three replicas behind a real HAProxy under load, where nobody notices but by a reconnect; and a second signal.
//!
//! The real program and the very configuration of HAProxy that people copy.

mod balancer;
mod clients;
pub(crate) mod replica;

use std::time::Duration;

use gantry_redis::node::Node;
use lookalike::{Fault, FaultKind, Latch};

use crate::crashes::program::Stores;
use crate::replicas::stage::ECHO;
use crate::support::gateway::client;
use crate::support::world::World;
use balancer::Balancer;
use clients::Load;
use replica::Replica;

/// How long any one thing may take, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// People with kept connections, and as many again who come for the first time during the restarts.
const PEOPLE: usize = 12;

/// Sockets, each person's several.
const SOCKETS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request_and_every_socket_comes_back() {
    let redis = Node::redis();
    let world = World::plain().await;
    let store = Stores::Redis(redis.port(), "restarts".to_owned());
    let mut replicas = Vec::new();
    for _ in 0..3 {
        let mut replica = Replica::new(&world, &store);
        replica.start();
        replicas.push(replica);
    }
    for replica in &replicas {
        replica.until_ready().await;
    }
    let balancer = Balancer::start(&replicas).await;
    let load = Load::start(&world, balancer.address());
    load.until_logged_in(SOCKETS).await;
    for replica in &mut replicas {
        let told = load.told_to_come_back();
        replica.restart().await;
        // Its sockets have left it, and all are back.
        assert!(load.told_to_come_back() > told, "no socket was on it");
        load.until_logged_in(SOCKETS).await;
        // It has its share of the requests again before the next one goes.
        replica.until_asked().await;
    }
    let people = load.finish().await;
    for number in 1..=3 {
        assert!(balancer.saw_leave(number), "gantry-{number}");
    }
    assert_eq!(world.rc.sockets(), SOCKETS);
    for name in people {
        assert_eq!(world.rc.live_tokens(&name).len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_twice_it_ends_at_once_and_well() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::plain().await;
    let store = Stores::File(folder.path().join("sessions.redb"));
    let mut replica = Replica::new(&world, &store);
    replica.start();
    replica.until_ready().await;
    let token = world.issuer.token("alice");
    let latch = Latch::new();
    let hold = FaultKind::Hold(latch.clone());
    world.rc.fault(Fault::always(ECHO, hold));
    let url = format!("http://{}{ECHO}", replica.public());
    let running = tokio::spawn(client().get(url).bearer_auth(&token).send());
    latch.until_arrived(1).await;
    replica.tell("TERM");
    let stopping = |status, told: &str| status == 503 && told.contains("stopping");
    replica.until("/readyz", stopping).await;
    replica.tell("INT");
    replica.ended().await;
    running.await.unwrap().unwrap_err();
    let said = replica.log();
    assert!(said.contains("told to stop a second time"), "{said}");
    assert!(said.contains("gantry stopped"), "{said}");
    assert_eq!(world.rc.live_tokens("alice").len(), 1);
}

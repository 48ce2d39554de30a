//! The store, the addresses to listen on, and the listener's certificate.

use std::net::SocketAddr;
use std::path::Path;

use gantry::app::doctor::{Report, State};
use gantry::config::session::StoreConfig;
use gantry::config::session::redis::{Node as At, Reach, Redis};
use gantry::secret::Secret;
use gantry_redis::Program;
use gantry_redis::node::Node;
use tokio::net::TcpListener;

use super::{assert_told, find, program, report};
use crate::support::world::World;

async fn stored(store: StoreConfig) -> Report {
    let world = World::plain().await;
    report(&world, |config| config.sessions.store = store).await
}

fn redis(port: u16) -> Redis {
    Redis {
        reach: Reach::Single {
            node: At {
                host: "127.0.0.1".to_owned(),
                port,
            },
            database: 0,
        },
        username: None,
        password: None,
        tls: None,
        key_prefix: "gantry:".to_owned(),
    }
}

async fn in_redis(redis: Redis) -> Report {
    stored(StoreConfig::Redis(Box::new(redis))).await
}

async fn in_file(path: &Path) -> Report {
    stored(StoreConfig::File {
        path: path.to_owned(),
    })
    .await
}

#[tokio::test]
async fn a_redis_that_is_away_is_told_with_its_address() {
    let report = in_redis(redis(1)).await;
    assert_told(
        &report,
        "store",
        State::Failed,
        "see that Redis runs at 127.0.0.1:1",
    );
    assert!(
        !report.table().contains("sessions.file"),
        "{}",
        report.table()
    );
}

#[tokio::test]
async fn a_redis_that_hangs_is_told() {
    let node = Node::redis();
    node.pause();
    let report = in_redis(redis(node.port())).await;
    node.resume();
    assert_told(&report, "store", State::Failed, "see that Redis runs at");
}

#[tokio::test]
async fn a_redis_that_forgets_and_evicts_is_used_with_warnings() {
    let node = Node::start(
        Program::Redis,
        &[
            "--appendonly",
            "no",
            "--maxmemory",
            "64mb",
            "--maxmemory-policy",
            "allkeys-lru",
        ],
    );
    let told = in_redis(redis(node.port())).await;
    assert_told(&told, "store", State::Ok, "is read and written");
    assert!(!told.has_failed());
    for part in ["maxmemory-policy to noeviction", "appendonly to yes"] {
        assert!(told.table().contains(part), "{}", told.table());
    }
    node.ask(&["CONFIG", "SET", "appendonly", "yes"]);
    node.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    let told = in_redis(redis(node.port())).await;
    let lines = told
        .findings()
        .iter()
        .filter(|finding| finding.id == "store");
    assert_eq!(lines.count(), 1, "{}", told.table());
}

#[tokio::test]
async fn a_redis_that_refuses_is_told_why() {
    let node = Node::start(Program::Redis, &["--requirepass", "the-right-one"]);
    let wrong = Redis {
        password: Some(Secret::new("a-wrong-one".to_owned())),
        ..redis(node.port())
    };
    let told = in_redis(wrong).await;
    assert_told(
        &told,
        "store",
        State::Failed,
        "sessions.redis.password_file",
    );
    assert!(!told.table().contains("a-wrong-one"), "{}", told.table());
    let told = in_redis(redis(node.port())).await;
    assert_told(
        &told,
        "store",
        State::Failed,
        "sessions.redis.password_file",
    );

    let node = Node::redis();
    node.ask(&["ACL", "SETUSER", "poor", "on", ">word", "~*", "+ping"]);
    let poor = Redis {
        username: Some("poor".to_owned()),
        password: Some(Secret::new("word".to_owned())),
        ..redis(node.port())
    };
    assert_told(
        &in_redis(poor).await,
        "store",
        State::Failed,
        "it needs ~{gantry:}* +ping",
    );

    let node = Node::redis();
    node.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_told(
        &in_redis(redis(node.port())).await,
        "store",
        State::Failed,
        "",
    );
}

#[tokio::test]
async fn a_session_file_is_looked_at_and_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    assert_told(&in_file(&path).await, "store", State::Ok, "can be made");
    assert!(!path.exists());
    let told = in_file(&folder.path().join("none").join("sessions.redb")).await;
    assert_told(&told, "store", State::Failed, "mount the volume");
    assert_told(
        &in_file(folder.path()).await,
        "store",
        State::Failed,
        "sessions.file.path",
    );
    std::fs::write(&path, "a text of somebody").unwrap();
    assert_told(
        &in_file(&path).await,
        "store",
        State::Failed,
        "no session file",
    );
}

#[tokio::test]
async fn a_session_file_in_use_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let database = redb::Database::create(&path).unwrap();
    assert_told(
        &in_file(&path).await,
        "store",
        State::Ok,
        "in use, as by a Gantry",
    );
    drop(database);
    assert_told(
        &in_file(&path).await,
        "store",
        State::Ok,
        "can be read and written",
    );
}

#[tokio::test]
async fn an_address_is_free_or_held_by_a_gantry_or_by_another() {
    let gateway = World::plain().await.gantry(|_, _| ()).await;
    let world = World::plain().await;
    let (public, admin) = (gateway.running.address(), gateway.running.admin_address());
    let told = report(&world, |config| {
        config.listen.address = public;
        config.admin.address = admin;
    })
    .await;
    for key in ["listen.address", "admin.address"] {
        let finding = find(&told, "listener", key);
        assert_eq!(finding.state, State::Ok, "{}", told.table());
        assert!(finding.seen.contains("a Gantry runs"), "{}", finding.seen);
    }
    gateway.running.stop().await;
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let held = stranger.local_addr().unwrap();
    let told = report(&world, |config| config.listen.address = held).await;
    assert_told(&told, "listener", State::Warning, "take another port");
    let elsewhere: SocketAddr = "192.0.2.1:8080".parse().unwrap();
    let told = report(&world, |config| config.listen.address = elsewhere).await;
    assert_told(
        &told,
        "listener",
        State::Warning,
        "of the host that Gantry runs on",
    );
    assert!(!told.has_failed(), "{}", told.table());
}

#[tokio::test]
async fn a_certificate_that_ends_or_is_gone_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::plain().await;
    for (year, state, part) in [
        (4096, State::Ok, "good until"),
        (2020, State::Failed, "expired"),
    ] {
        let files = program::certificate(folder.path(), year);
        let told = report(&world, |config| config.listen.tls = Some(files)).await;
        assert_told(&told, "certificate", state, part);
    }
    let files = program::certificate(folder.path(), 4096);
    std::fs::remove_file(&files.key).unwrap();
    let told = report(&world, |config| config.listen.tls = Some(files)).await;
    assert_told(&told, "certificate", State::Failed, "cannot read the file");
}

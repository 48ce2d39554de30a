//! Redis answers, but not as it should.

use gantry_redis::Program;
use gantry_redis::node::Node as Server;

use super::{PERMISSIONS, answers, at, open, secured};
use crate::secret::Secret;
use crate::session::store::tests::{enter, i, k, put, v};
use crate::session::store::{Applied, Batch, Change, Store, StoreError};
use crate::telemetry::logging::chain;

fn batch(changes: Vec<Change>) -> Batch {
    Batch {
        changes,
        ..Batch::default()
    }
}

fn broken<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(error @ StoreError::Broken(_)) => chain(&error),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_a_wrong_type_stops_the_whole_batch() {
    let server = Server::redis();
    let store = open(&at(&server));
    server.ask(&["set", "{gantry:}i:index", "not an index"]);
    let both = batch(vec![put("a", "1"), enter("index", "member", 1)]);
    let said = broken(store.write(&both).await);
    assert!(said.contains("WRONGTYPE"), "{said}");
    assert_eq!(store.read(&[k("a")]).await.unwrap(), [None]);
    broken(store.count(&i("index")).await);
    // The connection is as good as before.
    let applied = store.write(&batch(vec![put("a", "1")])).await;
    assert_eq!(applied.unwrap(), Applied::Yes);
    assert_eq!(store.read(&[k("a")]).await.unwrap(), [Some(v("1"))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_memory_stops_writes_and_not_reads() {
    let server = Server::start(Program::Redis, &["--maxmemory-policy", "noeviction"]);
    let store = open(&at(&server));
    store.write(&batch(vec![put("a", "1")])).await.unwrap();
    server.ask(&["config", "set", "maxmemory", "1"]);
    let said = broken(store.write(&batch(vec![put("b", "2")])).await);
    assert!(said.contains("OOM"), "{said}");
    assert_eq!(store.read(&[k("a")]).await.unwrap(), [Some(v("1"))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_no_outage_and_is_never_shown() {
    let (_server, mut config) = secured(PERMISSIONS);
    config.password = Some(Secret::new("falsch-und-geheim".to_owned()));
    assert!(!format!("{config:?}").contains("falsch"));
    let store = open(&config);
    let said = broken(store.read(&[k("a")]).await);
    assert!(!said.contains("falsch"), "{said}");
    assert!(!format!("{store:?}").contains("falsch"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_permission_is_no_outage() {
    for missing in ["+zadd", "+xadd", "+set"] {
        let (_server, config) = secured(&PERMISSIONS.replace(missing, ""));
        let store = open(&config);
        let mut change = batch(vec![put("a", "1"), enter("index", "member", 1)]);
        change.tell.push("word".to_owned());
        broken(store.write(&change).await);
        assert_eq!(store.read(&[k("a")]).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_nobody_known_is_not_believed() {
    let (_server, mut config) = secured(PERMISSIONS);
    let (_other, others) = secured(PERMISSIONS);
    config.tls = others.tls;
    let store = open(&config);
    let asked = [k("a")];
    let answer = store.read(&asked).await;
    assert!(matches!(answer, Err(StoreError::Away(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_not_taken_for_the_master() {
    let master = Server::redis();
    let port = master.port().to_string();
    let replica = Server::start(Program::Redis, &["--replicaof", "127.0.0.1", &port]);
    let store = open(&at(&replica));
    let asked = [k("a")];
    let answer = store.read(&asked).await;
    assert!(matches!(answer, Err(StoreError::Away(_))), "{answer:?}");
    replica.ask(&["replicaof", "no", "one"]);
    answers(|| store.read(&asked)).await;
}

//! Sessions in a file outlive the process.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use gantry::config::Config;
use lookalike::{Fault, FaultKind};

use super::stage::{CREATE, LOGOUT, MINT, by_stand_in, keep_in, stand_in, status};
use crate::support::eventually::{eventually, in_time};
use crate::support::gateway::Gateway;
use crate::support::world::World;

async fn start(world: &World, directory: &Path) -> Gateway {
    let path = directory.join("sessions.redb");
    // Here one process follows itself: what ran last in the one before lets go of the file a moment after it has stopped.
    let is_free = || File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
    if path.exists() {
        eventually("the file is let go", is_free).await;
    }
    let store = format!("store: file, file: {{ path: '{}' }}", path.display());
    let change = |config: &mut Config, _: &World| keep_in(config, &store);
    let gateway = world.clone().gantry(change).await;
    gateway.until_ready().await;
    gateway
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_no_session() {
    let (world, directory) = (World::plain().await, tempfile::tempdir().unwrap());
    let token = world.issuer.token("alice");
    let gateway = start(&world, directory.path()).await;
    let given = stand_in(&gateway, &token).await;
    gateway.running.stop().await;
    let gateway = start(&world, directory.path()).await;
    assert_eq!(by_stand_in(&gateway, &given).await.status(), 200);
    assert_eq!(status(&gateway, &token).await, 200);
    assert_eq!(stand_in(&gateway, &token).await, given);
    let calls = [CREATE, MINT, LOGOUT].map(|path| gateway.received(path).len());
    assert_eq!(calls, [1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_is_remembered_and_owed_across_a_restart() {
    let (world, directory) = (World::plain().await, tempfile::tempdir().unwrap());
    let token = world.issuer.token("alice");
    let gateway = start(&world, directory.path()).await;
    assert_eq!(status(&gateway, &token).await, 200);
    world
        .rc
        .fault(Fault::always(LOGOUT, FaultKind::Status(500, String::new())));
    gateway
        .post("/_gantry/logout", &token)
        .send()
        .await
        .unwrap();
    let stopping = tokio::spawn(gateway.running.stop());
    // What is owed cannot be called: the drain's time passes.
    in_time("the stop", &world.hand, Duration::from_secs(5), || {
        stopping.is_finished()
    })
    .await;
    assert_eq!(world.rc.live_tokens("alice").len(), 1);
    world.rc.clear_faults();
    let gateway = start(&world, directory.path()).await;
    gateway.until_live_tokens("alice", 0).await;
    assert_eq!(status(&gateway, &token).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_refresh_replaced_is_logged_out_though_the_process_hears_of_it_from_itself() {
    let (world, directory) = (World::plain().await, tempfile::tempdir().unwrap());
    let gateway = start(&world, directory.path()).await;
    let users: Vec<_> = (0..60).map(|user| format!("user-{user}")).collect();
    let mut replaced = BTreeSet::new();
    for user in &users {
        assert_eq!(status(&gateway, &world.issuer.token(user)).await, 200);
        replaced.extend(world.rc.live_tokens(user));
        world.rc.kill_tokens(user);
    }
    assert_eq!(replaced.len(), users.len());
    let asking = users.iter().map(|user| async {
        let token = world.issuer.token(user);
        status(&gateway, &token).await
    });
    let answers = futures_util::future::join_all(asking).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    let logged_out = || -> BTreeSet<_> {
        let received = gateway.received(LOGOUT);
        let tokens = received
            .iter()
            .filter_map(|logout| Some(logout.header("x-auth-token")?.to_owned()));
        tokens.collect()
    };
    // Who used them at that moment lets go of them within that time.
    in_time("the logouts", &world.hand, Duration::from_secs(5), || {
        logged_out() == replaced
    })
    .await;
}

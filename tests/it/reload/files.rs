//! Files that change by themselves: seen without a signal, once they rest, whatever way they are changed.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::reload::stage::{Files, Stage};
use crate::support::eventually::in_time;

/// As often as files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Lets time pass until so many reloads have ended so.
async fn until(stage: &Stage, result: &str, count: u64) {
    let what = format!("{count} reloads end {result}; {}", stage.gateway.log.text());
    in_time(&what, &stage.gateway.hand, LOOK, || {
        stage.reloads(result) >= count
    })
    .await;
}

#[tokio::test]
async fn a_changed_file_is_applied_without_a_signal() {
    let mut stage = Stage::start().await;
    stage.edit(|config| config["users"]["provision"] = json!(false));
    until(&stage, "ok", 1).await;
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 403);
}

#[tokio::test]
async fn a_changed_secret_is_applied_without_a_signal_though_it_lies_in_a_file_of_its_own() {
    let stage = Stage::with(|config, files| {
        files.write("token", "an-admin-token-of-long-ago-0123456789");
        config["admin"]["token_file"] = json!("token");
    })
    .await;
    stage.write("token", "another-admin-token-0123456789-0123456789");
    until(&stage, "ok", 1).await;
    let told = ["is in force", "\"keys\":\"admin.token_file\""];
    stage.gateway.log.until_line(&told).await;
}

#[tokio::test]
async fn a_secret_that_comes_later_than_the_file_that_names_it_is_waited_for() {
    let mut stage = Stage::start().await;
    stage.edit(|config| config["admin"]["token_file"] = json!("token"));
    until(&stage, "invalid", 1).await;
    stage.write("token", "an-admin-token-of-long-ago-0123456789");
    until(&stage, "ok", 1).await;
}

#[tokio::test]
async fn a_file_that_was_away_and_came_back_is_applied() {
    let mut stage = Stage::start().await;
    std::fs::remove_file(stage.path("gantry.yaml")).unwrap();
    until(&stage, "invalid", 1).await;
    stage.edit(|config| config["users"]["provision"] = json!(false));
    until(&stage, "ok", 1).await;
}

/// A version of what Kubernetes mounts: `..data` leads to it.
fn version(files: &Path, name: &str, config: &serde_json::Value, token: &str) {
    let directory = files.join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("gantry.yaml"), config.to_string()).unwrap();
    std::fs::write(directory.join("token"), token).unwrap();
}

fn swap(files: &Path, to: &str) {
    let beside = files.join("..data.new");
    symlink(to, &beside).unwrap();
    std::fs::rename(beside, files.join("..data")).unwrap();
}

const FIRST: &str = "an-admin-token-of-long-ago-0123456789";
const SECOND: &str = "another-admin-token-0123456789-0123456789";

/// Config and secret as one mount, both by links through `..data`.
async fn mounted() -> Stage {
    let mount = |config: &mut serde_json::Value, files: &Files| {
        config["admin"]["token_file"] = json!("token");
        let root = files.path("");
        version(&root, "..1", config, FIRST);
        swap(&root, "..1");
        for name in ["gantry.yaml", "token"] {
            symlink(Path::new("..data").join(name), files.path(name)).unwrap();
        }
    };
    Stage::with(mount).await
}

async fn opens(stage: &Stage, token: &str) -> bool {
    let address = stage.gateway.running.admin_address();
    let asked = stage
        .gateway
        .client
        .get(format!("http://{address}/sessions"));
    let answer = asked.bearer_auth(token).send().await.unwrap();
    answer.status() == 200
}

#[tokio::test]
async fn a_swap_of_the_directory_behind_a_symlink_is_seen() {
    let stage = mounted().await;
    assert!(opens(&stage, FIRST).await);
    let mut config = stage.config.clone();
    config["users"]["provision"] = json!(false);
    version(&stage.path(""), "..2", &config, SECOND);
    swap(&stage.path(""), "..2");
    until(&stage, "ok", 1).await;
    assert!(opens(&stage, SECOND).await);
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 403);
}

#[tokio::test]
async fn what_is_swapped_in_the_middle_of_reading_ends_as_the_last_version_whole() {
    let stage = mounted().await;
    // Swapped all the time while it is read: whatever mixture was read, the last look differs from the one before the reading.
    for number in 2..60 {
        let mut config = stage.config.clone();
        config["users"]["provision"] = json!(number % 2 == 0);
        config["sessions"]["max_per_principal"] = json!(number);
        let token = format!("{SECOND}-{number}");
        version(&stage.path(""), &format!("..{number}"), &config, &token);
        swap(&stage.path(""), &format!("..{number}"));
        stage.gateway.running.reload();
        stage.gateway.hand.advance(LOOK);
        tokio::task::yield_now().await;
    }
    let last = format!("{SECOND}-59");
    let mut reached = false;
    for _ in 0..2000 {
        if opens(&stage, &last).await {
            reached = true;
            break;
        }
        stage.gateway.hand.advance(LOOK);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(reached, "{}", stage.gateway.log.text());
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 403);
    assert_eq!(stage.reloads("invalid"), 0, "{}", stage.gateway.log.text());
}

#[tokio::test]
async fn a_file_that_never_rests_is_read_all_the_same() {
    let mut stage = Stage::start().await;
    for number in 0..2000 {
        if stage.reloads("ok") >= 1 {
            break;
        }
        stage.edit(|config| config["sessions"]["max_per_principal"] = json!(number % 900 + 1));
        stage.gateway.hand.advance(LOOK);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(stage.reloads("ok") >= 1, "{}", stage.gateway.log.text());
}

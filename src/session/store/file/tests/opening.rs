//! Opening: what is made, and what is said of a file that cannot be opened.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{Place, write};
use crate::session::store::tests::{enter, k, lend, put};
use crate::session::store::{Index, Range, Store};

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    let place = Place::new();
    let _stage = place.open().await;
    let mode = fs::metadata(&place.path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_directory_that_is_missing_is_named_and_not_made() {
    let place = Place::new();
    let directory = place.directory.path().join("none");
    let path = directory.join("sessions.redb");
    let error = place.try_open(&path, &[]).await.expect_err("no directory");
    assert_eq!(error.kind(), "session-file-no-directory");
    assert!(error.to_string().contains(&*path.to_string_lossy()));
    assert!(error.to_string().contains("make it, or mount the volume"));
    assert!(!directory.exists());
}

#[tokio::test]
async fn what_is_no_file_is_told_by_the_system() {
    let place = Place::new();
    let error = place.try_open(place.directory.path(), &[]).await;
    let error = error.expect_err("a directory");
    assert_eq!(error.kind(), "session-file-unusable");
    let cause = error.source().expect("a cause").to_string();
    assert!(cause.contains("Is a directory"), "{cause}");
}

#[tokio::test]
async fn one_file_is_open_once() {
    let place = Place::new();
    let stage = place.open().await;
    let error = place.try_open(&place.path, &[]).await.expect_err("locked");
    assert_eq!(error.kind(), "session-file-locked");
    assert!(error.to_string().contains("another process has it open"));
    stage.change(vec![put("a", "1")]).await;
    drop(stage);
    assert!(place.open().await.value("a").await.is_some());
}

#[tokio::test]
async fn a_file_of_something_else_is_left_as_it_is() {
    let place = Place::new();
    for content in ["x", "a diary, and not a short one", &"z".repeat(100_000)] {
        fs::write(&place.path, content).expect("a file");
        let error = place.try_open(&place.path, &[]).await.expect_err("a diary");
        assert_eq!(error.kind(), "session-file-damaged", "{error:?}");
        assert!(error.to_string().contains("put a sound copy in its place"));
        assert_eq!(fs::read_to_string(&place.path).expect("a file"), content);
    }
    fs::write(&place.path, "").expect("a file");
    place.open().await.change(vec![put("a", "1")]).await;
}

#[tokio::test]
async fn a_file_of_another_form_is_refused() {
    let place = Place::new();
    let database = redb::Database::create(&place.path).expect("a database");
    let about: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("about");
    let transaction = database.begin_write().expect("a transaction");
    transaction
        .open_table(about)
        .expect("a table")
        .insert("form", 1)
        .expect("a form");
    transaction.commit().expect("a commit");
    drop(database);
    let error = place.try_open(&place.path, &[]).await.expect_err("form 1");
    assert_eq!(error.kind(), "session-file-foreign");
    assert!(error.to_string().contains("another release"));
}

/// Bytes flipped and ends cut off: told, or of no consequence, and never the end of the process.
#[test]
fn a_damaged_file_is_told_as_such() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let place = Place::new();
    runtime.block_on(async {
        let stage = place.open().await;
        for n in 0..200_u64 {
            let name = format!("k{n}");
            let life = Duration::from_secs(n + 1);
            let changes = vec![lend(&name, &"v".repeat(300), life), enter("all", &name, n)];
            stage.change(changes).await;
        }
    });
    let sound = fs::read(&place.path).expect("a file");
    let damage = (
        proptest::collection::vec((0..sound.len(), 1..=255_u8), 0..4),
        proptest::collection::vec((0..1024_usize, 1..=255_u8), 0..3),
        proptest::option::weighted(0.3, 0..sound.len()),
    );
    let config = ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut told = 0;
    let result = TestRunner::new(config).run(&damage, |(anywhere, ahead, cut)| {
        let mut bytes = sound.clone();
        for (at, bits) in anywhere.into_iter().chain(ahead) {
            bytes[at] ^= bits;
        }
        bytes.truncate(cut.unwrap_or(sound.len()));
        fs::write(&place.path, &bytes).expect("a file");
        runtime.block_on(async {
            let Ok(file) = place.try_open(&place.path, &[]).await else {
                return;
            };
            let keys = ["k0", "k100", "k199"].map(k);
            let range = Range {
                index: Index(b"all".to_vec()),
                after: None,
                up_to: u64::MAX,
                limit: 1000,
            };
            // Whatever they are, there are answers.
            let _values = file.read(&keys).await;
            let _entries = file.range(&range).await;
            let _applied = write(&file, vec![put("k0", "new"), put("new", "x")]).await;
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    fs::write(&place.path, &sound[..sound.len() / 2]).expect("a file");
    if let Err(error) = runtime.block_on(place.try_open(&place.path, &[])) {
        assert_eq!(error.kind(), "session-file-damaged", "{error:?}");
        told += 1;
    }
    assert_eq!(told, 1, "half a file is no session file");
}

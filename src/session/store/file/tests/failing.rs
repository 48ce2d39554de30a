//! A disk that is full, slow or failing for a while.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use tokio::task::JoinSet;

use super::{Place, write};
use crate::session::store::file::File;
use crate::session::store::file::opening::Backing;
use crate::session::store::tests::{k, put, v};
use crate::session::store::{Applied, Batch, Store, StoreError};

/// What is wrong with the disk at the moment, and what it was asked.
#[derive(Debug, Default)]
struct Disk {
    full: AtomicBool,
    unreadable: AtomicBool,
    syncs: AtomicUsize,
    /// Held by a test that wants a sync to last.
    sync: Mutex<()>,
}

#[derive(Debug)]
struct Failing {
    file: FileBackend,
    disk: Arc<Disk>,
}

fn fails(switch: &AtomicBool) -> Result<(), BackendError> {
    if switch.load(Ordering::SeqCst) {
        return Err(BackendError::Io(std::io::ErrorKind::StorageFull.into()));
    }
    Ok(())
}

impl StorageBackend for Failing {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        fails(&self.disk.unreadable)?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        fails(&self.disk.full)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.disk.syncs.fetch_add(1, Ordering::SeqCst);
        let _lasting = self.disk.sync.lock();
        fails(&self.disk.full)?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        fails(&self.disk.full)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.file.close()
    }
}

async fn open(place: &Place) -> (File, Arc<Disk>) {
    let disk = Arc::new(Disk::default());
    let below = Arc::clone(&disk);
    let backing: Backing = Arc::new(move |builder, file| {
        builder.create_with_backend(Failing {
            file: FileBackend::new(file)?,
            disk: Arc::clone(&below),
        })
    });
    let file = File::open_on(&place.path, place.clock.clone(), &[], backing);
    (file.await.expect("a file"), disk)
}

/// Longer than the file rests after an error.
const RESTED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_full_disk_is_told_and_got_over() {
    let place = Place::new();
    let (file, disk) = open(&place).await;
    write(&file, vec![put("before", "x")]).await.expect("room");
    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = write(&file, vec![put("lost", "x")]).await;
        let error = error.expect_err("no room");
        assert!(matches!(error, StoreError::Broken(_)), "{error:?}");
        assert_eq!(error.kind(), "store-broken");
        place.hand.advance(RESTED);
    }
    disk.full.store(false, Ordering::SeqCst);
    place.hand.advance(RESTED);
    let applied = write(&file, vec![put("after", "x")]).await.expect("room");
    assert_eq!(applied, Applied::Yes);
    let keys = ["before", "lost", "after"].map(k);
    let values = file.read(&keys).await.expect("an answer");
    assert_eq!(values, [Some(v("x")), None, Some(v("x"))]);
}

#[tokio::test]
async fn after_an_error_the_disk_is_let_rest() {
    let place = Place::new();
    let (file, disk) = open(&place).await;
    disk.full.store(true, Ordering::SeqCst);
    write(&file, vec![put("a", "x")])
        .await
        .expect_err("no room");
    disk.full.store(false, Ordering::SeqCst);
    let told = file.read(&[k("a")]).await.expect_err("it rests");
    assert_eq!(told.kind(), "store-broken");
    place.hand.advance(RESTED);
    assert_eq!(file.read(&[k("a")]).await.expect("an answer"), [None]);
}

#[tokio::test]
async fn a_disk_that_cannot_be_read_is_told_and_got_over() {
    let place = Place::new();
    let (file, disk) = open(&place).await;
    write(&file, vec![put("a", "x")]).await.expect("an answer");
    disk.unreadable.store(true, Ordering::SeqCst);
    disk.full.store(true, Ordering::SeqCst);
    write(&file, vec![put("b", "x")])
        .await
        .expect_err("it fails");
    place.hand.advance(RESTED);
    // Opening it again reads it.
    let error = file.read(&[k("a")]).await.expect_err("it fails");
    assert_eq!(error.kind(), "store-broken");
    disk.unreadable.store(false, Ordering::SeqCst);
    disk.full.store(false, Ordering::SeqCst);
    place.hand.advance(RESTED);
    let values = file.read(&[k("a")]).await.expect("an answer");
    assert_eq!(values, [Some(v("x"))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_wait_together_share_a_sync() {
    let place = Place::new();
    let (file, disk) = open(&place).await;
    let file = Arc::new(file);
    let before = disk.syncs.load(Ordering::SeqCst);
    let count = 200;
    let mut writers = JoinSet::new();
    let mut ask = |n: usize| {
        let file = Arc::clone(&file);
        writers.spawn(async move { write(&*file, vec![put(&format!("k{n}"), "x")]).await });
    };
    {
        let _lasting = disk.sync.lock().expect("nobody panicked");
        ask(0);
        while disk.syncs.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
        // The first is at its sync; all others wait in the queue.
        (1..=count).for_each(ask);
        while file.jobs.as_ref().is_none_or(|jobs| waiting(jobs) < count) {
            std::thread::yield_now();
        }
    }
    for applied in writers.join_all().await {
        assert_eq!(applied.expect("an answer"), Applied::Yes);
    }
    let syncs = disk.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs < 10, "{syncs} syncs for {count} batches");
}

fn waiting<T>(queue: &tokio::sync::mpsc::Sender<T>) -> usize {
    queue.max_capacity() - queue.capacity()
}

#[tokio::test]
async fn what_is_on_its_way_at_the_end_is_done() {
    let place = Place::new();
    let (file, _disk) = open(&place).await;
    let batch = Batch {
        changes: vec![put("last", "word")],
        ..Batch::default()
    };
    // Asked, and then not waited for.
    let asked = tokio::time::timeout(Duration::ZERO, file.write(&batch)).await;
    drop(file);
    let stage = place.open().await;
    assert!(asked.is_ok() || stage.value("last").await.is_some());
}

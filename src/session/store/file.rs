//! The store of one process that survives its end: everything in one file (redb).
//!
//! A batch is answered when it is on disk. Batches that wait together share one transaction, and so one sync of the disk; each
//! is judged by itself, in the order of their coming. What blocks runs beside the async threads: reads on the runtime's blocking
//! threads, writes on one thread of the file's own.
//!
//! An error of the disk closes the file; later calls open it again when they can. Until then every call is told
//! [`StoreError::Broken`].

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::clock::Clock;
use crate::session::store::{
    Applied, Batch, Entry, Heard, Index, Key, Range, Store, StoreError, Value,
};

mod disk;
mod followers;
mod indexes;
mod look;
mod opening;
mod report;
mod shelf;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use look::look;
pub use opening::OpenError;

use followers::Followers;
use opening::Backing;
use shelf::Shelf;
use writer::Job;

/// Batches that wait for the writer at a time; more wait for a place.
const QUEUE: usize = 1024;

/// Looks at a time. What they look at is in memory almost always, so more threads would only take turns, and hold up those of requests.
const LOOKS: usize = 4;

/// Pause between two sweeps: what is over is invisible at once, so only room on the disk waits for them.
const SWEEP: Duration = Duration::from_secs(30);

/// A store in one file.
pub(in crate::session) struct File {
    shelf: Arc<Shelf>,
    followers: Arc<Followers>,
    looks: Arc<Semaphore>,
    /// Taken away at the end, so that the writer ends.
    jobs: Option<mpsc::Sender<Job>>,
    /// Joined at the end, so that the file is closed when its store is gone.
    writer: Mutex<Option<JoinHandle<()>>>,
    sweeper: AbortHandle,
}

impl File {
    /// Opens the file, or makes one, and drops every key that begins with one of `forget`: what the last process left that can
    /// only have been its own, such as leases. Needs a runtime.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(in crate::session) async fn open(
        path: &Path,
        clock: Clock,
        forget: &[&str],
    ) -> Result<Self, OpenError> {
        Self::open_on(path, clock, forget, opening::on_disk()).await
    }

    async fn open_on(
        path: &Path,
        clock: Clock,
        forget: &[&str],
        backing: Backing,
    ) -> Result<Self, OpenError> {
        let forget: Vec<String> = forget.iter().map(|text| (*text).to_owned()).collect();
        let (place, measure) = (path.to_owned(), clock.clone());
        // Looking through a large file takes a second or two.
        let shelf =
            tokio::task::spawn_blocking(move || Shelf::open(place, measure, backing, &forget))
                .await
                .map_err(|error| OpenError::unusable(path, error))??;
        Self::start(shelf, clock)
    }

    fn start(shelf: Shelf, clock: Clock) -> Result<Self, OpenError> {
        let (shelf, followers) = (Arc::new(shelf), Arc::new(Followers::default()));
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (kept, told) = (Arc::clone(&shelf), Arc::clone(&followers));
        let writer = std::thread::Builder::new()
            .name("session-file".to_owned())
            .spawn(move || writer::run(&kept, &told, queue))
            .map_err(|error| OpenError::unusable(shelf.path(), error))?;
        let sweeper = tokio::spawn(sweep(jobs.downgrade(), clock)).abort_handle();
        Ok(Self {
            shelf,
            followers,
            looks: Arc::new(Semaphore::new(LOOKS)),
            jobs: Some(jobs),
            writer: Mutex::new(Some(writer)),
            sweeper,
        })
    }

    /// Runs a look at the disk beside the async threads.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Shelf) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.looks).acquire_owned().await;
        let shelf = Arc::clone(&self.shelf);
        let looking = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            look(&shelf)
        });
        looking
            .await
            .map_err(|error| StoreError::Broken(Arc::new(error)))?
    }
}

#[async_trait]
impl Store for File {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        let keys = keys.to_vec();
        self.look(move |shelf| shelf.with(|disk, now| disk.read(&keys, now)))
            .await
    }

    async fn write(&self, batch: &Batch) -> Result<Applied, StoreError> {
        let gone = || StoreError::Broken(Arc::new(Gone));
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        let (answer, answered) = oneshot::channel();
        let job = Job::Write(Box::new(batch.clone()), answer);
        jobs.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    async fn range(&self, range: &Range) -> Result<Vec<Entry>, StoreError> {
        let range = range.clone();
        self.look(move |shelf| shelf.with(|disk, _| disk.range(&range)))
            .await
    }

    async fn count(&self, index: &Index) -> Result<u64, StoreError> {
        let index = index.clone();
        self.look(move |shelf| shelf.with(|disk, _| disk.count(&index)))
            .await
    }

    fn follow(self: Arc<Self>) -> mpsc::Receiver<Heard> {
        self.followers.add()
    }
}

impl Drop for File {
    /// Ends the writer once it has done what it was given, and closes the file, so that it can be opened again at once.
    fn drop(&mut self) {
        self.sweeper.abort();
        self.jobs = None;
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A writer that ended by a panic has nothing left to do either.
        let _ended = writer.map(JoinHandle::join);
        self.shelf.close();
    }
}

impl fmt::Debug for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "File({})", self.shelf.path().display())
    }
}

/// The writer has ended before its store.
#[derive(Debug, thiserror::Error)]
#[error("the writer of the session file has ended")]
struct Gone;

/// Takes what is over out of the file, a bounded part at a time, so that batches never wait for all of it.
async fn sweep(jobs: mpsc::WeakSender<Job>, clock: Clock) {
    loop {
        clock.sleep(SWEEP).await;
        while let Some(jobs) = jobs.upgrade() {
            let (answer, swept) = oneshot::channel();
            // Waiting for a place would keep the writer from ending; whoever fills the queue goes first, and the next sweep tries
            // again, as it does after an error.
            let sent = jobs.try_send(Job::Sweep(answer));
            drop(jobs);
            if sent.is_err() || swept.await != Ok(writer::SWEPT) {
                break;
            }
        }
    }
}

//! The open file, shared by all who look at it, and opened again after an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use super::report::Report;

use crate::clock::{Clock, unix_millis};
use crate::session::store::StoreError;

use super::disk::Disk;
use super::opening::{self, Backing, OpenError};

/// Pause after an error before the file is opened again: looking through a large file takes as long, and a full disk is not
/// emptied sooner.
const REST: Duration = Duration::from_secs(1);

/// A file that is smaller is left as it is at its closing: there is little to be given back.
const SMALL: u64 = 16 * 1024 * 1024;

/// Holds the file open.
pub(super) struct Shelf {
    place: RwLock<Place>,
    path: PathBuf,
    clock: Clock,
    backing: Backing,
    report: Report,
}

enum Place {
    Taken(Disk),
    /// After an error, until it is opened again.
    Empty {
        since: SystemTime,
        why: StoreError,
    },
    /// For good.
    Closed,
}

/// Something went wrong inside redb: it says so by panicking where a file was changed under it.
#[derive(Debug, thiserror::Error)]
#[error("the session file is damaged")]
struct Damaged;

/// The store is going away.
#[derive(Debug, thiserror::Error)]
#[error("the session file is closed")]
struct Closed;

impl Shelf {
    /// Opens the file and drops every key that begins with one of `forget`. Blocks.
    pub(super) fn open(
        path: PathBuf,
        clock: Clock,
        backing: Backing,
        forget: &[String],
    ) -> Result<Self, OpenError> {
        let disk = opening::open(&path, &backing)?;
        disk.forget(forget)
            .map_err(|error| OpenError::unusable(&path, error))?;
        Ok(Self {
            place: RwLock::new(Place::Taken(disk)),
            path,
            clock,
            backing,
            report: Report::default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Does something with the disk at the present moment, in milliseconds since 1970. Blocks.
    pub(super) fn with<T>(
        &self,
        act: impl FnOnce(&Disk, u64) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.mend()?;
        let now = unix_millis(self.clock.now());
        let outcome = {
            let place = self.place.read().unwrap_or_else(PoisonError::into_inner);
            match &*place {
                Place::Empty { why, .. } => return Err(why.clone()),
                Place::Closed => return Err(closed()),
                // A panic in there must not end the writer, nor reach who asked.
                Place::Taken(disk) => catch_unwind(AssertUnwindSafe(|| act(disk, now))),
            }
        };
        let why: StoreError = match outcome {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => StoreError::Broken(Arc::new(error)),
            Err(_panic) => StoreError::Broken(Arc::new(Damaged)),
        };
        let now = self.clock.now();
        self.report.failed(&self.path, &why, now);
        self.put(Place::Empty {
            since: now,
            why: why.clone(),
        });
        Err(why)
    }

    /// Something was written.
    pub(super) fn written(&self) {
        self.report.recovered(&self.path);
    }

    /// Closes the file, after those who are looking at it. A large one gives back what it does not need: while it is open it grows by
    /// doubling, and nobody waits for it now as they would at its opening.
    pub(super) fn close(&self) {
        let before = {
            let mut place = self.place.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, Place::Closed)
        };
        let length = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        let Place::Taken(mut disk) = before else {
            return;
        };
        if length < SMALL {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| disk.compact(length)));
        let error: &dyn std::error::Error = match &outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_panic) => &Damaged,
        };
        tracing::warn!(
            error = crate::telemetry::logging::chain(error),
            "the session file keeps more room on the disk than it needs"
        );
    }

    /// Opens the file again when an error closed it, and it has rested.
    fn mend(&self) -> Result<(), StoreError> {
        let is_open = |place: &Place| matches!(place, Place::Taken(_));
        if is_open(&self.place.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let mut place = self.place.write().unwrap_or_else(PoisonError::into_inner);
        let (since, why) = match &mut *place {
            Place::Taken(_) => return Ok(()),
            Place::Closed => return Err(closed()),
            Place::Empty { since, why } => (since, why),
        };
        let now = self.clock.now();
        // A clock that was set back must not keep the file closed.
        if now.duration_since(*since).is_ok_and(|rested| rested < REST) {
            return Err(why.clone());
        }
        match opening::open(&self.path, &self.backing) {
            Ok(disk) => {
                *place = Place::Taken(disk);
                Ok(())
            }
            Err(error) => {
                *since = now;
                *why = StoreError::Broken(Arc::new(error));
                self.report.failed(&self.path, why, now);
                Err(why.clone())
            }
        }
    }

    /// Something closed for good stays so.
    fn put(&self, next: Place) {
        let mut place = self.place.write().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*place, Place::Closed) {
            *place = next;
        }
    }
}

fn closed() -> StoreError {
    StoreError::Broken(Arc::new(Closed))
}

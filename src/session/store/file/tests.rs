//! The file store does what every store must do, and what only a file can: outlive its process, be damaged, be full.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::clock::{Clock, ManualClock};
use crate::session::store::tests::{Stage, Time, contract};
use crate::session::store::{Applied, Batch, Change, Store, StoreError};

use super::{File, OpenError};

mod failing;
mod keeping;
mod opening;

contract!(stage);

async fn stage() -> Stage {
    let place = Place::new();
    let (clock, hand) = (place.clock.clone(), place.hand.clone());
    let store = File::open(&place.path, clock, &[]).await.expect("a file");
    Stage {
        store: Arc::new(store),
        time: Time::ByHand(hand),
        _props: Box::new(place),
    }
}

/// Where a session file lies, and the clock of those who open it.
struct Place {
    path: PathBuf,
    clock: Clock,
    hand: ManualClock,
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (clock, hand) = Clock::manual();
        Self {
            path: directory.path().join("sessions.redb"),
            clock,
            hand,
            directory,
        }
    }

    async fn open(&self) -> Stage {
        self.open_forgetting(&[]).await
    }

    async fn open_forgetting(&self, forget: &[&str]) -> Stage {
        let store = self.try_open(&self.path, forget).await.expect("a file");
        self.stage(store)
    }

    async fn try_open(&self, path: &Path, forget: &[&str]) -> Result<File, OpenError> {
        File::open(path, self.clock.clone(), forget).await
    }

    fn stage(&self, store: File) -> Stage {
        Stage {
            store: Arc::new(store),
            time: Time::ByHand(self.hand.clone()),
            _props: Box::new(()),
        }
    }
}

/// Writes changes that expect nothing.
async fn write(store: &dyn Store, changes: Vec<Change>) -> Result<Applied, StoreError> {
    let batch = Batch {
        changes,
        ..Batch::default()
    };
    store.write(&batch).await
}

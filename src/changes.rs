//! Tells when files changed, by what the file system says of them.
//!
//! Names are followed through symlinks, so the swap by which Kubernetes updates a mounted secret is seen as any other change. Nothing
//! is watched and nothing runs by itself: who wants to know looks.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks of [`Changes::next`]: a call to the file system for each file, and nobody waits longer for renewed ones.
const LOOK: Duration = Duration::from_secs(2);

/// Some files, as they were at the last look.
#[derive(Debug)]
pub struct Changes(Vec<(PathBuf, Option<Mark>)>);

/// What differs between a file and what it was before: another file, another length, or another time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Changes {
    /// Looks for the first time; to be done before the files are read, so that no change falls between.
    #[must_use]
    pub fn of<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        Self(files.map(|file| (file.to_owned(), mark(file))).collect())
    }

    /// Looks again: did any change, appear or vanish? What changes while it is read afterwards is seen by the next look.
    pub fn seen(&mut self) -> bool {
        let mut seen = false;
        for (file, before) in &mut self.0 {
            let now = mark(file);
            seen |= now != *before;
            *before = now;
        }
        seen
    }

    /// Waits until a look finds a change. Nothing is lost when this is dropped before it completes.
    pub async fn next(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.seen() {
                return;
            }
        }
    }
}

fn mark(file: &Path) -> Option<Mark> {
    let said = std::fs::metadata(file).ok()?;
    Some(Mark {
        device: said.dev(),
        inode: said.ino(),
        size: said.size(),
        modified: (said.mtime(), said.mtime_nsec()),
        changed: (said.ctime(), said.ctime_nsec()),
    })
}

//! How the file is opened or made, and what is said when it cannot be.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError};

use super::disk::Disk;

/// What redb may keep of the file in memory: pages that are read again soon. The system keeps the rest of the file, if it has room.
const CACHE: usize = 32 * 1024 * 1024;

/// Only who Gantry runs as reads and writes the file: user ids and times in it are nobody else's business, sealed or not.
const MODE: u32 = 0o600;

/// Why the file could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no directory to make the file in. Gantry makes none: a volume that was not mounted would be lost unseen.
    #[error(
        "cannot open the session file {0}: its directory is missing; make it, or mount the volume that holds it"
    )]
    NoDirectory(PathBuf),
    /// One file serves one process.
    #[error(
        "cannot open the session file {0}: another process has it open; give each its own, or use the redis store for several"
    )]
    Locked(PathBuf),
    /// Its checksums or its form are wrong.
    #[error(
        "cannot open the session file {0}: it is damaged, or no session file; put a sound copy in its place, or move it away to \
         begin without sessions, whose auth tokens Rocket.Chat then honours until they expire"
    )]
    Damaged(PathBuf, #[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Another release wrote it.
    #[error(
        "cannot open the session file {0}: another release of Gantry wrote it; run that one, or move the file away"
    )]
    Foreign(PathBuf),
    /// The system does not let us.
    #[error("cannot open the session file {0}")]
    Unusable(PathBuf, #[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl OpenError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoDirectory(_) => "session-file-no-directory",
            Self::Locked(_) => "session-file-locked",
            Self::Damaged(..) => "session-file-damaged",
            Self::Foreign(_) => "session-file-foreign",
            Self::Unusable(..) => "session-file-unusable",
        }
    }

    pub(super) fn unusable(
        path: &Path,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unusable(path.to_owned(), Arc::new(error))
    }

    fn damaged(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Damaged(path.to_owned(), Arc::new(error))
    }
}

/// redb panicked over what it read.
#[derive(Debug, thiserror::Error)]
#[error("what the file says of itself cannot be so")]
struct Impossible;

/// What lies between redb and the file; tests put a failing disk there.
pub(super) type Backing =
    Arc<dyn Fn(&Builder, fs::File) -> Result<Database, DatabaseError> + Send + Sync>;

/// Nothing lies between them.
pub(super) fn on_disk() -> Backing {
    Arc::new(|builder, file| builder.create_with_backend(FileBackend::new(file)?))
}

/// Where the file is, or would be made.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        Some(_) | None => Path::new("."),
    }
}

/// Opens the file or makes it. Blocks; every checksum is looked at, because redb trusts what a crash did not write.
pub(super) fn open(path: &Path, backing: &Backing) -> Result<Disk, OpenError> {
    let directory = directory_of(path);
    if !directory.is_dir() {
        return Err(OpenError::NoDirectory(path.to_owned()));
    }
    let made = !path.exists();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)
        .map_err(|error| OpenError::unusable(path, error))?;
    let mut builder = Builder::new();
    builder
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true);
    let opened = catch_unwind(AssertUnwindSafe(|| Disk::new(backing(&builder, file)?)));
    let disk = opened
        .map_err(|_panic| OpenError::damaged(path, Impossible))?
        .map_err(|error| told(path, error))?
        .ok_or_else(|| OpenError::Foreign(path.to_owned()))?;
    if made {
        // Else a power cut could take the file's name away, and with it what was answered as written.
        fs::File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| OpenError::unusable(path, error))?;
    }
    Ok(disk)
}

fn told(path: &Path, error: redb::Error) -> OpenError {
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::Locked(path.to_owned()),
        redb::Error::UpgradeRequired(_) => OpenError::Foreign(path.to_owned()),
        redb::Error::Io(error)
            if !matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::unusable(path, error)
        }
        error => OpenError::damaged(path, error),
    }
}

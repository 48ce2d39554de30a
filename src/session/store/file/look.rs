//! A look at the session file from outside: its lock, its first bytes, whether it could be written or made. Nothing of it is changed, and
//! none is made.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;

use super::opening::directory_of;
use crate::random;
use crate::session::store::Flaw;

/// What a redb file begins with.
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// Least room on the disk that is not worth a warning: the file doubles when it grows, and what is written must have a place.
const ROOM: u64 = 256 * 1024 * 1024;

/// Blocks.
pub(in crate::session::store) fn look(path: &Path) -> Result<(String, Vec<Flaw>), Flaw> {
    let directory = directory_of(path);
    if !directory.is_dir() {
        return Err(Flaw::new(
            format!("the directory {} is missing", directory.display()),
            "make it, or mount the volume that holds it; else change sessions.file.path",
        ));
    }
    let seen = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => kept(path, file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            makeable(directory).map_err(|error| refused(directory, &error))?;
            "there is no file yet, and it can be made"
        }
        Err(error) => return Err(refused(path, &error)),
    };
    Ok((seen.to_owned(), room(directory).into_iter().collect()))
}

fn kept(path: &Path, mut file: File) -> Result<&'static str, Flaw> {
    match file.try_lock() {
        Ok(()) => {}
        // What it is for, and whoever has it has looked at it.
        Err(TryLockError::WouldBlock) => return Ok("in use, as by a Gantry that runs"),
        Err(TryLockError::Error(error)) => return Err(refused(path, &error)),
    }
    let mut begins = Vec::new();
    let read = (&mut file)
        .take(MAGIC.len() as u64)
        .read_to_end(&mut begins);
    read.map_err(|error| refused(path, &error))?;
    if begins.is_empty() || begins == MAGIC {
        return Ok("can be read and written");
    }
    Err(Flaw::new(
        format!("{} is no session file", path.display()),
        "change sessions.file.path, or move the file away to begin without sessions",
    ))
}

/// Makes a file of another name and takes it away: only that tells about quotas and read-only mounts, too.
fn makeable(directory: &Path) -> io::Result<()> {
    let probe = directory.join(format!(".gantry-{}", random::text::<9>()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)?;
    fs::remove_file(&probe)
}

fn refused(path: &Path, error: &io::Error) -> Flaw {
    Flaw::new(
        format!("{}: {error}", path.display()),
        "let the user that Gantry runs as read and write sessions.file.path and its directory",
    )
}

fn room(directory: &Path) -> Option<Flaw> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    scarce(free)
}

fn scarce(free: u64) -> Option<Flaw> {
    (free < ROOM).then(|| {
        Flaw::new(
            format!("{} MiB are left on its disk", free / (1024 * 1024)),
            "make room on the disk of sessions.file.path: when it is full no session begins",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_told() {
        assert_eq!(scarce(ROOM), None);
        let flaw = scarce(5 * 1024 * 1024).expect("a flaw");
        assert_eq!(flaw.seen, "5 MiB are left on its disk");
    }

    #[test]
    fn a_look_makes_no_file_and_tells_one_that_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sessions.redb");
        assert!(look(&path).is_ok());
        assert_eq!(fs::read_dir(folder.path()).expect("entries").count(), 0);
        fs::write(&path, "something else").expect("written");
        let flaw = look(&path).expect_err("no session file");
        assert!(flaw.mend.contains("sessions.file.path"), "{flaw:?}");
        let flaw = look(&folder.path().join("none/sessions.redb")).expect_err("no folder");
        assert!(flaw.mend.contains("mount the volume"), "{flaw:?}");
    }
}

//! Reads the files that the configuration names, within bounds, so that a wrong path cannot fill the memory.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Reads a file of at most `largest` bytes.
///
/// # Errors
/// When the file cannot be read or is larger.
pub(super) fn bytes(path: &Path, largest: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(largest + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        let problem = format!("the file is larger than {largest} bytes");
        return Err(Error::new(ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// Reads a text file of at most `largest` bytes.
///
/// # Errors
/// When the file cannot be read, is larger, or is not UTF-8.
pub(super) fn text(path: &Path, largest: u64) -> std::io::Result<String> {
    String::from_utf8(bytes(path, largest)?)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "the file is not UTF-8"))
}

/// What to say of a file with a secret that more people may read than need to.
///
/// A group that may read it is how Gantry reads files of others, as Kubernetes mounts them; of a file of its own it has no need of one.
pub(super) fn openness(path: &Path) -> Option<&'static str> {
    let told = fs::metadata(path).ok()?;
    let own = told.uid() == rustix::process::geteuid().as_raw();
    match (told.mode(), own) {
        (mode, _) if mode & 0o007 != 0 => Some(
            "everybody on this machine may read the file or change it; take that away with `chmod o-rwx`",
        ),
        (mode, true) if mode & 0o070 != 0 => {
            Some("the file's group may read it or change it; take that away with `chmod g-rwx`")
        }
        (mode, _) if mode & 0o020 != 0 => {
            Some("the file's group may change it; take that away with `chmod g-w`")
        }
        _ => None,
    }
}

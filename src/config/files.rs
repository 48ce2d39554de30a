//! Reads the files that the configuration names, within bounds, so that a wrong path cannot fill the memory.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
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

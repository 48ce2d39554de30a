//! The file of every token ever made, for tests that look where none may be.
//!
//! A token stands in it before anybody is answered it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::tokens::StampedToken;

/// The file, if one is wanted.
#[derive(Default)]
pub(crate) struct TokenFile(Option<Mutex<File>>);

impl TokenFile {
    /// Opens the file empty, and for its owner alone.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(path)
        };
        Ok(Self(path.map(open).transpose()?.map(Mutex::new)))
    }

    /// Writes a token that was just made.
    pub(crate) fn note(&self, token: &StampedToken) {
        if let Some(file) = &self.0 {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(file, "{}", token.plain).expect("the disk takes one more line");
        }
    }
}

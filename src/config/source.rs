//! Where the configuration comes from, to be read again when it changed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::layers::Layers;
use super::{Config, Environment, Mistakes, checked};
use crate::changes::Changes;

/// Most readings of one loading: the first tells which files there are, the second is of files that were looked at before; one that changed
/// which there are meanwhile is read once more.
const READINGS: usize = 3;

/// A configuration file, if there is one, and the environment over it.
#[derive(Debug)]
pub struct Source {
    path: Option<PathBuf>,
    environment: Environment,
    /// What it is read from.
    files: BTreeSet<PathBuf>,
    changes: Changes,
}

impl Source {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(path: Option<PathBuf>, environment: Environment) -> Self {
        let mut source = Self {
            files: path.iter().cloned().collect(),
            path,
            environment,
            changes: Changes::of(std::iter::empty()),
        };
        source.look();
        source
    }

    /// Reads and checks everything. The files are looked at before they are read, so that whatever changes meanwhile is told by
    /// [`Source::changed`].
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn load(&mut self) -> Result<Config, Mistakes> {
        self.look();
        let mut loaded = self.read();
        for _ in 1..READINGS {
            let Some(named) = loaded.1.take() else { break };
            let named: BTreeSet<PathBuf> = self.path.iter().cloned().chain(named).collect();
            if named == self.files {
                break;
            }
            self.files = named;
            self.look();
            loaded = self.read();
        }
        loaded.0
    }

    /// Did any of the files change since they were looked at last?
    pub fn changed(&mut self) -> bool {
        self.changes.seen()
    }

    fn look(&mut self) {
        self.changes = Changes::of(self.files.iter().map(PathBuf::as_path));
    }

    /// The configuration, and which files it names, where that can be told.
    fn read(&self) -> (Result<Config, Mistakes>, Option<BTreeSet<PathBuf>>) {
        let path = self.path.as_deref();
        match Layers::load(path, &self.environment) {
            Ok(layers) => {
                let read = checked(layers, path);
                (read.config, Some(read.files))
            }
            Err(mistakes) => (Err(mistakes), None),
        }
    }
}

//! What is wrong with a configuration: every mistake with its key, its place and the mend, in the order of the file.
//!
//! No mistake repeats the value of a key that holds a secret.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::key::Key;

/// Most mistakes written out; whoever has more has given the wrong file.
const SHOWN: usize = 100;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the file, at a line and column counted from 1; line 0 is the file as a whole.
    File {
        /// The file as it was named to us.
        name: Arc<str>,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In the environment variable of this name.
    Variable(Arc<str>),
    /// Nowhere: there is no file, and no variable names the key.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line: 0, .. } => formatter.write_str(name),
            Self::File { name, line, column } => write!(formatter, "{name}:{line}:{column}"),
            Self::Variable(name) => write!(formatter, "environment variable {name}"),
            Self::Nowhere => formatter.write_str("configuration"),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// The path of the key; empty when the text as a whole is meant.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.problem)
    }
}

/// All mistakes of a configuration, each once: the file's first, in its order, then the environment's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(BTreeSet<Mistake>);

impl Mistakes {
    /// Adds one.
    pub(super) fn add(&mut self, place: Place, key: &Key, problem: impl Into<String>) {
        self.0.insert(Mistake {
            place,
            key: key.to_string(),
            problem: problem.into(),
        });
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// Is there one at this key or below it?
    pub(super) fn touch(&self, key: &Key) -> bool {
        self.0.iter().any(|mistake| {
            mistake
                .key
                .strip_prefix(key.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => formatter.write_str("the configuration has a mistake:")?,
            count => write!(formatter, "the configuration has {count} mistakes:")?,
        }
        for mistake in self.0.iter().take(SHOWN) {
            write!(formatter, "\n  {mistake}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(formatter, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for Mistakes {}

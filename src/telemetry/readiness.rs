//! Named latches: the service is ready when none is open, and says which ones are.
//!
//! Liveness never looks here: it must not depend on others.

use std::sync::{Arc, Mutex, PoisonError};

/// All latches of the program; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Vec<Entry>>>);

#[derive(Debug)]
struct Entry {
    name: String,
    missing: Option<String>,
}

/// One thing that must be there before traffic is welcome.
#[derive(Clone, Debug)]
pub struct Latch {
    all: Readiness,
    index: usize,
}

impl Readiness {
    /// Adds a latch, not ready yet. `name` is what `/readyz` prints, e.g. `keys of issuer https://app.example.com`.
    #[must_use]
    pub fn latch(&self, name: &str) -> Latch {
        let mut entries = self.entries();
        entries.push(Entry {
            name: name.to_owned(),
            missing: Some("not yet there".to_owned()),
        });
        Latch {
            all: self.clone(),
            index: entries.len() - 1,
        }
    }

    /// What is missing, as `name: reason`; empty when ready.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.entries()
            .iter()
            .filter_map(|entry| {
                entry
                    .missing
                    .as_ref()
                    .map(|reason| format!("{}: {reason}", entry.name))
            })
            .collect()
    }

    /// Every latch by name, with what is missing of it.
    #[must_use]
    pub fn latches(&self) -> Vec<(String, Option<String>)> {
        self.entries()
            .iter()
            .map(|entry| (entry.name.clone(), entry.missing.clone()))
            .collect()
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latch {
    /// The thing is there.
    pub fn ready(&self) {
        self.set(None);
    }

    /// The thing is not there, or no longer; `reason` is printed to operators and holds no secret.
    pub fn missing(&self, reason: &str) {
        self.set(Some(reason.to_owned()));
    }

    fn set(&self, missing: Option<String>) {
        if let Some(entry) = self.all.entries().get_mut(self.index) {
            entry.missing = missing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_what_is_missing_until_it_is_there() {
        let readiness = Readiness::default();
        let keys = readiness.latch("keys of issuer a");
        let chat = readiness.latch("rocketchat");
        chat.missing("service account refused");
        assert_eq!(
            readiness.missing(),
            [
                "keys of issuer a: not yet there",
                "rocketchat: service account refused"
            ]
        );
        keys.ready();
        let missing = Some("service account refused".to_owned());
        assert_eq!(
            readiness.latches(),
            [
                ("keys of issuer a".to_owned(), None),
                ("rocketchat".to_owned(), missing)
            ]
        );
        chat.ready();
        assert!(readiness.missing().is_empty());
    }
}

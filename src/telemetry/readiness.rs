//! Named latches: the service is ready when none is open, and says which ones are.
//!
//! Liveness never looks here: it must not depend on others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All latches of the program; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    list: Vec<Entry>,
    /// How many there ever were.
    added: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    name: String,
    missing: Option<String>,
    need: Need,
}

/// Does readiness wait for it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Whenever it is missing.
    Always,
    /// Until it is there for the first time.
    First,
    /// No: it is told of.
    Never,
}

/// One thing that must be there before traffic is welcome.
#[derive(Clone, Debug)]
pub struct Latch {
    all: Readiness,
    id: u64,
}

impl Readiness {
    /// Adds a latch, not ready yet. `name` is what `/readyz` prints, e.g. `keys of issuer https://app.example.com`.
    #[must_use]
    pub fn latch(&self, name: &str) -> Latch {
        self.add(name, Need::Always)
    }

    /// Adds one that readiness waits for until the thing is there for the first time, and that is told of from then on: for what all
    /// instances lose together. One that is not ready gets no traffic; were none of them, those who need nothing of it would be turned
    /// away as well.
    #[must_use]
    pub fn first(&self, name: &str) -> Latch {
        self.add(name, Need::First)
    }

    /// Adds one that is told of and that readiness does not wait for: what came later takes no readiness away that was given.
    #[must_use]
    pub fn told(&self, name: &str) -> Latch {
        self.add(name, Need::Never)
    }

    fn add(&self, name: &str, need: Need) -> Latch {
        let mut entries = self.entries();
        let id = entries.added;
        entries.added += 1;
        entries.list.push(Entry {
            id,
            name: name.to_owned(),
            missing: Some("not yet there".to_owned()),
            need,
        });
        Latch {
            all: self.clone(),
            id,
        }
    }

    /// What is missing, as `name: reason`; empty when ready.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.told_missing(|need| need != Need::Never)
    }

    /// What is missing and keeps nobody waiting, in the same words.
    #[must_use]
    pub fn missed(&self) -> Vec<String> {
        self.told_missing(|need| need == Need::Never)
    }

    fn told_missing(&self, counts: impl Fn(Need) -> bool) -> Vec<String> {
        let entries = self.entries();
        let counted = entries.list.iter().filter(|entry| counts(entry.need));
        let missing = counted.filter_map(|entry| Some((&entry.name, entry.missing.as_ref()?)));
        missing
            .map(|(name, reason)| format!("{name}: {reason}"))
            .collect()
    }

    /// Every latch by name, with what is missing of it.
    #[must_use]
    pub fn latches(&self) -> Vec<(String, Option<String>)> {
        let entries = self.entries();
        let told = entries.list.iter();
        told.map(|entry| (entry.name.clone(), entry.missing.clone()))
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
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

    /// Nobody wants the thing any more; what is said of it afterwards is not heard.
    pub fn retire(&self) {
        let mut entries = self.all.entries();
        entries.list.retain(|entry| entry.id != self.id);
    }

    fn set(&self, missing: Option<String>) {
        let mut entries = self.all.entries();
        let mut all = entries.list.iter_mut();
        if let Some(entry) = all.find(|entry| entry.id == self.id) {
            if missing.is_none() && entry.need == Need::First {
                entry.need = Need::Never;
            }
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

    #[test]
    fn what_was_there_once_is_told_of_and_not_waited_for() {
        let readiness = Readiness::default();
        let store = readiness.first("store");
        assert_eq!(readiness.missing(), ["store: not yet there"]);
        store.ready();
        store.missing("away");
        assert!(readiness.missing().is_empty());
        assert_eq!(readiness.missed(), ["store: away"]);
    }

    #[test]
    fn what_came_later_is_told_and_what_nobody_wants_is_not() {
        let readiness = Readiness::default();
        let first = readiness.latch("keys of issuer a");
        let later = readiness.told("keys of issuer b");
        first.retire();
        first.missing("nobody hears this");
        assert!(readiness.missing().is_empty());
        later.missing("away");
        let told = [("keys of issuer b".to_owned(), Some("away".to_owned()))];
        assert_eq!(readiness.latches(), told);
    }
}

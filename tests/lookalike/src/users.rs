//! The users collection with its indexes.
//!
//! As in MongoDB, usernames and mail addresses are unique exactly as written; that names differing only
//! in case clash is a rule of the callers (RC §4.3, §4.4), who ask with `find_folded`.

use std::collections::HashMap;

use crate::tokens::{EXPIRY_JOB_MS, life_ms};
use crate::user::User;

/// Which unique index an insert ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicate {
    Username,
    Email,
}

/// All users, in the order they were made.
#[derive(Default)]
pub(crate) struct Users {
    by_id: HashMap<String, User>,
    order: Vec<String>,
    ids_by_username: HashMap<String, String>,
    ids_by_email: HashMap<String, String>,
    /// How many users carry a name that folds to this one.
    folded: HashMap<String, Vec<String>>,
    last_expiry_job: i64,
}

impl Users {
    pub(crate) fn all(&self) -> impl Iterator<Item = &User> {
        self.order.iter().filter_map(|id| self.by_id.get(id))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&User> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut User> {
        self.by_id.get_mut(id)
    }

    /// Exact and case-sensitive.
    pub(crate) fn find_username(&self, username: &str) -> Option<&User> {
        self.ids_by_username
            .get(username)
            .and_then(|id| self.by_id.get(id))
    }

    /// As `users.info` searches: `_id` or `username` equals the value, exact and case-sensitive (RC §2.5).
    pub(crate) fn find_id_or_username(&self, value: &str) -> Option<&User> {
        self.get(value).or_else(|| self.find_username(value))
    }

    /// Every user whose name equals this one ignoring case.
    pub(crate) fn find_folded(&self, username: &str) -> impl Iterator<Item = &User> {
        let ids = self
            .folded
            .get(&username.to_lowercase())
            .map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.by_id.get(id))
    }

    /// By mail address, ignoring case.
    pub(crate) fn find_email(&self, address: &str) -> Option<&User> {
        self.ids_by_email
            .get(&address.to_lowercase())
            .and_then(|id| self.by_id.get(id))
    }

    /// Puts a user in, or says which unique index refuses it.
    pub(crate) fn insert(&mut self, user: User) -> Result<(), Duplicate> {
        if self.ids_by_username.contains_key(&user.username) {
            return Err(Duplicate::Username);
        }
        if user
            .emails
            .iter()
            .any(|email| self.find_email(&email.address).is_some())
        {
            return Err(Duplicate::Email);
        }
        self.index(&user);
        self.order.push(user.id.clone());
        self.by_id.insert(user.id.clone(), user);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<User> {
        let user = self.by_id.remove(id)?;
        self.unindex(&user);
        self.order.retain(|other| other != id);
        Some(user)
    }

    /// Replaces a user by a changed copy, under the unique indexes.
    pub(crate) fn replace(&mut self, user: User) -> Result<(), Duplicate> {
        let Some(old) = self.by_id.get(&user.id).cloned() else {
            return Ok(());
        };
        if self
            .ids_by_username
            .get(&user.username)
            .is_some_and(|id| *id != user.id)
        {
            return Err(Duplicate::Username);
        }
        if user.emails.iter().any(|email| {
            self.find_email(&email.address)
                .is_some_and(|other| other.id != user.id)
        }) {
            return Err(Duplicate::Email);
        }
        self.unindex(&old);
        self.index(&user);
        self.by_id.insert(user.id.clone(), user);
        Ok(())
    }

    /// Runs the cleanup job if one was due since the last look: tokens that were over age at that moment
    /// go, without telling anybody (RC §3.5, §3.6).
    pub(crate) fn expire(&mut self, now: i64, days: f64) {
        if self.last_expiry_job == 0 {
            self.last_expiry_job = now;
        }
        let runs = (now - self.last_expiry_job).div_euclid(EXPIRY_JOB_MS);
        if runs < 1 {
            return;
        }
        self.last_expiry_job += runs * EXPIRY_JOB_MS;
        let oldest = self.last_expiry_job - life_ms(days);
        for user in self.by_id.values_mut() {
            user.tokens
                .retain(|token| token.when().is_none_or(|when| when >= oldest));
        }
    }

    fn index(&mut self, user: &User) {
        self.ids_by_username
            .insert(user.username.clone(), user.id.clone());
        self.folded
            .entry(user.username.to_lowercase())
            .or_default()
            .push(user.id.clone());
        for email in &user.emails {
            self.ids_by_email
                .insert(email.address.to_lowercase(), user.id.clone());
        }
    }

    fn unindex(&mut self, user: &User) {
        self.ids_by_username.remove(&user.username);
        let folded = user.username.to_lowercase();
        if let Some(ids) = self.folded.get_mut(&folded) {
            ids.retain(|id| *id != user.id);
            if ids.is_empty() {
                self.folded.remove(&folded);
            }
        }
        for email in &user.emails {
            self.ids_by_email.remove(&email.address.to_lowercase());
        }
    }
}

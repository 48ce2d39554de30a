//! One session: who it is for, its credentials and its times.

use std::sync::Arc;
use std::time::SystemTime;

use crate::rocketchat::Credentials;

/// A live binding of a host session to credentials.
#[derive(Debug)]
pub struct Session {
    id: String,
    username: String,
}

impl Session {
    /// Random, ours, safe to log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The Rocket.Chat username.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Has it ended?
    #[must_use]
    pub fn ended(&self) -> bool {
        false
    }

    /// The latest moment it may live to, as known now: JWT expiry with grace, maximum life.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

/// A session with the credentials that were current when the request was admitted.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The session.
    pub session: Arc<Session>,
    /// Its credentials.
    pub credentials: Arc<Credentials>,
}

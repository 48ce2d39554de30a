//! What sessions live by, and how that is changed while they live.

use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::session::tombstone::TokenLife;
use crate::session::{Inner, Sessions};

/// What sessions live by, from several sections of the config.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long sessions live.
    pub sessions: config::session::Sessions,
    /// How principals become users.
    pub users: config::users::Users,
    /// How much runs and waits.
    pub minting: config::rocketchat::Minting,
    /// Longest `max_age` among the issuers: how long tombstones matter.
    pub longest_age: Duration,
    /// Longest `leeway` among the issuers.
    pub longest_leeway: Duration,
}

impl Rules {
    /// Gathers them.
    #[must_use]
    pub fn new(
        sessions: &config::session::Sessions,
        users: &config::users::Users,
        minting: config::rocketchat::Minting,
        issuers: &[Arc<config::issuer::Issuer>],
    ) -> Self {
        let longest = |length: fn(&config::issuer::Issuer) -> Duration| {
            issuers
                .iter()
                .map(|issuer| length(issuer))
                .max()
                .unwrap_or_default()
        };
        Self {
            sessions: sessions.clone(),
            users: users.clone(),
            minting,
            longest_age: longest(|issuer| issuer.max_age),
            longest_leeway: longest(|issuer| issuer.leeway),
        }
    }
}

impl Sessions {
    /// Goes by other rules from now on; sessions live on. How long one may be unused, outlive its JWT or its last socket is judged by
    /// the new ones at once; `max_lifetime` and `refresh_at` hold for sessions and credentials that begin later, `max_per_principal` when a
    /// session is added. Where sessions are kept, their scope and the bounds on minting stay as they were.
    pub fn take_rules(&self, rules: Rules) {
        let inner = &self.0;
        let before = inner.rules.load_full();
        inner.users.take_rules(rules.users.clone());
        inner.span.set(&rules.sessions);
        inner.rules.store(Arc::new(Rules {
            sessions: config::session::Sessions {
                store: before.sessions.store.clone(),
                keys: before.sessions.keys.clone(),
                scope: before.sessions.scope,
                ..rules.sessions
            },
            minting: before.minting,
            ..rules
        }));
        if !before.bounds_as(&inner.rules()) {
            // Whoever ends earlier now would be looked at too late.
            for session in inner.local.all() {
                inner.deadlines.watch(&session);
            }
        }
    }
}

impl Rules {
    /// Do both bound the life of live sessions alike?
    fn bounds_as(&self, other: &Self) -> bool {
        let bounds = |rules: &Self| {
            let rules = &rules.sessions;
            (rules.grace, rules.idle_timeout, rules.end_on_last_socket)
        };
        bounds(self) == bounds(other)
    }
}

impl Inner {
    /// How long tokens can pass verification.
    pub(in crate::session) fn token_life(&self) -> TokenLife {
        let rules = self.rules();
        TokenLife {
            longest_age: rules.longest_age,
            longest_leeway: rules.longest_leeway,
        }
    }
}

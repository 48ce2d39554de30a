//! A session beside what a store knows of it: what is told there of its use, and what is taken over from there.

use std::sync::Arc;

use crate::rocketchat::Credentials;
use crate::session::facts::{Facts, Uses};
use crate::session::life::Bounds;
use crate::session::moment::Moment;
use crate::session::record::Session;

impl Session {
    /// What it is besides its credentials.
    pub(in crate::session) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What bounds its life by the rules of this moment.
    pub(in crate::session) fn bounds(&self) -> Bounds {
        self.span.bounds(self.facts.hard_end)
    }

    /// How it was used up to now; an open socket is use.
    pub(in crate::session) fn uses(&self, now: Moment) -> Uses {
        let open = self.open_sockets() > 0;
        let closed = match self.last_socket_closed.load() {
            Moment::NEVER => Moment::BEGINNING,
            closed => closed,
        };
        Uses {
            last_used: if open { now } else { self.last_used.load() },
            token_expires: self.token_expires.load(),
            connected: if open { now } else { closed },
            issued: self.tokens.issued(),
            bare: self.tokens.bare(),
        }
    }

    /// Takes over what is known elsewhere of its use.
    pub(in crate::session) fn learn(&self, uses: &Uses) {
        self.last_used.raise(uses.last_used);
        self.token_expires.raise(uses.token_expires);
        self.tokens.learn(uses.issued, &uses.bare);
        match (uses.connected, self.last_socket_closed.load()) {
            (Moment::BEGINNING, _) => {}
            (connected, Moment::NEVER) => self.last_socket_closed.store(connected),
            (connected, _) => {
                self.last_socket_closed.raise(connected);
            }
        }
    }

    /// Must its use be noted? Marks it as noted.
    pub(in crate::session) fn unnoted(&self) -> bool {
        let used = self.last_used.load();
        let unnoted = used > self.noted.load() || self.open_sockets() > 0;
        self.noted.raise(used);
        unnoted
    }

    /// Its use could not be noted.
    pub(in crate::session) fn note_again(&self) {
        self.noted.store(Moment::BEGINNING);
    }

    /// Takes credentials over that were put in the place of its old ones elsewhere, where also their logout is owed.
    pub(in crate::session) fn take_credentials(
        &self,
        credentials: Arc<Credentials>,
        refresh_due: impl FnOnce(&Credentials) -> Moment,
    ) {
        if self.credentials.load().is_same(&credentials) {
            return;
        }
        let _inside = self.inside();
        self.refresh_due.store(refresh_due(&credentials));
        self.credentials.store(credentials);
    }
}

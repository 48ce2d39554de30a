//! What this process knows of sessions: maps whose guards never leave this file and never live across an await.
//!
//! The warm path looks here and nowhere else; what several replicas share, or what outlives the process, is in the store behind it.
//! No two maps are locked at once. What must hold between them holds by order: a tombstone is put down before its host session's
//! place is emptied, and a session takes its place only if the flight that made it still has it. A logout that names more than one
//! host session puts its tombstone down before it looks who is enlisted, and whoever begins looks for tombstones after enlisting: so
//! one of the two sees the other.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::jwt::{ClaimKey, HostSession, Principal, PrincipalKey};
use crate::session::exchange::{ExchangeFlight, Outcome};
use crate::session::flight::Pilot;
use crate::session::grave::{Grave, Tombstones};
use crate::session::handle::StandInHash;
use crate::session::moment::Moment;
use crate::session::record::Session;
use crate::session::tombstone::Tombstone;

mod index;

use index::Index;

/// Everything that is kept of sessions.
#[derive(Debug, Default)]
pub(in crate::session) struct Local {
    places: DashMap<HostSession, Place>,
    tombstones: DashMap<Grave, Arc<Tombstone>>,
    principals: Index,
    claims: Index,
    ids: Index,
    stand_ins: DashMap<StandInHash, Arc<Session>>,
}

#[derive(Debug)]
enum Place {
    Live(Arc<Session>),
    Flight(Arc<ExchangeFlight>),
}

/// What holds a host session's place.
#[derive(Debug)]
pub(in crate::session) enum Found {
    Live(Arc<Session>),
    Flight(Arc<ExchangeFlight>),
}

/// What somebody gets who wants a session.
#[derive(Debug)]
pub(in crate::session) enum Seat<T> {
    /// It is there.
    Live(Arc<Session>),
    /// Its exchange is under way.
    Joined(Arc<ExchangeFlight>),
    /// Nobody was on it: the caller flies now.
    Begun(Pilot<Outcome>, T),
    /// Nobody was on it, and no exchange may begin.
    Full,
}

impl Local {
    /// Looks at the live session of a host session without taking a share of it: the warm path's one look-up.
    pub(in crate::session) fn with_live<T>(
        &self,
        host_session: &HostSession,
        look: impl FnOnce(&Arc<Session>) -> Option<T>,
    ) -> Option<T> {
        match self.places.get(host_session)?.value() {
            Place::Live(session) => look(session),
            Place::Flight(_) => None,
        }
    }

    /// What holds the place now.
    pub(in crate::session) fn find(&self, host_session: &HostSession) -> Option<Found> {
        Some(match self.places.get(host_session)?.value() {
            Place::Live(session) => Found::Live(Arc::clone(session)),
            Place::Flight(flight) => Found::Flight(Arc::clone(flight)),
        })
    }

    /// Takes a seat: of all who come at once, one begins and the others join. `enter` says whether an exchange may begin.
    pub(in crate::session) fn seat<T>(
        &self,
        host_session: &HostSession,
        enter: impl FnOnce() -> Option<T>,
    ) -> Seat<T> {
        let entry = self.places.entry(*host_session);
        if let Entry::Occupied(occupied) = &entry {
            match occupied.get() {
                Place::Live(session) if !session.ended() => {
                    return Seat::Live(Arc::clone(session));
                }
                Place::Flight(flight) if !flight.landed() => {
                    return Seat::Joined(Arc::clone(flight));
                }
                // What is over is about to be taken away by whoever ended it.
                Place::Live(_) | Place::Flight(_) => {}
            }
        }
        let Some(entered) = enter() else {
            return Seat::Full;
        };
        let (flight, pilot) = Outcome::begin();
        entry.insert(Place::Flight(flight));
        Seat::Begun(pilot, entered)
    }

    /// Puts a session in the place of its flight; false when the flight lost the place or the session ended already.
    pub(in crate::session) fn commit(
        &self,
        flight: &Arc<ExchangeFlight>,
        session: &Arc<Session>,
    ) -> bool {
        let Entry::Occupied(mut occupied) = self.places.entry(*session.host_session()) else {
            return false;
        };
        if !occupied.get().is_flight(flight) || session.ended() {
            return false;
        }
        occupied.insert(Place::Live(Arc::clone(session)));
        true
    }

    /// Takes its place from a flight; false when it has none any more.
    pub(in crate::session) fn abandon(
        &self,
        host_session: &HostSession,
        flight: &Arc<ExchangeFlight>,
    ) -> bool {
        self.places
            .remove_if(host_session, |_, place| place.is_flight(flight))
            .is_some()
    }

    /// Adds a session to its principal's and names those that must make room: the least recently used beyond `most`, never the
    /// new one itself.
    pub(in crate::session) fn enlist(
        &self,
        session: &Arc<Session>,
        most: usize,
    ) -> Vec<Arc<Session>> {
        self.ids.add(session.id().as_bytes(), session);
        let principal = session.principal();
        let mut others = self.principals.add(principal.as_bytes(), session);
        others.retain(|other| other.principal() == principal);
        if let Some(claim) = session.claim() {
            self.claims.add(claim.as_bytes(), session);
        }
        others.retain(|other| !other.ended());
        let over = (others.len() + 1).saturating_sub(most.max(1));
        others.sort_by_key(|other| other.last_used());
        others.truncate(over);
        others
    }

    /// Forgets an ended session.
    pub(in crate::session) fn remove(&self, session: &Arc<Session>, stand_in: Option<StandInHash>) {
        self.places
            .remove_if(session.host_session(), |_, place| match place {
                Place::Live(live) => Arc::ptr_eq(live, session),
                Place::Flight(_) => false,
            });
        if let Some(hash) = stand_in {
            self.stand_ins.remove(&hash);
        }
        self.ids.remove(session.id().as_bytes(), session);
        self.principals
            .remove(session.principal().as_bytes(), session);
        if let Some(claim) = session.claim() {
            self.claims.remove(claim.as_bytes(), session);
        }
    }

    /// All sessions of a principal, also those that have not taken their place yet.
    pub(in crate::session) fn of_principal(&self, principal: &PrincipalKey) -> Vec<Arc<Session>> {
        let bears_it = |session: &Session| session.principal() == principal;
        self.principals.find(principal.as_bytes(), bears_it)
    }

    /// The session with this id.
    pub(in crate::session) fn of_id(&self, id: &str) -> Option<Arc<Session>> {
        let bears_it = |session: &Session| session.id() == id;
        self.ids.find(id.as_bytes(), bears_it).pop()
    }

    /// As [`Local::of_principal`], by the session claim.
    pub(in crate::session) fn of_claim(&self, claim: &ClaimKey) -> Vec<Arc<Session>> {
        let bears_it = |session: &Session| session.claim() == Some(claim);
        self.claims.find(claim.as_bytes(), bears_it)
    }

    /// All live sessions, for the end of the program.
    pub(in crate::session) fn all(&self) -> Vec<Arc<Session>> {
        self.places
            .iter()
            .filter_map(|place| match place.value() {
                Place::Live(session) => Some(Arc::clone(session)),
                Place::Flight(_) => None,
            })
            .collect()
    }

    /// The tombstones on every grave of a principal's JWT.
    pub(in crate::session) fn tombstones(&self, principal: &Principal) -> Tombstones {
        Grave::all_of(principal)
            .filter_map(|grave| Some(Arc::clone(self.tombstones.get(&grave)?.value())))
            .collect()
    }

    /// Puts a tombstone down, made from the older one; returns it.
    pub(in crate::session) fn bury(
        &self,
        grave: Grave,
        make: impl FnOnce(Option<&Tombstone>) -> Tombstone,
    ) -> Arc<Tombstone> {
        let entry = self.tombstones.entry(grave);
        let tombstone = Arc::new(match &entry {
            Entry::Occupied(older) => make(Some(older.get())),
            Entry::Vacant(_) => make(None),
        });
        entry.insert(Arc::clone(&tombstone));
        tombstone
    }

    /// Forgets a tombstone if its time has come.
    pub(in crate::session) fn unbury(&self, grave: &Grave, now: Moment) {
        self.tombstones
            .remove_if(grave, |_, tombstone| tombstone.kept_until() <= now);
    }

    pub(in crate::session) fn add_stand_in(&self, hash: StandInHash, session: &Arc<Session>) {
        self.stand_ins.insert(hash, Arc::clone(session));
    }

    pub(in crate::session) fn remove_stand_in(&self, hash: &StandInHash) {
        self.stand_ins.remove(hash);
    }

    pub(in crate::session) fn of_stand_in(&self, hash: &StandInHash) -> Option<Arc<Session>> {
        self.stand_ins
            .get(hash)
            .map(|session| Arc::clone(session.value()))
    }
}

impl Place {
    fn is_flight(&self, flight: &Arc<ExchangeFlight>) -> bool {
        match self {
            Self::Flight(other) => Arc::ptr_eq(other, flight),
            Self::Live(_) => false,
        }
    }
}

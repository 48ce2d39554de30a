//! The names under which sessions keep things in a store: one letter for the kind, then a random id as text or the
//! bytes of a digest.
//!
//! | key | holds | sealed |
//! |---|---|---|
//! | `s:` session id | the session and its credentials | yes |
//! | `t:` session id | its times and what JWTs it has seen | yes |
//! | `h:` host session | the id of its live session | |
//! | `i:` stand-in's digest | the id of the session it names | |
//! | `k:` ticket's digest | the id of the session it opens | |
//! | `l:` digest of what is held | who holds the lease | |
//! | `l:tried` | nothing: whether it can be written | |
//! | `g:` grave | a tombstone | |
//! | `o:` id | an owed logout | yes |
//! | `u:` principal | its Rocket.Chat user | yes |
//! | `w:` digest of a user id | the principal that acts as it | |
//! | `j:` digest of a logout token's id | nothing: it was seen | |
//!
//! | index | members | scores |
//! |---|---|---|
//! | `all` | session ids | when they began, the youngest first |
//! | `due` | session ids | when their time is over, as far as the store knows |
//! | `owed` | owed logouts | from when on any process may take them over |
//! | `p:` principal, `c:` session claim | session ids | when they were last used, as far as the store knows |

use aws_lc_rs::digest::{SHA256, digest};

use crate::jwt::{ClaimKey, HostSession, PrincipalKey};
use crate::session::grave::Grave;
use crate::session::handle::StandInHash;
use crate::session::moment::Moment;
use crate::session::store::{Index, Key};

/// Beginning of the keys that only matter while the process that put them lives.
pub(in crate::session) const LEASES: &str = "l:";

pub(super) fn tried() -> Key {
    named("l:", b"tried")
}

pub(super) fn session(id: &str) -> Key {
    named("s:", id.as_bytes())
}

/// The id of the session that a key of [`session`] names.
pub(super) fn session_id(key: &Key) -> Option<&str> {
    std::str::from_utf8(key.0.strip_prefix(b"s:")?).ok()
}

pub(super) fn times(id: &str) -> Key {
    named("t:", id.as_bytes())
}

pub(super) fn host(host_session: &HostSession) -> Key {
    named("h:", host_session.as_bytes())
}

pub(super) fn stand_in(hash: &StandInHash) -> Key {
    named("i:", hash.as_bytes())
}

pub(super) fn ticket(hash: &StandInHash) -> Key {
    named("k:", hash.as_bytes())
}

/// Of an exchange.
pub(super) fn exchange_lease(host_session: &HostSession) -> Key {
    named(LEASES, host_session.as_bytes())
}

/// Of anything else that one process at a time may do.
pub(in crate::session) fn lease(kind: &str, what: &[u8]) -> Key {
    let mut text = kind.as_bytes().to_vec();
    text.push(b'\n');
    text.extend_from_slice(what);
    named(LEASES, digest(&SHA256, &text).as_ref())
}

pub(super) fn grave(grave: &Grave) -> Key {
    named("g:", grave.as_bytes())
}

pub(super) fn owed(id: &str) -> Key {
    named("o:", id.as_bytes())
}

pub(super) fn user(principal: &PrincipalKey) -> Key {
    named("u:", principal.as_bytes())
}

pub(super) fn owner(user_id: &str) -> Key {
    named("w:", digest(&SHA256, user_id.as_bytes()).as_ref())
}

pub(super) fn seen(id: &[u8]) -> Key {
    named("j:", digest(&SHA256, id).as_ref())
}

/// Scores count up: from a number that all times are below, and that stores keep exactly.
pub(in crate::session) fn youngest_first(began: Moment) -> u64 {
    (1 << 52_u64).max(began.millis()) - began.millis()
}

pub(super) fn all() -> Index {
    Index(b"all".to_vec())
}

pub(super) fn due() -> Index {
    Index(b"due".to_vec())
}

pub(super) fn all_owed() -> Index {
    Index(b"owed".to_vec())
}

pub(super) fn of_principal(principal: &PrincipalKey) -> Index {
    Index(named("p:", principal.as_bytes()).0)
}

pub(super) fn of_claim(claim: &ClaimKey) -> Index {
    Index(named("c:", claim.as_bytes()).0)
}

fn named(kind: &str, name: &[u8]) -> Key {
    Key([kind.as_bytes(), name].concat())
}

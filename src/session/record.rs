//! One session: who it is for, its credentials and its times.
//!
//! The warm path reads and moves its atomics only; what must change together (its end, its credentials, its stand-ins) changes
//! under one short lock that no await ever holds.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::jwt::{ClaimKey, HostSession, PrincipalKey, TokenFingerprint, Verified};
use crate::rocketchat::Credentials;
use crate::session::facts::{Facts, Uses};
use crate::session::grave::Tombstones;
use crate::session::handle::{StandIn, StandInHash};
use crate::session::life::{Span, Step, Times};
use crate::session::moment::{Mark, Moment};
use crate::session::refresh::RefreshFlight;
use crate::session::seen::Seen;
use crate::session::tombstone::Token;
use crate::session::{EndCause, ExchangeError, Reason};
use crate::telemetry::audit::About;

mod elsewhere;

/// A live binding of a host session to credentials. In this order, because what every request looks at should lie together: of many
/// sessions hardly any is in a core's cache.
#[repr(C)]
pub struct Session {
    ended: AtomicBool,
    credentials: ArcSwap<Credentials>,
    last_used: Mark,
    token_expires: Mark,
    refresh_due: Mark,
    last_socket_closed: Mark,
    sockets: AtomicUsize,
    span: Arc<Span>,
    tokens: Seen,
    /// Those that were there when it began; each later one ends it.
    tombstones: OnceLock<Tombstones>,
    facts: Facts,
    /// The deadline under which the sweeper will look at it next.
    pub(in crate::session) scheduled: Mark,
    /// Its last use that a shared store knows of.
    noted: Mark,
    end: Notify,
    inside: Mutex<Inside>,
}

/// What changes together.
#[derive(Debug, Default)]
pub(in crate::session) struct Inside {
    pub(in crate::session) cause: Option<EndCause>,
    pub(in crate::session) stand_in: Option<StandIn>,
    pub(in crate::session) refresh: Option<Arc<RefreshFlight>>,
    /// When the latest refreshes after a rejection began, newest last.
    pub(in crate::session) rejections: VecDeque<Moment>,
}

/// A session with the credentials that were current when the request was admitted.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The session.
    pub session: Arc<Session>,
    /// Its credentials.
    pub credentials: Arc<Credentials>,
}

/// What a session is made of.
#[derive(Debug)]
pub(in crate::session) struct Begin {
    pub(in crate::session) facts: Facts,
    pub(in crate::session) uses: Uses,
    pub(in crate::session) credentials: Arc<Credentials>,
    pub(in crate::session) refresh_due: Moment,
    pub(in crate::session) span: Arc<Span>,
}

impl Session {
    pub(in crate::session) fn begin(begin: Begin) -> Self {
        let connected = match begin.uses.connected {
            Moment::BEGINNING => Moment::NEVER,
            connected => connected,
        };
        Self {
            facts: begin.facts,
            tombstones: OnceLock::new(),
            span: begin.span,
            ended: AtomicBool::new(false),
            credentials: ArcSwap::new(begin.credentials),
            last_used: Mark::new(begin.uses.last_used),
            token_expires: Mark::new(begin.uses.token_expires),
            tokens: Seen::new(begin.uses.issued, begin.uses.bare),
            refresh_due: Mark::new(begin.refresh_due),
            last_socket_closed: Mark::new(connected),
            sockets: AtomicUsize::new(0),
            scheduled: Mark::new(Moment::NEVER),
            noted: Mark::new(begin.uses.last_used),
            end: Notify::new(),
            inside: Mutex::default(),
        }
    }

    /// Random, ours, safe to log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.facts.id
    }

    pub(in crate::session) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.facts.id)
    }

    /// The Rocket.Chat username.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.facts.username
    }

    /// The issuer of its principal.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.facts.issuer
    }

    /// What the audit log says of it.
    pub(in crate::session) fn about<'a>(&'a self, credentials: &'a Credentials) -> About<'a> {
        About {
            session_id: self.id(),
            user_id: Some(credentials.user_id()),
            issuer: Some(self.issuer()),
        }
    }

    /// Has it ended?
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The latest moment it may live to, as known now: JWT expiry with grace, maximum life.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.bounds().latest_end(self.token_expires.load()).time()
    }

    /// The warm path: its credentials, if this token may use them now. Marks the use and takes over a later `exp`; says whether it did.
    pub(in crate::session) fn admit(
        self: Arc<Self>,
        verified: &Verified,
        now: Moment,
    ) -> Option<(Admitted, bool)> {
        // A token can be dead though a newer session of its host session lives.
        if self.heeds_any() && self.refuses(&Token::of(verified)) {
            return None;
        }
        let admitted = self.usable(now)?;
        let session = &admitted.session;
        let later = session.token_expires.raise(Moment::of(verified.expires_at));
        session.tokens.note(verified);
        Some((admitted, later))
    }

    fn heeds_any(&self) -> bool {
        self.tombstones
            .get()
            .is_some_and(|tombstones| !tombstones.is_empty())
    }

    /// Does a tombstone that it heeds refuse this token?
    pub(in crate::session) fn refuses(&self, token: &Token<TokenFingerprint>) -> bool {
        self.tombstones
            .get()
            .is_some_and(|tombstones| tombstones.refusing(token).is_some())
    }

    /// The JWTs it has lived on.
    pub(in crate::session) fn tokens(&self) -> &Seen {
        &self.tokens
    }

    /// It with its credentials, if they can be used now; marks the use.
    pub(in crate::session) fn usable(self: Arc<Self>, now: Moment) -> Option<Admitted> {
        // The sweeper ends sessions on time; the second look holds when the machine slept through it.
        if self.ended() || matches!(self.step(now), Step::End(_)) {
            return None;
        }
        let credentials = self.credentials.load_full();
        if Moment::of(credentials.expires_at()) <= now {
            return None;
        }
        self.last_used.store(now);
        Some(Admitted {
            session: self,
            credentials,
        })
    }

    /// What is due now.
    pub(in crate::session) fn step(&self, now: Moment) -> Step {
        let times = Times {
            last_used: self.last_used.load(),
            token_expires: self.token_expires.load(),
            refresh_due: self.refresh_due.load(),
            sockets: self.sockets.load(Ordering::Relaxed),
            last_socket_closed: self.last_socket_closed.load(),
        };
        self.bounds().step(&times, now)
    }

    /// It with its credentials of now, whatever their state.
    pub(in crate::session) fn current(self: &Arc<Self>) -> Admitted {
        Admitted {
            session: Arc::clone(self),
            credentials: self.credentials.load_full(),
        }
    }

    /// Is it this host session's?
    #[must_use]
    pub fn is_of(&self, host_session: &HostSession) -> bool {
        self.facts.host_session == *host_session
    }

    pub(in crate::session) fn host_session(&self) -> &HostSession {
        &self.facts.host_session
    }

    pub(in crate::session) fn principal(&self) -> &PrincipalKey {
        &self.facts.principal
    }

    pub(in crate::session) fn claim(&self) -> Option<&ClaimKey> {
        self.facts.claim.as_ref()
    }

    /// Refuses from now on what these refuse; once, before it takes its place.
    pub(in crate::session) fn heed(&self, tombstones: Tombstones) {
        let _only_once = self.tombstones.set(tombstones);
    }

    pub(in crate::session) fn began(&self) -> Moment {
        self.facts.began
    }

    pub(in crate::session) fn shared_issuer(&self) -> Arc<str> {
        Arc::clone(&self.facts.issuer)
    }

    pub(in crate::session) fn open_sockets(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }

    /// When it was last used, sockets aside.
    pub(in crate::session) fn used(&self) -> Moment {
        self.last_used.load()
    }

    /// When it was last used; an open socket is use.
    pub(in crate::session) fn last_used(&self) -> Moment {
        match self.sockets.load(Ordering::Relaxed) {
            0 => self.last_used.load(),
            _ => Moment::NEVER,
        }
    }

    pub(in crate::session) fn set_refresh_due(&self, due: Moment) {
        self.refresh_due.store(due);
    }

    /// Ends it, once: the first cause counts. What it held comes back: the credentials to be revoked, the stand-in to be forgotten.
    /// The caller tells the sockets last.
    pub(in crate::session) fn finish(
        &self,
        cause: EndCause,
    ) -> Option<(Arc<Credentials>, Option<StandInHash>)> {
        let mut inside = self.inside();
        if inside.cause.is_some() {
            return None;
        }
        inside.cause = Some(cause);
        self.ended.store(true, Ordering::Release);
        let stand_in = inside.stand_in.take();
        Some((
            self.credentials.load_full(),
            stand_in.as_ref().map(StandIn::hash),
        ))
    }

    /// Replaces the credentials: the old ones come back, or, if the session ended meanwhile, the new ones. Either way the caller
    /// owes the logout of what came back.
    pub(in crate::session) fn swap_credentials(&self, new: Arc<Credentials>) -> Swapped {
        let inside = self.inside();
        if inside.cause.is_some() {
            return Swapped::Ended(new);
        }
        Swapped::Old(self.credentials.swap(new))
    }

    /// Its stand-in, if it has one.
    pub(in crate::session) fn stand_in(&self) -> Option<StandIn> {
        self.inside().stand_in.clone()
    }

    /// Takes this stand-in for its own unless it has one, or has ended.
    pub(in crate::session) fn keep_stand_in(&self, stand_in: &StandIn) -> Kept {
        let mut inside = self.inside();
        if inside.cause.is_some() {
            return Kept::None;
        }
        if let Some(first) = &inside.stand_in {
            return Kept::Other(first.clone());
        }
        inside.stand_in = Some(stand_in.clone());
        Kept::This
    }

    /// What to tell those who come with credentials of this ended session.
    pub(in crate::session) fn end_error(&self) -> ExchangeError {
        match self.inside().cause {
            Some(EndCause::Deactivated) => ExchangeError::NotPermitted(Reason::Deactivated),
            _ => ExchangeError::LoggedOut,
        }
    }

    pub(in crate::session) fn inside(&self) -> MutexGuard<'_, Inside> {
        // Nothing inside panics half-way; the data is sound even then.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::session) fn socket_opened(&self) {
        self.sockets.fetch_add(1, Ordering::Relaxed);
    }

    /// True when it was the last one.
    pub(in crate::session) fn socket_closed(&self, now: Moment) -> bool {
        self.last_used.raise(now);
        self.last_socket_closed.store(now);
        self.sockets.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Wakes all sockets of an ended session.
    pub(in crate::session) fn tell_sockets(&self) {
        self.end.notify_waiters();
    }

    /// Waits for the end. Cancel-safe.
    pub(in crate::session) async fn end(&self) {
        let told = self.end.notified();
        tokio::pin!(told);
        // Registered before looking, so an end between the two is not missed.
        told.as_mut().enable();
        if self.ended() {
            return;
        }
        told.await;
    }
}

/// What became of a stand-in that was offered to a session.
#[derive(Debug)]
pub(in crate::session) enum Kept {
    /// It is the session's now.
    This,
    /// The session had this one.
    Other(StandIn),
    /// The session has ended.
    None,
}

/// What [`Session::swap_credentials`] leaves to be logged out.
#[derive(Debug)]
pub(in crate::session) enum Swapped {
    /// The session goes on with the new ones.
    Old(Arc<Credentials>),
    /// The session had ended.
    Ended(Arc<Credentials>),
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("id", &self.facts.id)
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}

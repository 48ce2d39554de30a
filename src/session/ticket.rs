//! Tickets: one way into a session each, for a browser that cannot carry the JWT.
//!
//! A ticket stands in a URL, so it is short-lived and good for one use; of many who show it at once, one gets in. Only its SHA-256
//! is kept. It opens a session that is live when it is redeemed, and none otherwise.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};

use crate::random;
use crate::session::handle::StandInHash;
use crate::session::life::Step;
use crate::session::moment::Moment;
use crate::session::record::{Admitted, Session};
use crate::session::{ExchangeError, Sessions};

/// Most tickets that wait for their use: more than browsers open pages in the longest life of one, at some 200 bytes each.
pub const MAX_TICKETS: u64 = 20_000;

/// Twice the longest `iframe.ticket_ttl` there is.
const LONGEST_KEPT: Duration = Duration::from_secs(600);

/// 256 random bits in base64url.
#[derive(Clone)]
pub struct Ticket(SecretString);

impl Ticket {
    /// The text, for the one answer that hands it to its client.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ticket([redacted])")
    }
}

/// The tickets that wait for their use; cheap to clone.
#[derive(Clone)]
pub struct Tickets {
    /// Those of this process; with a shared store they are there.
    waiting: Cache<StandInHash, Arc<Waiting>>,
    life: Duration,
    sessions: Sessions,
}

struct Waiting {
    /// Weak: a ticket keeps no session and no credentials alive.
    session: Weak<Session>,
    until: Moment,
    used: AtomicBool,
}

impl Tickets {
    /// Tickets that wait for `life` at most.
    #[must_use]
    pub fn new(life: Duration, sessions: Sessions) -> Self {
        let waiting = Cache::builder()
            .max_capacity(MAX_TICKETS)
            // The oldest goes, so that whoever asks now is served.
            .eviction_policy(EvictionPolicy::lru())
            // Frees memory; whether a ticket is still good is decided by our own clock.
            .time_to_live(LONGEST_KEPT)
            .build();
        Self {
            waiting,
            life,
            sessions,
        }
    }

    /// Takes over those of others, which stay good for as long as they were to be.
    #[must_use]
    pub fn after(self, others: &Self) -> Self {
        Self {
            waiting: others.waiting.clone(),
            ..self
        }
    }

    /// A new ticket for a session, and when it ceases to be good.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn issue(&self, admitted: &Admitted) -> Result<(Ticket, SystemTime), ExchangeError> {
        let text = random::text::<32>();
        let hash = StandInHash::of(&text);
        let until = Moment::of(self.sessions.0.clock.now()).after(self.life);
        if let Some(together) = &self.sessions.0.shared {
            together
                .store
                .put_ticket(&hash, admitted.session.id(), self.life)
                .await?;
            return Ok((Ticket(SecretString::from(text)), until.time()));
        }
        let waiting = Waiting {
            session: Arc::downgrade(&admitted.session),
            until,
            used: AtomicBool::new(false),
        };
        self.waiting.insert(hash, Arc::new(waiting));
        Ok((Ticket(SecretString::from(text)), until.time()))
    }

    /// The session of a ticket, once: the ticket is used up, whether or not there is one.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn redeem(&self, text: &str) -> Result<Option<Admitted>, ExchangeError> {
        let inner = &self.sessions.0;
        let hash = StandInHash::of(text);
        let session = match &inner.shared {
            None => self.take(&hash),
            Some(together) => match together.store.take_ticket(&hash).await? {
                Some(id) => inner.by_id(&id).await?,
                None => None,
            },
        };
        let now = Moment::of(inner.clock.now());
        let live = session
            .filter(|session| !session.ended() && !matches!(session.step(now), Step::End(_)));
        Ok(live.map(|session| session.current()))
    }

    fn take(&self, hash: &StandInHash) -> Option<Arc<Session>> {
        let waiting = self.waiting.remove(hash)?;
        // Two who found it before either took it away: the first to mark it wins.
        if waiting.used.swap(true, Ordering::AcqRel) {
            return None;
        }
        if waiting.until <= Moment::of(self.sessions.0.clock.now()) {
            return None;
        }
        waiting.session.upgrade()
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tickets")
    }
}

//! Tickets: one way into a session each, for a browser that cannot carry the JWT.
//!
//! A ticket stands in a URL, so it is short-lived and good for one use; of many who show it at once, one gets in. Only its SHA-256
//! is kept. It opens a session that is live when it is redeemed, and none otherwise.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};

use crate::random;
use crate::recent::Recent;
use crate::session::handle::StandInHash;
use crate::session::life::Step;
use crate::session::moment::Moment;
use crate::session::record::{Admitted, Session};
use crate::session::{ExchangeError, Sessions};

/// Most tickets that wait for their use: more than browsers open pages in the longest life of one, at some 200 bytes each.
pub const MAX_TICKETS: usize = 20_000;

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
    /// Those of this process; with a shared store they are there. Weak: a ticket keeps no session and no credentials alive.
    waiting: Arc<Recent<StandInHash, Weak<Session>>>,
    life: Duration,
    sessions: Sessions,
}

impl Tickets {
    /// Tickets that wait for `life` at most.
    #[must_use]
    pub fn new(life: Duration, sessions: Sessions) -> Self {
        let waiting = Arc::new(Recent::lasting(MAX_TICKETS, life, sessions.0.clock.clone()));
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
        let session = Arc::downgrade(&admitted.session);
        self.waiting.insert_for(hash, session, self.life);
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
            None => self
                .waiting
                .take(&hash)
                .and_then(|session| session.upgrade()),
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
}

impl fmt::Debug for Tickets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tickets")
    }
}

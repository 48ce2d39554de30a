//! Who is on a socket: answers what a conversation asks of the gate, and binds the socket to the session that is logged in there.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::authn::AuthnError;
use crate::ddp::{Ask, Grant, Refusal};
use crate::gate::{Gate, GateError};
use crate::places::Place;
use crate::session::{Admitted, EndCause, ExchangeError, SocketGuard};

/// Between two tries of a login that our own limits refused: thousands of sockets that come back at once stand in line here and not
/// at their clients, each of which would count a refused login.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The answer to an [`Ask`], on its way.
pub type Answer = Pin<Box<dyn Future<Output = Result<Admitted, GateError>> + Send>>;

/// The end of a session.
pub type Ended = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Knows whose socket it is.
#[derive(Debug)]
pub struct Doorkeeper {
    gate: Gate,
    /// How long a login may stand in line.
    patience: Duration,
    here: Option<Here>,
    /// Among the sockets that nobody is logged in on, until somebody is. Boxed, because most sockets rest without it.
    pending: Option<Box<Place>>,
}

/// Somebody on a socket.
#[derive(Debug)]
struct Here {
    admitted: Admitted,
    guard: SocketGuard,
}

impl Doorkeeper {
    /// With whom the upgrade brought, or with the place of a socket that is nobody's. They are bound at once, so that an end while the
    /// upgrade goes on is not missed.
    #[must_use]
    pub fn new(
        gate: Gate,
        patience: Duration,
        brought: Option<&Admitted>,
        pending: Option<Place>,
    ) -> Self {
        let mut doorkeeper = Self {
            gate,
            patience,
            here: None,
            pending: pending.map(Box::new),
        };
        if let Some(admitted) = brought {
            doorkeeper.let_in(admitted.clone());
        }
        doorkeeper
    }

    /// Is it somebody's socket?
    #[must_use]
    pub fn knows_somebody(&self) -> bool {
        self.here.is_some()
    }

    /// The id of their session, for logs.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.here.as_ref().map(|here| here.admitted.session.id())
    }

    /// Has their session ended? Known before [`Doorkeeper::ended`] completes.
    #[must_use]
    pub fn is_left(&self) -> bool {
        let here = self.here.as_ref();
        here.is_some_and(|here| here.admitted.session.ended())
    }

    /// Waits for the end of their session; nothing while it is nobody's. Holds nothing of the doorkeeper.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        let here = self.here.as_ref()?;
        Some(Box::pin(here.guard.end()))
    }

    /// Finds out what was asked. [`Ask::End`] ends the session at once and has no answer.
    pub fn answer(&self, ask: Ask) -> Option<Answer> {
        let gate = self.gate.clone();
        let here = self.here.as_ref().map(|here| here.admitted.clone());
        let until = Instant::now() + self.patience;
        Some(match (ask, here) {
            (Ask::End, here) => {
                if let Some(admitted) = here {
                    gate.sessions().end(&admitted.session, EndCause::Release);
                }
                return None;
            }
            (Ask::Claim(claim), here) => Box::pin(patiently(until, async move || {
                match gate.admit_claim(&claim, here.as_ref()).await {
                    Ok(admission) => Ok(admission.admitted),
                    // Left over from before, and worth nothing: whoever the upgrade identified is meant.
                    Err(GateError::Authn(AuthnError::UnknownStandIn)) if here.is_some() => {
                        revive(&gate, here.as_ref()).await
                    }
                    Err(error) => Err(error),
                }
            })),
            (Ask::Current, here) => Box::pin(patiently(until, async move || {
                revive(&gate, here.as_ref()).await
            })),
            (Ask::Fresh, Some(here)) => Box::pin(patiently(until, async move || {
                Ok(gate.sessions().reject(&here).await?)
            })),
            (Ask::Fresh, None) => Box::pin(async { Err(GateError::MissingToken) }),
        })
    }

    /// Binds the socket to their session and credentials, and gives what logs them in.
    pub fn let_in(&mut self, admitted: Admitted) -> Grant {
        let sessions = self.gate.sessions();
        let grant = Grant {
            credentials: admitted.credentials.clone(),
            stand_in: sessions.stand_in(&admitted).into_secret(),
            expires_at: admitted.session.expires_at(),
        };
        // The new guard first: the session must not think that its last socket has closed.
        let guard = sessions.bind_socket(&admitted);
        self.here = Some(Here { admitted, guard });
        self.pending = None;
        grant
    }
}

/// What a client is told of why its login was not granted.
#[must_use]
pub fn refusal(error: &GateError) -> Refusal {
    match error {
        GateError::MissingToken | GateError::Authn(_) => Refusal::Token,
        GateError::Verify(error) if error.is_unavailable() => Refusal::Unavailable,
        GateError::Verify(_) => Refusal::Token,
        GateError::Exchange(error) => match error {
            ExchangeError::LoggedOut | ExchangeError::Expired => Refusal::Token,
            ExchangeError::NotPermitted(_) => Refusal::NotPermitted,
            ExchangeError::Overloaded | ExchangeError::RateLimited(_) => Refusal::Overloaded,
            ExchangeError::Api(_) | ExchangeError::Store(_) => Refusal::Unavailable,
        },
    }
}

async fn revive(gate: &Gate, here: Option<&Admitted>) -> Result<Admitted, GateError> {
    let here = here.ok_or(GateError::MissingToken)?;
    Ok(gate.sessions().revive(&here.session).await?)
}

/// Tries until it is not our own limits that refuse, or until the time is over.
async fn patiently(
    until: Instant,
    mut ask: impl AsyncFnMut() -> Result<Admitted, GateError>,
) -> Result<Admitted, GateError> {
    loop {
        match ask().await {
            Err(GateError::Exchange(ExchangeError::Overloaded)) if Instant::now() < until => {
                sleep(AGAIN_AFTER).await;
            }
            answer => return answer,
        }
    }
}

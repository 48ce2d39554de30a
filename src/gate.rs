//! The gate: the one answer to "may this request go on, and as whom".
//!
//! Every edge asks here and nowhere else. The warm half is synchronous: a known token of a known session is admitted without I/O, a
//! signature check or a wait. Every doubt denies.

use std::sync::Arc;

use http::request::Parts;

use crate::authn::{Authn, AuthnError, Place, Presented, Purpose};
use crate::jwt::{Verified, Verifier, VerifyError};
use crate::secret::Bearer;
use crate::session::{Admitted, ExchangeError, Sessions};

/// Why a request may not go on.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// It presents nothing where something is needed.
    #[error("request presents no token")]
    MissingToken,
    /// What it presents is doubtful in itself.
    #[error("request cannot be authenticated")]
    Authn(#[from] AuthnError),
    /// Its token is not believed.
    #[error("token is refused")]
    Verify(#[from] VerifyError),
    /// Its principal gets no session.
    #[error("no session for the principal")]
    Exchange(#[from] ExchangeError),
}

impl GateError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MissingToken => "missing-token",
            Self::Authn(error) => error.kind(),
            Self::Verify(error) => error.kind(),
            Self::Exchange(error) => error.kind(),
        }
    }
}

/// The gate's yes.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The token that was shown.
    pub verified: Arc<Verified>,
    /// Its session with credentials.
    pub admitted: Admitted,
    /// Where the token stood.
    pub place: Place,
}

/// Authentication and sessions behind one question; cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    authn: Authn,
    verifier: Verifier,
    sessions: Sessions,
}

impl Gate {
    /// Puts the parts together.
    #[must_use]
    pub fn new(authn: Authn, verifier: Verifier, sessions: Sessions) -> Self {
        Self {
            authn,
            verifier,
            sessions,
        }
    }

    /// The warm half: a known token with a known session.
    ///
    /// # Errors
    /// [`GateError`] when the request presents nothing, or something doubtful. `Ok(None)` means: ask [`Gate::admit`].
    pub fn admit_known(
        &self,
        parts: &Parts,
        purpose: Purpose,
    ) -> Result<Option<Admission>, GateError> {
        let Presented { bearer, place } = self
            .authn
            .find(parts, purpose)?
            .ok_or(GateError::MissingToken)?;
        let Some(verified) = self.verifier.known(bearer) else {
            return Ok(None);
        };
        let Some(admitted) = self.sessions.known(&verified) else {
            return Ok(None);
        };
        Ok(Some(Admission {
            verified,
            admitted,
            place,
        }))
    }

    /// The whole answer: verifies, and exchanges when there is no session yet.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn admit(&self, parts: &Parts, purpose: Purpose) -> Result<Admission, GateError> {
        let (verified, place) = self.identify(parts, purpose).await?;
        let admitted = self.sessions.admit(&verified).await?;
        Ok(Admission {
            verified,
            admitted,
            place,
        })
    }

    /// Who the request is from, without a session.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn identify(
        &self,
        parts: &Parts,
        purpose: Purpose,
    ) -> Result<(Arc<Verified>, Place), GateError> {
        let Presented { bearer, place } = self
            .authn
            .find(parts, purpose)?
            .ok_or(GateError::MissingToken)?;
        let verified = self
            .verifier
            .verify(&Bearer::new(bearer.to_owned()))
            .await?;
        Ok((verified, place))
    }

    /// The text of the token that stands in a request, wherever it stands: what must not go upstream.
    #[must_use]
    pub fn token_text<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        self.authn.text(parts)
    }

    /// Rocket.Chat refused these credentials: once refreshed, they come back.
    ///
    /// # Errors
    /// [`ExchangeError`] when there are none to be had.
    pub async fn reject(&self, admission: &Admission) -> Result<Admission, ExchangeError> {
        let admitted = self.sessions.reject(&admission.admitted).await?;
        Ok(Admission {
            admitted,
            ..admission.clone()
        })
    }

    /// The sessions, for what happens to them besides admission: ends, stand-ins, sockets.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The verifier, for tokens whose end was decided.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

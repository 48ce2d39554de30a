//! The gate: the one answer to "may this request go on, and as whom".
//!
//! Every edge asks here and nowhere else. The warm half is synchronous: a known token of a known session is admitted without I/O, a
//! signature check or a wait. Every doubt denies, and where a JWT and a stand-in stand in one request they must mean one session.

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use crate::authn::{Authn, AuthnError, Evidence, Place, Presented, Purpose, stand_in};
use crate::jwt::{LogoutError, Unknown, Verified, Verifier, VerifyError};
use crate::secret::Bearer;
use crate::session::{Admitted, EndCause, ExchangeError, Naming, Session, Sessions};
use crate::surface::{Action, Verdict};
use crate::telemetry::metrics::Route;
use crate::telemetry::spans;

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

/// Who a request is from, as it showed.
#[derive(Clone, Debug)]
pub enum Who {
    /// Its JWT's principal.
    Token(Arc<Verified>),
    /// Whoever the session of its stand-in is for.
    Session(Arc<Session>),
}

/// The gate's yes.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Who was shown.
    pub who: Who,
    /// Their session with credentials.
    pub admitted: Admitted,
}

/// What the warm half says of a request.
#[derive(Debug)]
pub enum Look<'a> {
    /// Yes.
    Known(Admission),
    /// Ask [`Gate::admit_open`].
    Open(Open<'a>),
}

/// A question that the warm half left open, with what it found.
#[derive(Debug)]
pub struct Open<'a> {
    evidence: Evidence<'a>,
    token: Token,
}

/// How far the warm half came with a JWT.
#[derive(Debug)]
enum Token {
    Unseen,
    Unknown(Unknown),
    Verified(Arc<Verified>),
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

    /// The warm half: a known token or stand-in with a live session, by the caller's reading of the clock.
    ///
    /// # Errors
    /// [`GateError`] when the request presents nothing, or something doubtful.
    pub fn look_up<'a>(
        &self,
        parts: &'a Parts,
        purpose: Purpose,
        now: SystemTime,
    ) -> Result<Look<'a>, GateError> {
        let evidence = self.authn.find(parts, purpose)?;
        let open = |token| Ok(Look::Open(Open { evidence, token }));
        let Some(presented) = evidence.bearer else {
            let admitted = texts(&evidence)?.find_map(|text| self.sessions.of_stand_in(text));
            return admitted.map_or_else(
                || open(Token::Unseen),
                |admitted| Ok(Look::Known(Admission::by_stand_in(admitted))),
            );
        };
        let verified = match self.verifier.look_up(presented.bearer, now) {
            Ok(verified) => verified,
            Err(unknown) => return open(Token::Unknown(unknown)),
        };
        if let Some(text) = evidence.stand_in {
            let host_session = &verified.principal.host_session;
            let Some(naming) = self.sessions.naming(text, host_session) else {
                return open(Token::Verified(verified));
            };
            agree(presented.place, naming)?;
        }
        let Some(admitted) = self.sessions.known_at(&verified, now) else {
            return open(Token::Verified(verified));
        };
        Ok(Look::Known(Admission {
            who: Who::Token(verified),
            admitted,
        }))
    }

    /// The whole answer: verifies, and exchanges when there is no session yet.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn admit(&self, parts: &Parts, purpose: Purpose) -> Result<Admission, GateError> {
        let evidence = self.authn.find(parts, purpose)?;
        let token = Token::Unseen;
        self.admit_open(Open { evidence, token }).await
    }

    /// As [`Gate::admit`], where [`Gate::look_up`] left off.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn admit_open(&self, open: Open<'_>) -> Result<Admission, GateError> {
        match self.identify_open(open).await? {
            Who::Token(verified) => self.exchange(verified).await,
            Who::Session(session) => {
                let admitted = self.sessions.revive(&session).await?;
                Ok(Admission::by_stand_in(admitted))
            }
        }
    }

    /// As [`Gate::admit`], for a request that need not say who it is from. A cookie with a stand-in of before is nobody.
    ///
    /// # Errors
    /// [`GateError`] when it presents something, and that is not believed.
    pub async fn admit_anybody(
        &self,
        parts: &Parts,
        purpose: Purpose,
    ) -> Result<Option<Admission>, GateError> {
        match self.admit(parts, purpose).await {
            Ok(admission) => Ok(Some(admission)),
            Err(GateError::MissingToken) => Ok(None),
            Err(GateError::Authn(AuthnError::UnknownStandIn))
                if self.authn.find(parts, purpose)?.stand_in.is_none() =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Who a claim is from that stood inside a message: a stand-in or a JWT, as Rocket.Chat's clients log in. `known` is who sent the
    /// message, if that is known: the claim must be theirs.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn admit_claim(
        &self,
        claim: &Bearer,
        known: Option<&Admitted>,
    ) -> Result<Admission, GateError> {
        let text = claim.reveal();
        if stand_in::is_jwt(text) {
            let verified = verifying(self.verifier.verify(claim)).await?;
            let theirs = |known: &Admitted| known.session.is_of(&verified.principal.host_session);
            if !known.is_none_or(theirs) {
                return Err(AuthnError::TwoTokens.into());
            }
            return self.exchange(verified).await;
        }
        let claimed = self.sessions.admit_stand_in(text).await?;
        let claimed = claimed.ok_or(AuthnError::UnknownStandIn)?;
        if !known.is_none_or(|known| Arc::ptr_eq(&claimed.session, &known.session)) {
            return Err(AuthnError::TwoTokens.into());
        }
        Ok(Admission::by_stand_in(claimed))
    }

    /// Who the request is from, without beginning a session.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn identify(&self, parts: &Parts, purpose: Purpose) -> Result<Who, GateError> {
        let evidence = self.authn.find(parts, purpose)?;
        let token = Token::Unseen;
        self.identify_open(Open { evidence, token }).await
    }

    async fn identify_open(&self, open: Open<'_>) -> Result<Who, GateError> {
        let evidence = open.evidence;
        let Some(Presented { bearer, place }) = evidence.bearer else {
            for text in texts(&evidence)? {
                if let Some(session) = self.sessions.find_named(text).await? {
                    return Ok(Who::Session(session));
                }
            }
            return Err(AuthnError::UnknownStandIn.into());
        };
        let verified = match open.token {
            Token::Unseen => verifying(self.verifier.verify_text(bearer)).await?,
            Token::Unknown(unknown) => {
                verifying(self.verifier.verify_unknown(bearer, unknown)).await?
            }
            Token::Verified(verified) => verified,
        };
        if let Some(text) = evidence.stand_in {
            let host_session = &verified.principal.host_session;
            agree(place, self.sessions.find_naming(text, host_session).await?)?;
        }
        Ok(Who::Token(verified))
    }

    /// Who a claim is from that stood inside a message, without beginning a session.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn identify_claim(&self, claim: &Bearer) -> Result<Who, GateError> {
        let text = claim.reveal();
        if stand_in::is_jwt(text) {
            return Ok(Who::Token(verifying(self.verifier.verify(claim)).await?));
        }
        let session = self.sessions.find_named(text).await?;
        session
            .map(Who::Session)
            .ok_or_else(|| AuthnError::UnknownStandIn.into())
    }

    /// Lets the session go; the same JWT may begin a new one.
    pub async fn release(&self, who: &Who) {
        let written = match who {
            Who::Token(verified) => self.sessions.release(verified, EndCause::Release),
            Who::Session(session) => self.sessions.end(session, EndCause::Release),
        };
        written.settled().await;
    }

    /// Ends the host session for good: its JWTs up to now are refused.
    pub async fn log_out(&self, who: &Who) {
        let written = match who {
            Who::Token(verified) => {
                self.verifier.forget(verified.fingerprint);
                self.sessions.logout(verified)
            }
            Who::Session(session) => self.sessions.logout_session(session),
        };
        written.settled().await;
    }

    /// Ends for good what an issuer's logout token says is over.
    ///
    /// # Errors
    /// [`LogoutError`], and nothing ends.
    pub async fn log_out_named(&self, logout_token: &Bearer) -> Result<(), LogoutError> {
        let logged_out = self.verifier.verify_logout_token(logout_token).await?;
        if !self.sessions.log_out_named(&logged_out).await {
            return Err(LogoutError::Replayed);
        }
        Ok(())
    }

    /// The text of the JWT that stands in a request, wherever it stands: what must not go upstream.
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
            who: admission.who.clone(),
        })
    }

    /// The sessions, for what happens to them besides admission: stand-ins, sockets.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    async fn exchange(&self, verified: Arc<Verified>) -> Result<Admission, GateError> {
        let admitting = self.sessions.admit(&verified);
        let admitted = spans::within("exchange", ExchangeError::kind, admitting).await?;
        Ok(Admission {
            who: Who::Token(verified),
            admitted,
        })
    }
}

impl Admission {
    fn by_stand_in(admitted: Admitted) -> Self {
        Self {
            who: Who::Session(Arc::clone(&admitted.session)),
            admitted,
        }
    }
}

/// Verification as a part of what is traced.
async fn verifying<T>(
    work: impl Future<Output = Result<T, VerifyError>>,
) -> Result<T, VerifyError> {
    spans::within("verify", |error| error.kind(), work).await
}

/// What a request is for, as far as finding its token goes.
#[must_use]
pub fn purpose(verdict: Verdict) -> Purpose {
    match (verdict.action, verdict.route) {
        (Action::Logout, _) => Purpose::Change,
        (_, Route::Page) => Purpose::Navigation,
        (_, Route::File) => Purpose::File,
        _ => Purpose::Call,
    }
}

/// A stand-in beside a JWT must not name somebody else. One that names nobody is left over from before: beside a cookie that came
/// along by itself it says that the client believes to be somebody else than the cookie does, and nobody is believed; beside a JWT that
/// the client shows by its own act it is nothing, and goes no further.
fn agree(place: Place, naming: Naming) -> Result<(), AuthnError> {
    match naming {
        Naming::Same => Ok(()),
        Naming::Another => Err(AuthnError::TwoTokens),
        Naming::Nobody if place == Place::Cookie => Err(AuthnError::UnknownStandIn),
        Naming::Nobody => Ok(()),
    }
}

/// The texts that may name a session when there is no JWT: what the client put there itself, else what came along in cookies.
fn texts<'a>(evidence: &Evidence<'a>) -> Result<impl Iterator<Item = &'a str>, GateError> {
    let cookies = match evidence.stand_in {
        Some(_) => [None, None],
        None => evidence.cookies,
    };
    if evidence.stand_in.is_none() && cookies == [None, None] {
        return Err(GateError::MissingToken);
    }
    Ok(evidence
        .stand_in
        .into_iter()
        .chain(cookies.into_iter().flatten()))
}

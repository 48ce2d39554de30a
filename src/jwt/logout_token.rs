//! What a logout token says, and what it must say (OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6).
//!
//! It is signed by the keys of session tokens, for a like audience. What keeps the two apart is `events`: no session token may have it,
//! and a logout token must, with the one event that it is for. `nonce` keeps out ID tokens on top of that.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::issuer::Issuer;
use crate::jwt::claims::{Claims, Window, check_type};
use crate::jwt::unverified::Unverified;
use crate::jwt::{Ended, LoggedOut, LogoutError, VerifyError};

/// The types a logout token may have: its own, and the plain one that older providers write.
const LOGOUT_TYPES: [&str; 2] = ["jwt", "logout+jwt"];

/// The member of `events` that makes a token a logout token.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Longest time since `iat`, however late `exp` is: a provider that did not reach us tries again for some minutes, and each token is
/// remembered for as long as it could be taken.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// A logout token whose signature was found right and whose claims are.
pub(in crate::jwt) struct LogoutToken<'a> {
    /// `jti`.
    pub id: Cow<'a, str>,
    /// When it may be taken.
    pub window: Window,
    issued_at: SystemTime,
    ended: Ended,
}

impl<'a> LogoutToken<'a> {
    /// Reads a token whose signature its issuer made.
    pub(in crate::jwt) fn read(
        signed: &Unverified<'a>,
        rules: &Issuer,
        now: SystemTime,
    ) -> Result<Self, LogoutError> {
        let claims = &signed.claims;
        check_type(signed.header.typ.as_deref(), LOGOUT_TYPES)?;
        check_event(claims)?;
        if claims.raw("nonce").is_some() {
            return Err(LogoutError::Nonce);
        }
        claims.check_audience(&rules.logout_audiences)?;
        let times = claims.times_within(MAX_AGE, rules, now)?;
        let missing = |claim| VerifyError::MissingClaim { claim };
        let subject = claims.name("sub")?;
        // By this name in every logout token, whatever the issuer's other tokens call it.
        let session_claim = claims.name("sid")?;
        Ok(Self {
            id: claims.name("jti")?.ok_or(missing("jti"))?,
            window: times.window,
            issued_at: times.issued_at.ok_or(missing("iat"))?,
            ended: Ended::of(&rules.issuer, subject.as_deref(), session_claim.as_deref())
                .ok_or(LogoutError::NamesNobody)?,
        })
    }

    /// What it says, in the name of its issuer.
    pub(in crate::jwt) fn logged_out(&self, issuer: &Arc<str>) -> LoggedOut {
        LoggedOut {
            id: Arc::from(&*self.id),
            until: SystemTime::UNIX_EPOCH + self.window.end(),
            issuer: Arc::clone(issuer),
            issued_at: self.issued_at,
            ended: self.ended,
        }
    }
}

/// `events` must be an object in which the logout's own member is one, too. Neither may have a member twice.
fn check_event(claims: &Claims<'_>) -> Result<(), LogoutError> {
    let claim = "events";
    let wrong = |_| VerifyError::WrongClaimType { claim };
    let events = claims
        .raw(claim)
        .ok_or(VerifyError::MissingClaim { claim })?;
    let events = Claims::parse(events.get().as_bytes()).map_err(wrong)?;
    let event = events.raw(LOGOUT_EVENT).ok_or(LogoutError::OtherEvent)?;
    Claims::parse(event.get().as_bytes()).map_err(wrong)?;
    Ok(())
}

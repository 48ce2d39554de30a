//! From a request to the bearer it presents: each place a JWT may stand answers "not presented", "presented" or "failed".
//!
//! A request with two different tokens, or a duplicated `Authorization` or `Origin`, is refused and never guessed at
//! (CVE-2026-26308). Nothing here looks inside the token.

use std::sync::Arc;

use http::request::Parts;

use crate::config::tokens::Tokens;
use crate::config::types::Origin;

pub mod bearer;
pub mod cookie;
pub mod error;
pub mod origin;
pub mod query;
pub mod subprotocol;

pub use error::AuthnError;
pub use origin::Origins;

/// What one place of a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing there.
    NotPresented,
    /// This text, unverified.
    Presented(&'a str),
    /// Something that cannot be a token.
    Failed(AuthnError),
}

/// Where a bearer stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Authorization: Bearer`.
    Bearer,
    /// The configured cookie.
    Cookie,
    /// `Sec-WebSocket-Protocol`.
    Subprotocol,
    /// The configured query parameter.
    Query,
}

/// A bearer and its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    /// Token text, unverified.
    pub bearer: &'a str,
    /// Where it stood.
    pub place: Place,
}

/// What the request is for, which decides what places count and whether a cookie needs proof of origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A call: the query is no place for a token.
    Call,
    /// A page opened by a person.
    Navigation,
    /// A WebSocket upgrade.
    Upgrade,
    /// A change of state, whatever the method: Rocket.Chat's logout may come by GET.
    Change,
    /// An own endpoint that hands something over to whoever the cookie says.
    Handover,
}

/// Finds bearers; cheap to clone.
#[derive(Clone, Debug)]
pub struct Authn(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    tokens: Tokens,
    origins: Origins,
}

impl Authn {
    /// Looks where `tokens` says; cookies are believed from `public_url` and `allowed_origins`.
    #[must_use]
    pub fn new(tokens: &Tokens, public_url: &Origin, allowed_origins: &[Origin]) -> Self {
        Self(Arc::new(Rules {
            tokens: tokens.clone(),
            origins: Origins::new(public_url, allowed_origins),
        }))
    }

    /// The bearer of a request, if it presents one.
    ///
    /// # Errors
    /// When the request presents something doubtful: two tokens, a broken one, a cookie without proof of origin.
    pub fn find<'a>(
        &self,
        parts: &'a Parts,
        purpose: Purpose,
    ) -> Result<Option<Presented<'a>>, AuthnError> {
        let only = self.look(parts, purpose)?;
        // A foreign page can make a browser send its cookies, but not its own headers.
        if let Some(Presented {
            place: Place::Cookie,
            ..
        }) = only
        {
            let believed = match purpose {
                Purpose::Handover => self.0.origins.proves_same(&parts.headers),
                Purpose::Upgrade | Purpose::Change => self.0.origins.proves_ours(&parts.headers),
                Purpose::Call | Purpose::Navigation => {
                    parts.method.is_safe() || self.0.origins.proves_ours(&parts.headers)
                }
            };
            if !believed {
                return Err(AuthnError::ForeignOrigin);
            }
        }
        Ok(only)
    }

    /// The text of the one token that stands anywhere in a request, believed or not: what must not be told to anybody else.
    #[must_use]
    pub fn text<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        // Of all purposes this one looks into every place.
        let only = self.look(parts, Purpose::Upgrade).ok().flatten();
        only.map(|presented| presented.bearer)
    }

    fn look<'a>(
        &self,
        parts: &'a Parts,
        purpose: Purpose,
    ) -> Result<Option<Presented<'a>>, AuthnError> {
        let tokens = &self.0.tokens;
        origin::refuse_duplicates(parts)?;
        let mut only = None;
        if tokens.bearer {
            note(&mut only, bearer::find(&parts.headers), Place::Bearer)?;
        }
        if let Some(name) = &tokens.cookie {
            note(&mut only, cookie::find(&parts.headers, name), Place::Cookie)?;
        }
        if let Some(name) = &tokens.subprotocol {
            note(
                &mut only,
                subprotocol::find(&parts.headers, name),
                Place::Subprotocol,
            )?;
        }
        if let Some(name) = &tokens.query
            && matches!(purpose, Purpose::Navigation | Purpose::Upgrade)
        {
            note(
                &mut only,
                query::find(parts.uri.query(), name),
                Place::Query,
            )?;
        }
        Ok(only)
    }
}

fn note<'a>(
    only: &mut Option<Presented<'a>>,
    found: Found<'a>,
    place: Place,
) -> Result<(), AuthnError> {
    match found {
        Found::NotPresented => Ok(()),
        Found::Failed(error) => Err(error),
        Found::Presented(bearer) => match only {
            Some(first) if first.bearer != bearer => Err(AuthnError::TwoTokens),
            Some(_) => Ok(()),
            None => {
                *only = Some(Presented { bearer, place });
                Ok(())
            }
        },
    }
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Presented")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

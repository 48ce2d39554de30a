//! From a request to what it presents: each place a JWT or a stand-in may stand answers "not presented", "presented" or "failed".
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
pub mod stand_in;
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
    /// `X-Auth-Token`, where Rocket.Chat's clients put what they have.
    AuthToken,
}

/// A bearer and its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    /// Token text, unverified.
    pub bearer: &'a str,
    /// Where it stood.
    pub place: Place,
}

/// Everything by which a request says who it is from; nothing of it is verified.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// The one JWT.
    pub bearer: Option<Presented<'a>>,
    /// What a client put where Rocket.Chat's auth token stands: a header or a parameter.
    pub stand_in: Option<&'a str>,
    /// What came along in cookies, in the order tried; looked at only when there is nothing else.
    pub cookies: [Option<&'a str>; 2],
}

/// What the request is for, which decides what places count and whether a cookie needs proof of origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A call: the query is no place for a token.
    Call,
    /// A file or an avatar, whose links may hold a stand-in.
    File,
    /// A page opened by a person.
    Navigation,
    /// A WebSocket upgrade.
    Upgrade,
    /// A change of state, whatever the method: Rocket.Chat's logout may come by GET.
    Change,
    /// An own endpoint that hands something over to whoever the cookie says.
    Handover,
    /// A login: its body says who it is from. A JWT beside it must not say otherwise, and what a client has left over does not count.
    Login,
}

/// Finds bearers and stand-ins; cheap to clone.
#[derive(Clone, Debug)]
pub struct Authn(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    tokens: Tokens,
    session_cookie: String,
    origins: Origins,
}

impl Authn {
    /// Looks where `tokens` says and into `session_cookie`; cookies are believed from `public_url` and `allowed_origins`.
    #[must_use]
    pub fn new(
        tokens: &Tokens,
        session_cookie: &str,
        public_url: &Origin,
        allowed_origins: &[Origin],
    ) -> Self {
        Self(Arc::new(Rules {
            tokens: tokens.clone(),
            session_cookie: session_cookie.to_owned(),
            origins: Origins::new(public_url, allowed_origins),
        }))
    }

    /// What a request presents; nothing at all is no error.
    ///
    /// # Errors
    /// When the request presents something doubtful: two tokens, a broken one, a cookie without proof of origin.
    pub fn find<'a>(&self, parts: &'a Parts, purpose: Purpose) -> Result<Evidence<'a>, AuthnError> {
        let mut bearer = self.look(parts, purpose)?;
        if purpose == Purpose::Login {
            return Ok(Evidence {
                bearer,
                ..Evidence::default()
            });
        }
        let stand_in = self.stand_in(parts, purpose, &mut bearer)?;
        let cookies = if bearer.is_none() && stand_in.is_none() {
            stand_in::cookies(&parts.headers, &self.0.session_cookie)
        } else {
            [None, None]
        };
        let by_cookie = matches!(
            bearer,
            Some(Presented {
                place: Place::Cookie,
                ..
            })
        );
        // A foreign page can make a browser send its cookies, but not its own headers.
        if (by_cookie || cookies != [None, None]) && !self.believes_cookies(parts, purpose) {
            return Err(AuthnError::ForeignOrigin);
        }
        // Rocket.Chat checks no origin on sockets (RC §6.2); whoever shows nothing yet is a foreign page's visitor there.
        let nothing = bearer.is_none() && stand_in.is_none() && cookies == [None, None];
        if purpose == Purpose::Upgrade && nothing && self.0.origins.proves_foreign(&parts.headers) {
            return Err(AuthnError::ForeignOrigin);
        }
        Ok(Evidence {
            bearer,
            stand_in,
            cookies,
        })
    }

    /// The text of the one JWT that stands anywhere in a request, believed or not: what must not be told to anybody else.
    #[must_use]
    pub fn text<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        // Of all purposes this one looks into every place of a JWT.
        let mut bearer = self.look(parts, Purpose::Upgrade).ok()?;
        if bearer.is_none() {
            let _stand_in = self.stand_in(parts, Purpose::Upgrade, &mut bearer);
        }
        bearer.map(|presented| presented.bearer)
    }

    fn believes_cookies(&self, parts: &Parts, purpose: Purpose) -> bool {
        let origins = &self.0.origins;
        match purpose {
            Purpose::Handover => origins.proves_same(&parts.headers),
            Purpose::Upgrade | Purpose::Change => origins.proves_ours(&parts.headers),
            Purpose::Call | Purpose::File | Purpose::Navigation | Purpose::Login => {
                parts.method.is_safe() || origins.proves_ours(&parts.headers)
            }
        }
    }

    /// What stands where Rocket.Chat's auth token would. A JWT there joins `bearer`. Beside a JWT that the client shows by its own act,
    /// the rest is what any client may send and is stripped: only what names a session still counts, and what cannot be read does not.
    fn stand_in<'a>(
        &self,
        parts: &'a Parts,
        purpose: Purpose,
        bearer: &mut Option<Presented<'a>>,
    ) -> Result<Option<&'a str>, AuthnError> {
        let of_query = match purpose {
            Purpose::File => stand_in::file_query(parts.uri.query()),
            Purpose::Navigation => stand_in::page_query(parts.uri.query()),
            Purpose::Call
            | Purpose::Upgrade
            | Purpose::Change
            | Purpose::Handover
            | Purpose::Login => Found::NotPresented,
        };
        let sure = bearer.is_some_and(|presented| presented.place != Place::Cookie);
        let mut only = None;
        for found in [stand_in::header(&parts.headers), of_query] {
            match found {
                Found::NotPresented => {}
                Found::Failed(_) if sure => {}
                Found::Failed(error) => return Err(error),
                Found::Presented(text) if stand_in::is_jwt(text) => {
                    note(bearer, Found::Presented(text), Place::AuthToken)?;
                }
                Found::Presented(text) if only.is_some_and(|first| first != text) => {
                    return Err(AuthnError::TwoTokens);
                }
                Found::Presented(text) => only = Some(text),
            }
        }
        Ok(only)
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

impl std::fmt::Debug for Evidence<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Evidence")
            .field("bearer", &self.bearer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

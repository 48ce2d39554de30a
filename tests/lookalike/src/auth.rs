//! Who is calling: the two headers looked up, the rate limit counted, in RC's order (RC §1.1, §1.3, §5.1).
//!
//! A handler that takes [`Caller`] is a route with `authRequired`; one that takes [`Visitor`] is public.
//! Every API route takes exactly one of them, else it is not limited.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::answers::Refusal;
use crate::client_address::{self, Peer};
use crate::limits::Quota;
use crate::options::Manner;
use crate::random;
use crate::state::App;
use crate::tokens::TokenKind;

/// The logged-in user of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user_id: String,
    /// The token as sent.
    pub(crate) token: String,
    /// Its stored form.
    pub(crate) hashed: String,
    /// The token is a personal access token that skips two-factor (RC §1.5).
    pub(crate) bypass_two_factor: bool,
    pub(crate) from: Origin,
}

impl Caller {
    /// Whether the caller holds a permission.
    pub(crate) fn may(&self, app: &App, permission: &str) -> bool {
        app.state().may(&self.user_id, permission)
    }

    /// A route-level permission (RC §1.4).
    pub(crate) fn require(&self, app: &App, permission: &str) -> Result<(), Refusal> {
        if self.may(app, permission) {
            Ok(())
        } else {
            Err(Refusal::permission())
        }
    }
}

/// Whoever calls a public route. In 8.x valid headers make a user even there.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// The user, where the manner resolves one.
    pub(crate) caller: Option<Caller>,
    pub(crate) from: Origin,
}

/// Where a request comes from, as RC sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The client's address (RC §5.3); empty if RC has none.
    pub(crate) address: String,
    pub(crate) user_agent: String,
    /// `X-2fa-code`, or a login's `code`.
    pub(crate) code: Option<String>,
    /// `X-2fa-method`.
    pub(crate) method: Option<String>,
}

impl Origin {
    /// Reads the headers of a REST request.
    pub(crate) fn of_rest(headers: &HeaderMap, peer: Peer, forwarded_count: usize) -> Self {
        Self {
            address: client_address::of_rest(headers, peer, forwarded_count),
            user_agent: text(headers, "user-agent").unwrap_or_default(),
            code: text(headers, "x-2fa-code"),
            method: text(headers, "x-2fa-method"),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = resolve(parts, app);
        let caller = caller.ok_or_else(|| Refusal::unauthenticated(app.manner()))?;
        limit(parts, app, Some(&caller), &caller.from.address)?;
        Ok(caller)
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let caller = if app.manner().is_8() {
            resolve(parts, app)
        } else {
            None
        };
        let from = origin(parts, app);
        limit(parts, app, caller.as_ref(), &from.address)?;
        Ok(Self { caller, from })
    }
}

/// Where the extractors leave the quota for [`quota_headers`].
#[derive(Clone, Default)]
struct QuotaSlot(Arc<Mutex<Option<Quota>>>);

/// Puts `X-RateLimit-*` on the answer of every limited route, good or bad (RC §5.2).
pub(crate) async fn quota_headers(mut request: Request, next: Next) -> Response {
    let slot = QuotaSlot::default();
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    let quota = *slot.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(quota) = quota {
        quota.write(response.headers_mut());
    }
    response
}

/// Answers what no route knows (RC §1.4).
pub(crate) async fn unknown_endpoint() -> Response {
    let body = serde_json::json!({"success": false, "error": "Resource not found"});
    Refusal::other(axum::http::StatusCode::NOT_FOUND, body).into_response()
}

/// The user whom a pair of id and token belongs to (RC §1.1): neither age nor `active` is looked at.
pub(crate) fn lookup(app: &App, user_id: &str, token: &str) -> Option<(String, bool)> {
    let hashed = random::hashed_token(token);
    let mut state = app.state();
    let user = state.users.get_mut(user_id)?;
    let stamped = user
        .tokens
        .iter_mut()
        .find(|stamped| stamped.hashed == hashed)?;
    if stamped.unsettled_uses > 0 {
        stamped.unsettled_uses -= 1;
        return None;
    }
    let bypass = matches!(
        stamped.kind,
        TokenKind::Personal {
            bypass_two_factor: true,
            ..
        }
    );
    Some((hashed, bypass))
}

fn resolve(parts: &Parts, app: &App) -> Option<Caller> {
    let user_id = text(&parts.headers, "x-user-id");
    let token = text(&parts.headers, "x-auth-token");
    let both = user_id.as_deref().zip(token.as_deref());
    if (app.manner() == Manner::V6 || both.is_none())
        && let Some(caller) = resolve_oauth(parts, app)
    {
        return Some(caller);
    }
    let (user_id, token) = both?;
    let (hashed, bypass_two_factor) = lookup(app, user_id, token)?;
    let (user_id, token) = (user_id.to_owned(), token.to_owned());
    Some(Caller {
        user_id,
        token,
        hashed,
        bypass_two_factor,
        from: origin(parts, app),
    })
}

/// `Authorization: Bearer` or `access_token` with a token of RC's own OAuth2 server.
fn resolve_oauth(parts: &Parts, app: &App) -> Option<Caller> {
    let bearer = text(&parts.headers, "authorization");
    let bearer = bearer
        .as_deref()
        .and_then(|value| value.strip_prefix("Bearer "));
    let in_query = || {
        parts
            .uri
            .query()?
            .split('&')
            .find_map(|p| p.strip_prefix("access_token="))
    };
    let token = bearer.or_else(in_query)?.to_owned();
    let user_id = app.state().oauth_tokens.get(&token)?.clone();
    let hashed = random::hashed_token(&token);
    Some(Caller {
        user_id,
        token,
        hashed,
        bypass_two_factor: false,
        from: origin(parts, app),
    })
}

fn limit(parts: &Parts, app: &App, caller: Option<&Caller>, address: &str) -> Result<(), Refusal> {
    if caller.is_some_and(|caller| caller.may(app, "api-bypass-rate-limit")) {
        return Ok(());
    }
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map_or(parts.uri.path(), MatchedPath::as_str);
    let now = app.clock.now_ms();
    let mut state = app.state();
    let state = &mut *state;
    let quota = state
        .limits
        .count(&state.settings, address, (&parts.method, route), now);
    let Some(quota) = quota else { return Ok(()) };
    if let Some(slot) = parts.extensions.get::<QuotaSlot>() {
        *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
    }
    if quota.exceeded {
        Err(Refusal::too_many(quota.seconds(now)))
    } else {
        Ok(())
    }
}

fn origin(parts: &Parts, app: &App) -> Origin {
    let unknown = Peer(([0, 0, 0, 0], 0).into());
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(unknown);
    Origin::of_rest(&parts.headers, peer, app.options.forwarded_count)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

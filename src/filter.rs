//! The edge that answers a gateway: may the request that it holds go on, and with what in place of the client's credentials?
//!
//! The answer to a yes carries a Rocket.Chat auth token, so it goes to nobody but a gateway: a peer of `listen.trusted_proxies` that
//! shows the secret. The address alone says too little: what a client sends through the gateway comes from there as well. To anybody
//! else there is nothing here.
//!
//! | endpoint | dialect |
//! |---|---|
//! | `/_gantry/filter/nginx` | nginx's `auth_request`, HAProxy |
//! | `/_gantry/filter/traefik` | Traefik's `ForwardAuth`, Caddy's `forward_auth` |
//! | `/_gantry/filter/envoy/…` | Envoy's `ext_authz` over HTTP |
//!
//! gRPC comes by a listener of its own ([`envoy_grpc`]).

use std::net::IpAddr;
use std::sync::Arc;

use http::Response;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use ipnet::IpNet;

use crate::body::Body;
use crate::config::{self, Config};
use crate::gate::{Admission, Gate};
use crate::headers::names::Names;
use crate::headers::{X_AUTH_TOKEN, X_GANTRY_RETRY, X_GANTRY_SECRET, X_USER_ID};
use crate::secret::Secret;
use crate::surface::Surface;
use crate::telemetry::metrics::Dialect;

pub mod decision;
pub mod differences;
mod envoy;
pub mod envoy_grpc;
pub mod error;
pub mod nginx;
pub mod original;
mod traefik;

pub use decision::{Allowed, Question};
pub use differences::Need;
pub use error::FilterError;

/// Where nginx asks.
const NGINX: &str = "/_gantry/filter/nginx";

/// Where Traefik asks.
const TRAEFIK: &str = "/_gantry/filter/traefik";

/// The parameter of the secret, for Traefik, which cannot add a field to its question.
const SECRET: &str = "secret";

/// Answers gateways; cheap to clone.
#[derive(Clone, Debug)]
pub struct Filter(Arc<Rules>);

/// What decisions go by.
#[derive(Debug)]
struct Rules {
    surface: Surface,
    gate: Gate,
    secret: Secret,
    trusted: Vec<IpNet>,
    cookies: Names,
    parameters: Names,
}

impl Filter {
    /// Decides as proxy mode does with this config.
    #[must_use]
    pub fn new(config: &Config, settings: &config::filter::Filter, gate: Gate) -> Self {
        let tokens = &config.tokens;
        let ours = [config.iframe.cookie.name.as_str()];
        Self(Arc::new(Rules {
            surface: Surface::new(&config.proxy),
            gate,
            secret: settings.secret.clone(),
            trusted: config.listen.trusted_proxies.clone(),
            cookies: Names::cookies(tokens.cookie.as_deref().into_iter().chain(ours)),
            parameters: Names::parameters(tokens.query.as_deref()),
        }))
    }

    /// Is it a gateway that asks, and in which dialect? Paths count as they are written: another spelling is nobody's question.
    #[must_use]
    pub fn asked(&self, parts: &Parts, peer: IpAddr) -> Option<Dialect> {
        let dialect = match parts.uri.path() {
            NGINX => Dialect::Nginx,
            TRAEFIK => Dialect::Traefik,
            path => {
                let target = path.strip_prefix(envoy::PREFIX)?;
                if !target.starts_with('/') {
                    return None;
                }
                Dialect::Envoy
            }
        };
        let mut shown = parts.headers.get_all(X_GANTRY_SECRET).iter();
        let shown = match (shown.next(), shown.next()) {
            (Some(secret), None) => secret.as_bytes(),
            (None, _) if dialect == Dialect::Traefik => in_query(parts.uri.query()?)?,
            _ => return None,
        };
        self.is_gateway(peer, shown).then_some(dialect)
    }

    /// Is this peer, with what it shows, a gateway?
    #[must_use]
    pub fn is_gateway(&self, peer: IpAddr, shown: &[u8]) -> bool {
        let peer = peer.to_canonical();
        self.0.trusted.iter().any(|net| net.contains(&peer)) && self.0.secret.matches(shown)
    }

    /// Answers a question that came over HTTP. Afterwards `question` tells of the request that it is about, as far as that is known, and
    /// `acting` whose it was.
    ///
    /// # Errors
    /// [`FilterError`] when the request may not go on.
    pub async fn answer(
        &self,
        question: Question<'_>,
        acting: &mut Option<Admission>,
    ) -> Result<Response<Body>, FilterError> {
        let dialect = question.dialect;
        match dialect {
            Dialect::Nginx => nginx::restore(question.parts),
            Dialect::Traefik => traefik::restore(question.parts),
            Dialect::Envoy | Dialect::EnvoyGrpc => envoy::restore(question.parts),
        }?;
        let allowed = self.0.decide(question, acting).await?;
        Ok(yes(dialect, allowed))
    }

    /// Decides about a request that was described in a message.
    ///
    /// # Errors
    /// [`FilterError`] when the request may not go on.
    pub async fn decide(
        &self,
        question: Question<'_>,
        acting: &mut Option<Admission>,
    ) -> Result<Allowed, FilterError> {
        self.0.decide(question, acting).await
    }
}

/// The secret in the query of a question.
fn in_query(query: &str) -> Option<&[u8]> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, secret) = pairs.find(|(name, _)| *name == SECRET)?;
    Some(secret.as_bytes())
}

/// A yes: every field of identity, set or empty, because a field that is not told keeps what the client put there (CVE-2026-30851).
fn yes(dialect: Dialect, allowed: Allowed) -> Response<Body> {
    const NOTHING: HeaderValue = HeaderValue::from_static("");
    // Those below, and the date.
    const FIELDS: usize = 8;
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    headers.reserve(FIELDS);
    let credentials = allowed.admission.map(|acting| acting.admitted.credentials);
    let (user_id, auth_token, mark) = credentials.map_or((NOTHING, NOTHING, NOTHING), |ours| {
        (
            ours.user_id_value().clone(),
            ours.auth_token_value().clone(),
            ours.mark().clone(),
        )
    });
    headers.insert(X_USER_ID, user_id);
    headers.insert(X_AUTH_TOKEN, auth_token);
    headers.insert(header::AUTHORIZATION, NOTHING);
    headers.insert(header::COOKIE, allowed.cookie.unwrap_or(NOTHING));
    headers.insert(X_GANTRY_RETRY, mark);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if dialect == Dialect::Envoy {
        let removed = envoy::list(&removed(headers, allowed.strays));
        headers.insert(envoy::HEADERS_TO_REMOVE, removed);
    }
    answer
}

/// The fields that are to be taken off the request: what would be empty, and what makes a claim in a spelling of its own.
fn removed(told: &HeaderMap, strays: Vec<http::HeaderName>) -> Vec<http::HeaderName> {
    let empty = |name: &http::HeaderName| told.get(name).is_none_or(HeaderValue::is_empty);
    let mut removed = strays;
    removed.extend(decision::REPLACED.into_iter().filter(empty));
    removed
}

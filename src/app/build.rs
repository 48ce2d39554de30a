//! What stands above the sessions, built from one config: the part that a reload builds anew and swaps whole.

use anyhow::Context as _;

use crate::authn::Authn;
use crate::clock::Clock;
use crate::config::Config;
use crate::endpoints::Endpoints;
use crate::filter::Filter;
use crate::gate::Gate;
use crate::jwt::Verifier;
use crate::proxy::Proxy;
use crate::proxy::websocket::Lent;
use crate::server::cors::Cors;
use crate::server::handler::Edges;
use crate::session::Sessions;
use crate::telemetry::metrics::Metrics;

/// What outlives every reload.
pub(super) struct Lasting {
    pub(super) sessions: Sessions,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
}

/// The edges as `config` wants them; touches nothing that serves.
///
/// # Errors
/// When `public_url` or `rocketchat.url` cannot stand in a request.
pub(super) fn edges(
    config: &Config,
    verifier: Verifier,
    lent: Lent,
    lasting: &Lasting,
) -> anyhow::Result<Edges> {
    let authn = Authn::new(
        &config.tokens,
        &config.iframe.cookie.name,
        &config.listen.public_url,
        &config.proxy.allowed_origins,
    );
    let gate = Gate::new(authn, verifier, lasting.sessions.clone());
    let metrics = &lasting.metrics;
    let proxy = Proxy::new(config, gate.clone(), metrics.clone(), lent)
        .context("public_url or rocketchat.url cannot stand in a request")?;
    let filter = config.filter.as_ref();
    Ok(Edges {
        filter: filter.map(|settings| Filter::new(config, settings, gate.clone())),
        endpoints: Endpoints::new(config, gate, lasting.clock.clone(), metrics.clone()),
        proxy,
        cors: Cors::new(&config.listen.public_url, &config.proxy.allowed_origins),
    })
}

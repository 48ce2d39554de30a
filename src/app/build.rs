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
use crate::server::handler::{Edges, Handler, Instruments, Legacy};
use crate::session::{Rules, Sessions};
use crate::telemetry::access_log::{AccessLog, LogWriter};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::spans::Spans;

/// What outlives every reload.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) verifier: Verifier,
    pub(super) sessions: Sessions,
    pub(super) lent: Lent,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    pub(super) log: LogWriter,
    pub(super) spans: Spans,
}

impl Lasting {
    /// A handler as `config` wants it; touches nothing that serves.
    ///
    /// # Errors
    /// When `public_url` or `rocketchat.url` cannot stand in a request.
    pub(super) fn handler(
        &self,
        config: &Config,
        before: Option<Legacy<'_>>,
    ) -> anyhow::Result<Handler> {
        let metrics = &self.metrics;
        let authn = Authn::new(
            &config.tokens,
            &config.iframe.cookie.name,
            &config.listen.public_url,
            &config.proxy.allowed_origins,
        );
        let gate = Gate::new(authn, self.verifier.clone(), self.sessions.clone());
        let filter = config.filter.as_ref();
        let filter = filter.map(|settings| Filter::new(config, settings, gate.clone()));
        let mut proxy = Proxy::new(config, gate.clone(), metrics.clone(), self.lent.clone())
            .context("public_url or rocketchat.url cannot stand in a request")?;
        let mut endpoints = Endpoints::new(config, gate, self.clock.clone(), metrics.clone());
        if let Some(before) = before {
            proxy = proxy.after(before.proxy);
            endpoints = endpoints.after(before.endpoints);
        }
        let edges = Edges {
            filter,
            endpoints,
            proxy,
            cors: Cors::new(&config.listen.public_url, &config.proxy.allowed_origins),
        };
        let telemetry = &config.telemetry;
        Ok(Handler::new(
            edges,
            config.listen.limits.headers,
            Instruments {
                access_log: AccessLog::new(self.log.clone(), telemetry.format, telemetry.level),
                metrics: metrics.clone(),
                spans: self.spans.clone(),
            },
            self.clock.clone(),
        ))
    }
}

/// What sessions live by.
pub(super) fn rules(config: &Config) -> Rules {
    Rules::new(
        &config.sessions,
        &config.users,
        config.rocketchat.minting,
        &config.issuers,
    )
}

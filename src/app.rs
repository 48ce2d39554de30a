//! The composition root: config in, a running Gantry out. The only module that sees the whole config.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::authn::Authn;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::listen::Drain;
use crate::config::rocketchat::Timeouts;
use crate::config::telemetry::OtlpProtocol;
use crate::endpoints::Endpoints;
use crate::filter::Filter;
use crate::filter::envoy_grpc::Limits;
use crate::gate::Gate;
use crate::jwt::Verifier;
use crate::proxy::Proxy;
use crate::proxy::leaving::Leaving;
use crate::proxy::websocket::Lent;
use crate::rocketchat::RocketChat;
use crate::server::admin::{Admin, Subjects};
use crate::server::certificates::Certificates;
use crate::server::connection::{self, Server};
use crate::server::cors::Cors;
use crate::server::grpc::Grpc;
use crate::server::handler::{Edges, Handler, Instruments};
use crate::server::listener::{self, Lifeline};
use crate::server::watch::Patience;
use crate::session::{Backing, Rules, Sessions};
use crate::telemetry::access_log::{AccessLog, LogWriter};
use crate::telemetry::logging;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::outgoing::Outgoing;
use crate::telemetry::readiness::{Latch, Readiness};
use crate::telemetry::spans::Spans;

pub mod doctor;
pub mod probe;
pub mod stop;
mod upstream_tls;
pub mod whois;

pub use probe::healthcheck;
pub use whois::whois;

/// A Gantry that serves; dropping it does not stop it, [`Running::stop`] does.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    admin_address: SocketAddr,
    grpc_address: Option<SocketAddr>,
    public: Lifeline,
    admin: Lifeline,
    sessions: Sessions,
    rocketchat: RocketChat,
    leaving: Leaving,
    drain: Drain,
    clock: Clock,
    draining: Latch,
    metrics: Metrics,
    spans: Spans,
    log: LogWriter,
}

impl Running {
    /// Where the public listener is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin listener is bound.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where gateways ask over gRPC, if anywhere.
    #[must_use]
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc_address
    }

    /// The metrics of this instance.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

/// Starts everything and returns when both listeners are bound; keys, Rocket.Chat and its version are awaited by readiness, not by
/// this. Log lines go to `output`.
///
/// # Errors
/// When a listener cannot be bound or the HTTP client cannot be built.
pub async fn start(
    config: Config,
    clock: Clock,
    output: impl Write + Send + 'static,
) -> anyhow::Result<Running> {
    let metrics = Metrics::new();
    let log = LogWriter::new(output, metrics.clone());
    logging::install(&config.telemetry, log.clone());
    let readiness = Readiness::default();
    let spans = spans(&config, &clock, &metrics)?;
    let verifier = Verifier::new(
        &config.issuers,
        Outgoing::new(control_plane_client(&config)?, spans.clone()),
        clock.clone(),
        metrics.clone(),
        &readiness,
    );
    let ways = upstream_tls::open(&config.rocketchat, &clock, &metrics)?;
    let rocketchat = RocketChat::new(
        &config.rocketchat,
        Outgoing::new(ways.http, spans.clone()),
        clock.clone(),
        metrics.clone(),
        &readiness,
    );
    let rules = Rules::new(
        &config.sessions,
        &config.users,
        config.rocketchat.minting,
        &config.issuers,
    );
    let backing = Backing::open(&config.sessions, &clock, &readiness)
        .await
        .context("sessions.store cannot be used")?;
    let sessions = Sessions::new(
        rules,
        rocketchat.clone(),
        clock.clone(),
        metrics.clone(),
        backing,
    );
    let authn = Authn::new(
        &config.tokens,
        &config.iframe.cookie.name,
        &config.listen.public_url,
        &config.proxy.allowed_origins,
    );
    let gate = Gate::new(authn, verifier, sessions.clone());
    let (public, admin) = (Lifeline::new(), Lifeline::new());
    let drain = config.listen.drain;
    let leaving = Leaving::new(drain.spread, public.hurry.clone(), clock.clone());
    let lent = Lent {
        unwrap: connection::unwrap,
        leaving: leaving.clone(),
        tasks: public.tasks.clone(),
        towards: ways.towards,
    };
    let proxy = Proxy::new(&config, gate.clone(), metrics.clone(), lent)
        .context("public_url or rocketchat.url cannot stand in a request")?;
    let access_log = AccessLog::new(log.clone(), config.telemetry.format, config.telemetry.level);
    let filter = config.filter.as_ref();
    let filter = filter.map(|settings| Filter::new(&config, settings, gate.clone()));
    let edges = Edges {
        filter,
        endpoints: Endpoints::new(&config, gate, clock.clone(), metrics.clone()),
        proxy,
        cors: Cors::new(&config.listen.public_url, &config.proxy.allowed_origins),
    };
    let (certificates, following) = match config.listen.tls.clone() {
        Some(files) => Some(
            Certificates::open(files, clock.clone(), metrics.clone())
                .context("the files of listen.tls cannot be used")?,
        ),
        None => None,
    }
    .unzip();
    let handler = Handler::new(
        edges,
        config.listen.limits.headers,
        Instruments {
            access_log,
            metrics: metrics.clone(),
            spans: spans.clone(),
        },
        clock.clone(),
    );

    let listener = bind(config.listen.address).await?;
    let admin_listener = bind(config.admin.address).await?;
    let grpc_listener = match config
        .filter
        .as_ref()
        .and_then(|filter| filter.grpc_address)
    {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let grpc_address = grpc_listener
        .as_ref()
        .map(TcpListener::local_addr)
        .transpose()?;
    let address = listener.local_addr()?;
    let admin_address = admin_listener.local_addr()?;
    let draining = readiness.latch("service");
    draining.ready();
    // Whoever waits for an exchange and then for Rocket.Chat moves no byte meanwhile.
    let stalled = config.rocketchat.minting.queue_timeout
        + config.rocketchat.timeouts.call
        + config.rocketchat.timeouts.response_header
        + config.listen.limits.idle_timeout;
    if let Some(listener) = grpc_listener {
        let limits = Limits {
            header_bytes: config.listen.limits.header_bytes,
            headers: config.listen.limits.headers,
        };
        let patience = Patience::new(&config.listen.limits, stalled);
        let bounds = (limits, patience);
        let grpc = Grpc::new(handler.clone(), bounds, readiness.clone(), public.clone());
        public.tasks.spawn(listener::accept(
            listener,
            config.listen.limits.connections,
            public.clone(),
            move |stream, peer, place| grpc.clone().serve(stream, peer, place),
        ));
    }
    let limits = &config.listen.limits;
    let server = Server::new(limits, stalled, handler, public.clone(), certificates);
    public.tasks.spawn(listener::accept(
        listener,
        config.listen.limits.connections,
        public.clone(),
        move |stream, peer, place| server.clone().serve(stream, peer, place),
    ));
    let subjects = Subjects {
        metrics: metrics.clone(),
        readiness,
        sessions: sessions.clone(),
        token: config.admin.token.clone(),
    };
    tokio::spawn(Admin::new(subjects).serve(admin_listener, admin.clone()));
    if let Some(following) = following {
        tokio::spawn(following.run(public.drain.clone()));
    }
    if let Some(following) = ways.following {
        tokio::spawn(following.run(rocketchat.clone(), public.drain.clone()));
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!(address = %address, admin = %admin_address, version = crate::VERSION, "gantry serves");
    Ok(Running {
        address,
        admin_address,
        grpc_address,
        public,
        admin,
        sessions,
        rocketchat,
        leaving,
        drain,
        clock,
        draining,
        metrics,
        spans,
        log,
    })
}

/// Serves until SIGTERM or SIGINT, then drains; a second one of them ends the waiting.
///
/// # Errors
/// As [`start`].
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let running = start(config, Clock::system(), std::io::stdout()).await?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                tracing::warn!("SIGHUP changes nothing in this release; restart to apply a changed config");
            }
        }
    }
    let again = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    running.stop_or_hurry(again).await;
    Ok(())
}

/// The HTTP client for calls to issuers.
fn control_plane_client(config: &Config) -> anyhow::Result<reqwest::Client> {
    built(control_plane(config.rocketchat.timeouts))
}

/// Every HTTP client of the control plane: no redirects, so that nobody sends us elsewhere; no proxy from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the constructor the rule points to"
)]
fn control_plane(timeouts: Timeouts) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("gantry/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.call)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_idle_timeout(Duration::from_secs(4))
}

fn built(client: reqwest::ClientBuilder) -> anyhow::Result<reqwest::Client> {
    client
        .build()
        .context("the control plane's HTTP client cannot be built")
}

/// Traces, where the config has them.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the constructor the rule points to"
)]
fn spans(config: &Config, clock: &Clock, metrics: &Metrics) -> anyhow::Result<Spans> {
    let Some(traces) = &config.telemetry.traces else {
        return Ok(Spans::default());
    };
    let http = reqwest::Client::builder()
        .user_agent(concat!("gantry/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        // Else a connection that died in silence would be kept, and every batch lost on it.
        .http2_keep_alive_interval(Duration::from_secs(3))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    let http = match traces.protocol {
        // gRPC knows no HTTP/1 that could be begun with.
        OtlpProtocol::Grpc => http.http2_prior_knowledge(),
        OtlpProtocol::Http => http,
    };
    let http = http
        .build()
        .context("the collector's HTTP client cannot be built")?;
    Ok(Spans::new(traces, http, clock.clone(), metrics.clone()))
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be bound"))
}

//! The composition root: config in, a running Gantry out. The only module that sees the whole config.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config::listen::Drain;
use crate::config::rocketchat::Timeouts;
use crate::config::telemetry::OtlpProtocol;
use crate::config::{Config, Source};
use crate::filter::envoy_grpc::Limits;
use crate::jwt::Verifier;
use crate::proxy::leaving::Leaving;
use crate::proxy::websocket::Lent;
use crate::rocketchat::RocketChat;
use crate::server::admin::{Admin, Subjects};
use crate::server::certificates::Certificates;
use crate::server::connection::{self, Server};
use crate::server::door::Door;
use crate::server::grpc::Grpc;
use crate::server::listener::{self, Lifeline, Room};
use crate::server::watch::Patience;
use crate::session::{Backing, Sessions};
use crate::telemetry::access_log::LogWriter;
use crate::telemetry::logging;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::outgoing::Outgoing;
use crate::telemetry::readiness::{Latch, Readiness};
use crate::telemetry::spans::Spans;
use crate::workers::{Shares, Workers};

mod build;
pub mod doctor;
pub mod probe;
mod reload;
pub mod stop;
mod upstream_tls;
pub mod whois;

use build::{Lasting, rules};
use reload::Applied;

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
    /// `None` once a source is followed.
    applied: Option<Box<Applied>>,
    reload: Arc<Notify>,
    /// Needed to the end: connections to Rocket.Chat may live with any of them.
    _workers: Option<Workers>,
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

    /// Applies what `source` says from here on, whenever a file of it changes and at each [`Running::reload`].
    pub fn follow(&mut self, source: Source) {
        if let Some(applied) = self.applied.take() {
            let ended = self.public.drain.clone();
            tokio::spawn(applied.follow(source, Arc::clone(&self.reload), ended));
        }
    }

    /// Asks for a reload from the source that is followed. Those that are asked for while one runs are one.
    pub fn reload(&self) {
        self.reload.notify_one();
    }
}

/// Starts everything and returns when both listeners are bound; keys, Rocket.Chat and its version are awaited by readiness, not by
/// this. Log lines go to `output`. Connections are served where this is called, for whoever has Gantry in a process with others.
///
/// # Errors
/// When a listener cannot be bound or the HTTP client cannot be built.
pub async fn start(
    config: Config,
    clock: Clock,
    output: impl Write + Send + 'static,
) -> anyhow::Result<Running> {
    begin(config, clock, output, None).await
}

/// As [`start`]; connections are served by the workers, if there are any.
async fn begin(
    config: Config,
    clock: Clock,
    output: impl Write + Send + 'static,
    workers: Option<Workers>,
) -> anyhow::Result<Running> {
    let share = || workers.as_ref().map_or_else(Shares::none, Workers::share);
    let metrics = Metrics::new();
    let log = LogWriter::new(output, metrics.clone());
    let levels = logging::install(&config.telemetry, log.clone());
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
    let backing = Backing::open(&config.sessions, &clock, &readiness)
        .await
        .context("sessions.store cannot be used")?;
    let sessions = Sessions::new(
        rules(&config),
        rocketchat.clone(),
        clock.clone(),
        metrics.clone(),
        backing,
    );
    let (public, admin) = (Lifeline::new(), Lifeline::new());
    let drain = config.listen.drain;
    let leaving = Leaving::new(drain.spread, public.hurry.clone(), clock.clone());
    let lent = Lent {
        unwrap: connection::unwrap,
        leaving: leaving.clone(),
        tasks: public.tasks.clone(),
        towards: ways.towards,
    };
    let (certificates, following) = match config.listen.tls.clone() {
        Some(files) => Some(
            Certificates::open(files, clock.clone(), metrics.clone())
                .context("the files of listen.tls cannot be used")?,
        ),
        None => None,
    }
    .unzip();
    let lasting = Lasting {
        verifier,
        sessions: sessions.clone(),
        lent,
        metrics: metrics.clone(),
        clock: clock.clone(),
        log: log.clone(),
        spans: spans.clone(),
    };
    let door = Door::new(lasting.handler(&config, None)?);

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
    let mut asked_over_grpc = None;
    if let Some(listener) = grpc_listener {
        let bounds = grpc_bounds(&config);
        let grpc = Grpc::new(door.clone(), bounds, readiness.clone(), public.clone());
        asked_over_grpc = Some(grpc.clone());
        public.tasks.spawn(listener::accept(
            listener,
            (Room::for_gateways(&config.listen, metrics.clone()), share()),
            public.clone(),
            move |stream, peer, place| grpc.clone().serve(stream, peer, place),
        ));
    }
    let stalled = stalled(&config);
    let server = Server::new(
        &config.listen,
        stalled,
        door.clone(),
        public.clone(),
        certificates,
    );
    let serving = server.clone();
    public.tasks.spawn(listener::accept(
        listener,
        (
            Room::for_everybody(&config.listen, metrics.clone()),
            share(),
        ),
        public.clone(),
        move |stream, peer, place| serving.clone().serve(stream, peer, place),
    ));
    let subjects = Subjects {
        metrics: metrics.clone(),
        readiness,
        sessions: sessions.clone(),
    };
    let told = Admin::new(subjects, config.admin.token.clone());
    tokio::spawn(told.clone().serve(admin_listener, admin.clone()));
    if let Some(following) = following {
        tokio::spawn(following.run(public.drain.clone()));
    }
    if let Some(following) = ways.following {
        tokio::spawn(following.run(rocketchat.clone(), public.drain.clone()));
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    metrics.config_applied(lasting.clock.now());
    tracing::info!(address = %address, admin = %admin_address, version = crate::VERSION, "gantry serves");
    let applied = Applied {
        lasting,
        rocketchat: rocketchat.clone(),
        door,
        server,
        grpc: asked_over_grpc,
        admin: told,
        levels,
        started: config,
    };
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
        applied: Some(Box::new(applied)),
        reload: Arc::default(),
        _workers: workers,
    })
}

/// Whoever waits for an exchange and then for Rocket.Chat moves no byte meanwhile.
fn stalled(config: &Config) -> Duration {
    config.rocketchat.minting.queue_timeout
        + config.rocketchat.timeouts.call
        + config.rocketchat.timeouts.response_header
        + config.listen.limits.idle_timeout
}

fn grpc_bounds(config: &Config) -> (Limits, Patience) {
    let listen = &config.listen.limits;
    let limits = Limits {
        header_bytes: listen.header_bytes,
        headers: listen.headers,
    };
    (limits, Patience::new(listen, stalled(config)))
}

/// Serves what `source` says until SIGTERM or SIGINT, then drains; a second one of them ends the waiting. SIGHUP and changed
/// files have it read again.
///
/// # Errors
/// All mistakes of the configuration at once; and as [`start`].
pub async fn run(mut source: Source) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let config = source.load()?;
    let workers = Workers::start().context("the threads that serve cannot be started")?;
    let mut running = begin(config, Clock::system(), std::io::stdout(), Some(workers)).await?;
    running.follow(source);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => running.reload(),
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

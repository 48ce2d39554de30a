//! The composition root: config in, a running Gantry out. The only module that sees the whole config.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::Config;
use crate::filter::envoy_grpc::Limits;
use crate::jwt::Verifier;
use crate::proxy::websocket::Lent;
use crate::rocketchat::RocketChat;
use crate::server::admin::{Admin, Subjects};
use crate::server::certificates::Certificates;
use crate::server::connection::{self, Server};
use crate::server::grpc::Grpc;
use crate::server::handler::Handler;
use crate::server::listener::{self, Lifeline};
use crate::server::watch::Patience;
use crate::session::{Backing, Rules, Sessions};
use crate::telemetry::access_log::{AccessLog, LogWriter};
use crate::telemetry::logging;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::{Latch, Readiness};

mod build;
pub mod probe;
pub mod whois;

pub use probe::healthcheck;
pub use whois::whois;

/// How long running requests, sockets and owed logouts get when the service stops; below the 30 s that Kubernetes grants.
const DRAIN: Duration = Duration::from_secs(15);

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
    draining: Latch,
    metrics: Metrics,
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

    /// Drains and stops: not ready, nothing new accepted, what runs may finish for a while, sockets are closed one after the other,
    /// owed logouts are tried, our own login is given back, and the admin listener goes last.
    pub async fn stop(self) {
        self.draining.missing("the service is stopping");
        self.public.drain.cancel();
        self.public.tasks.close();
        let finishing = async {
            tokio::join!(self.sessions.drain(DRAIN), self.public.tasks.wait());
        };
        if tokio::time::timeout(DRAIN, finishing).await.is_err() {
            tracing::warn!(
                "requests were still running or logouts still owed when the drain time was over"
            );
        }
        if let Err(error) = self.rocketchat.close().await {
            tracing::warn!(
                error.kind = error.kind(),
                "the service account's login could not be given back; its auth token lives until it expires"
            );
        }
        self.admin.drain.cancel();
        tracing::info!("gantry stopped");
        let log = self.log.clone();
        // The writer works on a thread of its own; waiting for it must not hold a runtime thread.
        let _flushed = tokio::task::spawn_blocking(move || log.flush()).await;
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
    let http = control_plane_client(&config)?;
    let verifier = Verifier::new(
        &config.issuers,
        http.clone(),
        clock.clone(),
        metrics.clone(),
        &readiness,
    );
    let rocketchat = RocketChat::new(
        &config.rocketchat,
        http,
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
    let (public, admin) = (Lifeline::new(), Lifeline::new());
    let lent = Lent {
        unwrap: connection::unwrap,
        drain: public.drain.clone(),
        tasks: public.tasks.clone(),
    };
    let lasting = build::Lasting {
        sessions: sessions.clone(),
        metrics: metrics.clone(),
        clock: clock.clone(),
    };
    let edges = build::edges(&config, verifier, lent, &lasting)?;
    let access_log = AccessLog::new(log.clone(), config.telemetry.format, config.telemetry.level);
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
        access_log,
        metrics.clone(),
        clock,
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
        tokio::spawn(listener::accept(
            listener,
            config.listen.limits.connections,
            public.clone(),
            move |stream, peer, place| grpc.clone().serve(stream, peer, place),
        ));
    }
    let limits = &config.listen.limits;
    let server = Server::new(limits, stalled, handler, public.clone(), certificates);
    tokio::spawn(listener::accept(
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
        draining,
        metrics,
        log,
    })
}

/// Serves until SIGTERM or SIGINT, then drains.
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
    running.stop().await;
    Ok(())
}

/// The one HTTP client of the control plane: no redirects, so that no issuer sends us elsewhere; no proxy from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the constructor the rule points to"
)]
fn control_plane_client(config: &Config) -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("gantry/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.rocketchat.timeouts.connect)
        .timeout(config.rocketchat.timeouts.call)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_idle_timeout(Duration::from_secs(4))
        .build()
        .context("the control plane's HTTP client cannot be built")
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be bound"))
}

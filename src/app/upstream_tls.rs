//! TLS towards Rocket.Chat, for traffic that passes and for our own calls alike: opened at start, and taken anew when its files change.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio_rustls::rustls::ClientConfig;
use tokio_util::sync::CancellationToken;

use crate::changes::Changes;
use crate::clock::Clock;
use crate::config::rocketchat::RocketChat as Settings;
use crate::rocketchat::RocketChat;
use crate::telemetry::metrics::{Metrics, TlsSide};
use crate::tls::upstream::{Files, Shown, Towards};

/// The ways to Rocket.Chat.
pub(super) struct Ways {
    /// For traffic that passes, where TLS is wanted.
    pub(super) towards: Option<Towards>,
    /// For our own calls.
    pub(super) http: reqwest::Client,
    /// Keeps both up to date, where there are files to follow.
    pub(super) following: Option<Following>,
}

/// Follows the files.
pub(super) struct Following {
    settings: Settings,
    files: Files,
    changes: Changes,
    towards: Towards,
    clock: Clock,
    metrics: Metrics,
}

/// Reads the files for the first time.
///
/// # Errors
/// When one of them cannot be used, or the client cannot be built.
pub(super) fn open(settings: &Settings, clock: &Clock, metrics: &Metrics) -> anyhow::Result<Ways> {
    let Some(files) = &settings.tls else {
        return Ok(Ways {
            towards: None,
            http: super::built(super::control_plane(settings.timeouts))?,
            following: None,
        });
    };
    let changes = Changes::of(files.paths());
    let shown = files.load(clock.now());
    let shown = shown.context("the files of rocketchat.tls cannot be used")?;
    let http = client(settings, files, &shown.config)?;
    if let Some(expires) = shown.expires {
        metrics.certificate_shown(TlsSide::Upstream, expires);
    }
    let towards = Towards::new(files.name.clone(), shown.config);
    let following = files.paths().next().is_some().then(|| Following {
        settings: settings.clone(),
        files: files.clone(),
        changes,
        towards: towards.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
    });
    Ok(Ways {
        towards: Some(towards),
        http,
        following,
    })
}

/// The client of our own calls, for programs that end soon.
///
/// # Errors
/// As [`open`].
pub(super) fn rocketchat_client(settings: &Settings) -> anyhow::Result<reqwest::Client> {
    Ok(open(settings, &Clock::system(), &Metrics::new())?.http)
}

impl Following {
    /// Makes new connections with changed files until `ended`; open ones live on.
    pub(super) async fn run(mut self, rocketchat: RocketChat, ended: CancellationToken) {
        loop {
            tokio::select! {
                () = self.changes.next() => self.reload(&rocketchat).await,
                () = ended.cancelled() => return,
            }
        }
    }

    async fn reload(&self, rocketchat: &RocketChat) {
        let (files, clock) = (self.files.clone(), self.clock.clone());
        let reading = tokio::task::spawn_blocking(move || files.load(clock.now()));
        match reading.await {
            Ok(Ok(shown)) => self.take(shown, rocketchat),
            Ok(Err(fault)) => {
                tracing::error!(
                    error.kind = fault.error.kind(),
                    error = %fault,
                    "changed TLS files towards Rocket.Chat cannot be used; those from before stay in use"
                );
                let kind = fault.error.kind();
                self.metrics.certificate_reloaded(TlsSide::Upstream, kind);
            }
            // The program ends.
            Err(_) => {}
        }
    }

    fn take(&self, shown: Shown, rocketchat: &RocketChat) {
        match client(&self.settings, &self.files, &shown.config) {
            Ok(http) => rocketchat.go_by(http),
            Err(error) => {
                // What was built once with the same settings is built again.
                tracing::error!(error = %error, "changed TLS files towards Rocket.Chat cannot be used");
                return;
            }
        }
        self.towards.replace(shown.config);
        if let Some(expires) = shown.expires {
            self.metrics.certificate_shown(TlsSide::Upstream, expires);
        }
        self.metrics.certificate_reloaded(TlsSide::Upstream, "ok");
        tracing::info!("new connections to Rocket.Chat are made with the changed TLS files");
    }
}

fn client(
    settings: &Settings,
    files: &Files,
    tls: &ClientConfig,
) -> anyhow::Result<reqwest::Client> {
    let mut builder =
        super::control_plane(settings.timeouts).tls_backend_preconfigured(tls.clone());
    if files.other_name(&settings.url).is_some() {
        builder = builder.dns_resolver(Arc::new(Elsewhere::new(&settings.url)));
    }
    super::built(builder)
}

/// Whatever name is asked for, the URL's host is gone to.
struct Elsewhere(Arc<str>);

impl Elsewhere {
    fn new(url: &url::Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        Self(host.trim_start_matches('[').trim_end_matches(']').into())
    }
}

impl Resolve for Elsewhere {
    fn resolve(&self, _: Name) -> Resolving {
        let host = Arc::clone(&self.0);
        Box::pin(async move {
            // The client puts the URL's port in the place of port 0.
            let found = tokio::net::lookup_host((&*host, 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

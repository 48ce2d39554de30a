//! Every metric of the program, recorded through methods named after the event.
//!
//! Label values come from closed sets only, never from a path, a user or a message. Counters of the warm path are resolved once at
//! start, so that recording is an atomic addition.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::striped::{Durations, Striped};

/// What a request was about; the closed set behind every `route` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/api/…`
    Api,
    /// Files, avatars and exports.
    File,
    /// WebSocket upgrades.
    Socket,
    /// HTML pages of the web client.
    Page,
    /// Static files and other public paths.
    Public,
    /// Gantry's own endpoints.
    Own,
    /// Refused before it was routed.
    None,
}

impl Route {
    const ALL: [Self; 7] = [
        Self::Api,
        Self::File,
        Self::Socket,
        Self::Page,
        Self::Public,
        Self::Own,
        Self::None,
    ];

    /// The label's value, also `http.route` in the access log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::File => "file",
            Self::Socket => "socket",
            Self::Page => "page",
            Self::Public => "public",
            Self::Own => "own",
            Self::None => "none",
        }
    }
}

/// How a session was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It was there.
    Hit,
    /// Somebody else's exchange was under way.
    Joined,
    /// A new exchange was begun.
    Miss,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status_class: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ProblemLabels {
    problem: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RevokedLabels {
    cause: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    revision: &'static str,
}

type Counter = counter::Counter<u64, Striped>;
type Results = Family<ResultLabels, Counter>;
type Histograms<L> = Family<L, Durations>;

/// The metrics of the whole program; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: [[Counter; 5]; Route::ALL.len()],
    durations: [Durations; Route::ALL.len()],
    verified_from_cache: Counter,
    lookups: [Counter; 3],
    rejections: Family<ProblemLabels, Counter>,
    verifications: Results,
    jwks_fetches: Results,
    sessions: Gauge,
    users_provisioned: Results,
    credentials_minted: Results,
    credentials_refreshed: Results,
    credentials_revoked: Family<RevokedLabels, Counter>,
    owed_logouts: Gauge,
    rocketchat_calls: Histograms<OperationLabels>,
    upstream_requests: Durations,
    sockets: Gauge,
    ddp_logins: Results,
    backchannel_logouts: Results,
    connections: Gauge,
    log_lines_dropped: Counter,
}

/// Status classes by `status / 100 - 1`.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Metrics {
    /// Registers everything, under the prefix `gantry_`.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gantry");
        let requests = Family::<RequestLabels, Counter>::default();
        let durations = Histograms::<RouteLabels>::default();
        let lookups = Results::default();
        let verifications = Results::default();
        let build = Family::<BuildLabels, Gauge>::default();
        build
            .get_or_create(&BuildLabels {
                version: crate::VERSION,
                revision: crate::REVISION,
            })
            .set(1);
        registry.register("requests", "Requests answered", requests.clone());
        registry.register(
            "request_duration_seconds",
            "Time from a request's head to the head of its answer",
            durations.clone(),
        );
        registry.register(
            "session_lookups",
            "Sessions looked up for a request",
            lookups.clone(),
        );
        registry.register(
            "token_verifications",
            "JWTs verified",
            verifications.clone(),
        );
        registry.register("build_info", "What is running", build);
        let verified_from_cache = verifications
            .get_or_create(&ResultLabels { result: "cached" })
            .clone();
        let inner = Inner {
            requests: Route::ALL.map(|route| {
                STATUS_CLASSES.map(|status_class| {
                    requests
                        .get_or_create(&RequestLabels {
                            route: route.name(),
                            status_class,
                        })
                        .clone()
                })
            }),
            durations: Route::ALL.map(|route| {
                durations
                    .get_or_create(&RouteLabels {
                        route: route.name(),
                    })
                    .clone()
            }),
            verified_from_cache,
            lookups: ["hit", "joined", "miss"]
                .map(|result| lookups.get_or_create(&ResultLabels { result }).clone()),
            verifications,
            rejections: add(
                &mut registry,
                "rejections",
                "Answers of Gantry's own that refuse",
            ),
            jwks_fetches: add(
                &mut registry,
                "jwks_fetches",
                "Fetches of issuers' key sets",
            ),
            sessions: add(&mut registry, "sessions", "Sessions alive"),
            users_provisioned: add(
                &mut registry,
                "users_provisioned",
                "Rocket.Chat users created on first sight",
            ),
            credentials_minted: add(&mut registry, "credentials_minted", "Auth tokens minted"),
            credentials_refreshed: add(
                &mut registry,
                "credentials_refreshed",
                "Credentials replaced before or after Rocket.Chat refused them",
            ),
            credentials_revoked: add(
                &mut registry,
                "credentials_revoked",
                "Auth tokens logged out at Rocket.Chat",
            ),
            owed_logouts: add(
                &mut registry,
                "owed_logouts",
                "Auth tokens that Rocket.Chat must still be told to forget",
            ),
            rocketchat_calls: add(
                &mut registry,
                "rocketchat_call_duration_seconds",
                "Gantry's own calls to Rocket.Chat",
            ),
            upstream_requests: add(
                &mut registry,
                "upstream_request_duration_seconds",
                "Time from forwarding a request to the head of Rocket.Chat's answer",
            ),
            sockets: add(&mut registry, "websocket_connections", "WebSockets open"),
            ddp_logins: add(&mut registry, "ddp_logins", "Logins on WebSockets"),
            backchannel_logouts: add(
                &mut registry,
                "backchannel_logouts",
                "Logouts that issuers asked for over the back channel",
            ),
            connections: add(&mut registry, "connections", "Downstream connections open"),
            log_lines_dropped: add(
                &mut registry,
                "log_lines_dropped",
                "Access log lines dropped because their reader was too slow",
            ),
            registry,
        };
        Self(Arc::new(inner))
    }

    /// A request was answered with this status after this time.
    pub fn request_answered(&self, route: Route, status: u16, duration: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.0.requests[route as usize][class].inc();
        self.0.durations[route as usize].observe(duration);
    }

    /// Gantry refused a request itself.
    pub fn request_rejected(&self, problem: &'static str) {
        self.0
            .rejections
            .get_or_create(&ProblemLabels { problem })
            .inc();
    }

    /// A JWT was known from before.
    pub fn token_known(&self) {
        self.0.verified_from_cache.inc();
    }

    /// A JWT's signature and claims were looked at; `result` is `ok` or the error's kind.
    pub fn token_verified(&self, result: &'static str) {
        count(&self.0.verifications, result);
    }

    /// A key set was fetched; `result` is `ok` or the error's kind.
    pub fn jwks_fetched(&self, result: &'static str) {
        count(&self.0.jwks_fetches, result);
    }

    /// A session was looked up.
    pub fn session_looked_up(&self, lookup: Lookup) {
        self.0.lookups[lookup as usize].inc();
    }

    /// A session began (`+1`) or ended (`-1`).
    pub fn sessions_changed(&self, by: i64) {
        self.0.sessions.inc_by(by);
    }

    /// A user was created, or not; `result` is `ok` or the error's kind.
    pub fn user_provisioned(&self, result: &'static str) {
        count(&self.0.users_provisioned, result);
    }

    /// An auth token was minted, or not.
    pub fn credentials_minted(&self, result: &'static str) {
        count(&self.0.credentials_minted, result);
    }

    /// Credentials were refreshed, or not.
    pub fn credentials_refreshed(&self, result: &'static str) {
        count(&self.0.credentials_refreshed, result);
    }

    /// A logout was tried at Rocket.Chat because of `cause`.
    pub fn credentials_revoked(&self, cause: &'static str, result: &'static str) {
        self.0
            .credentials_revoked
            .get_or_create(&RevokedLabels { cause, result })
            .inc();
    }

    /// Logouts owed now.
    pub fn owed_logouts(&self, owed: usize) {
        self.0
            .owed_logouts
            .set(i64::try_from(owed).unwrap_or(i64::MAX));
    }

    /// A call of ours to Rocket.Chat ended.
    pub fn rocketchat_called(&self, operation: &'static str, duration: Duration) {
        self.0
            .rocketchat_calls
            .get_or_create(&OperationLabels { operation })
            .observe(duration);
    }

    /// The head of a forwarded answer came.
    pub fn upstream_answered(&self, duration: Duration) {
        self.0.upstream_requests.observe(duration);
    }

    /// A WebSocket opened (`+1`) or closed (`-1`).
    pub fn sockets_changed(&self, by: i64) {
        self.0.sockets.inc_by(by);
    }

    /// A login on a socket came to its end; `result` is `ok`, `refused` by Rocket.Chat, `timeout`, or the gate's error's kind.
    pub fn ddp_login(&self, result: &'static str) {
        count(&self.0.ddp_logins, result);
    }

    /// An issuer's logout over the back channel was answered; `result` is `ok` or the refusal's kind.
    pub fn backchannel_logout(&self, result: &'static str) {
        count(&self.0.backchannel_logouts, result);
    }

    /// A downstream connection opened (`+1`) or closed (`-1`).
    pub fn connections_changed(&self, by: i64) {
        self.0.connections.inc_by(by);
    }

    /// An access log line was dropped.
    pub fn log_line_dropped(&self) {
        self.0.log_lines_dropped.inc();
    }

    /// The metrics page, in the OpenMetrics text format.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = String::new();
        // Writing into a string cannot fail; a broken encoder shows as a short page.
        let _written = text::encode(&mut page, &self.0.registry);
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn count(results: &Results, result: &'static str) {
    results.get_or_create(&ResultLabels { result }).inc();
}

fn add<M>(registry: &mut Registry, name: &str, help: &str) -> M
where
    M: Clone + Default + prometheus_client::registry::Metric,
{
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

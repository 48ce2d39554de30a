//! Every metric of the program, recorded through methods named after the event.
//!
//! Label values come from closed sets only, never from a path, a user or a message. Counters of the warm path are resolved once at
//! start, so that recording is an atomic addition.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::recent::Recent;
use super::striped::{Durations, Striped};

pub mod figures;
mod labels;
mod limits;
mod reload;
mod spans;
mod store;
mod tls;

pub use figures::Figures;
pub use labels::{Dialect, Lookup, Route, TlsSide};
pub use limits::Limit;

use labels::{
    BuildLabels, CauseLabels, DecisionLabels, OperationLabels, ProblemLabels, RequestLabels,
    ResultLabels, RevokedLabels, RouteLabels,
};

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
    sessions_ended: Family<CauseLabels, Counter>,
    exchanges: Durations,
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
    filter_decisions: [[Counter; 2]; Dialect::ALL.len()],
    connections: Gauge,
    log_lines_dropped: Counter,
    store: store::Store,
    spans: spans::Spans,
    reload: reload::Reload,
    tls: tls::Tls,
    limits: limits::Limits,
    recent: Recent,
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
        let decisions: Family<DecisionLabels, Counter> = add(
            &mut registry,
            "filter_decisions",
            "Answers to gateways that asked about a request",
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
            filter_decisions: Dialect::ALL.map(|dialect| {
                ["deny", "allow"].map(|decision| {
                    let dialect = dialect.name();
                    decisions
                        .get_or_create(&DecisionLabels { dialect, decision })
                        .clone()
                })
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
            sessions_ended: add(&mut registry, "sessions_ended", "Sessions that ended"),
            exchanges: add(
                &mut registry,
                "exchange_duration_seconds",
                "Time from a host session's first request to its session",
            ),
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
            store: store::Store::new(&mut registry),
            spans: spans::Spans::new(&mut registry),
            reload: reload::Reload::new(&mut registry),
            tls: tls::Tls::new(&mut registry),
            limits: limits::Limits::new(&mut registry),
            recent: Recent::default(),
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
        self.0.recent.note("request", problem);
    }

    /// A JWT was known from before.
    pub fn token_known(&self) {
        self.0.verified_from_cache.inc();
    }

    /// A JWT's signature and claims were looked at; `result` is `ok` or the error's kind.
    pub fn token_verified(&self, result: &'static str) {
        self.count(&self.0.verifications, "JWT", result);
    }

    /// A key set was fetched; `result` is `ok` or the error's kind.
    pub fn jwks_fetched(&self, result: &'static str) {
        self.count(&self.0.jwks_fetches, "issuer keys", result);
    }

    /// A session was looked up.
    pub fn session_looked_up(&self, lookup: Lookup) {
        self.0.lookups[lookup as usize].inc();
    }

    /// A session began.
    pub fn session_began(&self) {
        self.0.sessions.inc();
    }

    /// A session ended because of `cause`.
    pub fn session_ended(&self, cause: &'static str) {
        self.0.sessions.dec();
        self.0
            .sessions_ended
            .get_or_create(&CauseLabels { cause })
            .inc();
    }

    /// An exchange led to a session after this time.
    pub fn exchanged(&self, duration: Duration) {
        self.0.exchanges.observe(duration);
    }

    /// A user was created, or not; `result` is `ok` or the error's kind.
    pub fn user_provisioned(&self, result: &'static str) {
        self.count(&self.0.users_provisioned, "provisioning", result);
    }

    /// An auth token was minted, or not.
    pub fn credentials_minted(&self, result: &'static str) {
        self.count(&self.0.credentials_minted, "minting", result);
    }

    /// Credentials were refreshed, or not.
    pub fn credentials_refreshed(&self, result: &'static str) {
        self.count(&self.0.credentials_refreshed, "refresh", result);
    }

    /// A logout was tried at Rocket.Chat because of `cause`.
    pub fn credentials_revoked(&self, cause: &'static str, result: &'static str) {
        self.0
            .credentials_revoked
            .get_or_create(&RevokedLabels { cause, result })
            .inc();
        self.0.recent.note("logout", result);
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
        self.count(&self.0.ddp_logins, "socket login", result);
    }

    /// An issuer's logout over the back channel was answered; `result` is `ok` or the refusal's kind.
    pub fn backchannel_logout(&self, result: &'static str) {
        self.count(&self.0.backchannel_logouts, "back-channel logout", result);
    }

    /// A gateway was told that its request may go on.
    pub fn filter_allowed(&self, dialect: Dialect) {
        self.0.filter_decisions[dialect as usize][1].inc();
    }

    /// A gateway was told that its request may not go on.
    pub fn filter_denied(&self, dialect: Dialect) {
        self.0.filter_decisions[dialect as usize][0].inc();
    }

    /// A downstream connection opened (`+1`) or closed (`-1`).
    pub fn connections_changed(&self, by: i64) {
        self.0.connections.inc_by(by);
    }

    /// An access log line was dropped.
    pub fn log_line_dropped(&self) {
        self.0.log_lines_dropped.inc();
    }

    fn count(&self, results: &Results, what: &'static str, result: &'static str) {
        results.get_or_create(&ResultLabels { result }).inc();
        self.0.recent.note(what, result);
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

fn add<M>(registry: &mut Registry, name: &str, help: &str) -> M
where
    M: Clone + Default + prometheus_client::registry::Metric,
{
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

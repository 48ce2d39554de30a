//! What metrics are told apart by: closed sets only.

use prometheus_client::encoding::EncodeLabelSet;

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
    /// Questions of a gateway.
    Filter,
    /// Refused before it was routed.
    None,
}

impl Route {
    pub(super) const ALL: [Self; 8] = [
        Self::Api,
        Self::File,
        Self::Socket,
        Self::Page,
        Self::Public,
        Self::Own,
        Self::Filter,
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
            Self::Filter => "filter",
            Self::None => "none",
        }
    }
}

/// The way in which a gateway asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// nginx's `auth_request`, and HAProxy's script that works alike.
    Nginx,
    /// Traefik's `ForwardAuth` and Caddy's `forward_auth`.
    Traefik,
    /// Envoy's `ext_authz` over HTTP.
    Envoy,
    /// The same over gRPC.
    EnvoyGrpc,
}

impl Dialect {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Nginx, Self::Traefik, Self::Envoy, Self::EnvoyGrpc];

    /// The label's value, also `dialect` in the access log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
            Self::Envoy => "envoy",
            Self::EnvoyGrpc => "envoy-grpc",
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

/// On which side of Gantry a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsSide {
    /// To clients, by the public listener.
    Downstream,
    /// To Rocket.Chat.
    Upstream,
}

impl TlsSide {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct SideLabels {
    pub(super) side: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ReloadLabels {
    pub(super) side: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RouteLabels {
    pub(super) route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) route: &'static str,
    pub(super) status_class: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ProblemLabels {
    pub(super) problem: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ResultLabels {
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct DecisionLabels {
    pub(super) dialect: &'static str,
    pub(super) decision: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct CauseLabels {
    pub(super) cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RevokedLabels {
    pub(super) cause: &'static str,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OperationLabels {
    pub(super) operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct BuildLabels {
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
}

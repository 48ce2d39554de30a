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
    /// Refused before it was routed.
    None,
}

impl Route {
    pub(super) const ALL: [Self; 7] = [
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

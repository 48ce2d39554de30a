//! Why sessions end.

use serde::{Deserialize, Serialize};

/// Why a session ended; its name is the `cause` of logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    /// The host session was logged out for good.
    Logout,
    /// The issuer said over the back channel that its session is over.
    Backchannel,
    /// An administrator revoked the session, or all of its principal.
    Revoked,
    /// The client let the session go.
    Release,
    /// The newest JWT expired and the grace passed.
    Expired,
    /// Unused for `idle_timeout`.
    Idle,
    /// Older than `max_lifetime`.
    MaxLifetime,
    /// The principal began more than `max_per_principal`.
    Displaced,
    /// Rocket.Chat says the user is no longer active, or policy no longer permits it.
    Deactivated,
    /// The last socket closed and `end_on_last_socket` passed.
    LastSocket,
    /// Gantry stops and `logout_on_shutdown` is set.
    Shutdown,
}

impl EndCause {
    /// Every cause there is.
    pub const ALL: [Self; 11] = [
        Self::Logout,
        Self::Backchannel,
        Self::Revoked,
        Self::Release,
        Self::Expired,
        Self::Idle,
        Self::MaxLifetime,
        Self::Displaced,
        Self::Deactivated,
        Self::LastSocket,
        Self::Shutdown,
    ];

    /// The cause of this name.
    pub(in crate::session) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// The slug for logs and metric labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Backchannel => "backchannel-logout",
            Self::Revoked => "revoked",
            Self::Release => "release",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::MaxLifetime => "max-lifetime",
            Self::Displaced => "displaced",
            Self::Deactivated => "deactivated",
            Self::LastSocket => "last-socket",
            Self::Shutdown => "shutdown",
        }
    }

    /// Who wanted it, for the audit log.
    #[must_use]
    pub fn ended_by(self) -> &'static str {
        match self {
            Self::Logout | Self::Release => "client",
            Self::Backchannel => "issuer",
            Self::Revoked => "administrator",
            Self::Expired
            | Self::Idle
            | Self::MaxLifetime
            | Self::Displaced
            | Self::Deactivated
            | Self::LastSocket
            | Self::Shutdown => "gantry",
        }
    }
}

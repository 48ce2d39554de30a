//! The calls that we make ourselves. Rocket.Chat's limiter counts by route and method (RC §5.1), and lets the service account
//! pass, so a route that we also call as its user is two operations.

use reqwest::Method;

/// A route that we call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rocketchat) enum Operation {
    /// Version (RC §10).
    Info,
    /// The service account's own profile (RC §2.3).
    Me,
    /// The same of a user, as a probe of its credentials.
    Probe,
    /// Public settings (RC §3.5).
    Settings,
    /// Which roles hold which permission (RC §11).
    Permissions,
    /// Lookup of a user (RC §2.5).
    UserInfo,
    /// RC §4.
    CreateUser,
    /// RC §2.9.
    UpdateUser,
    /// RC §3.
    CreateToken,
    /// RC §2.1.
    Login,
    /// RC §2.4.
    Logout,
    /// RC §2.7.
    RemoveOtherTokens,
}

impl Operation {
    /// Every operation, in the order of their discriminants.
    pub(in crate::rocketchat) const ALL: [Self; 12] = [
        Self::Info,
        Self::Me,
        Self::Probe,
        Self::Settings,
        Self::Permissions,
        Self::UserInfo,
        Self::CreateUser,
        Self::UpdateUser,
        Self::CreateToken,
        Self::Login,
        Self::Logout,
        Self::RemoveOtherTokens,
    ];

    /// The label of metrics.
    pub(in crate::rocketchat) fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Me => "me",
            Self::Probe => "probe",
            Self::Settings => "settings",
            Self::Permissions => "permissions",
            Self::UserInfo => "user-info",
            Self::CreateUser => "create-user",
            Self::UpdateUser => "update-user",
            Self::CreateToken => "create-token",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::RemoveOtherTokens => "remove-other-tokens",
        }
    }

    /// The HTTP method.
    pub(in crate::rocketchat) fn method(self) -> Method {
        match self {
            Self::Info
            | Self::Me
            | Self::Probe
            | Self::Settings
            | Self::Permissions
            | Self::UserInfo => Method::GET,
            Self::CreateUser
            | Self::UpdateUser
            | Self::CreateToken
            | Self::Login
            | Self::Logout
            | Self::RemoveOtherTokens => Method::POST,
        }
    }

    /// The path below the base URL.
    pub(in crate::rocketchat) fn path(self) -> &'static str {
        match self {
            Self::Info => "/api/info",
            Self::Me | Self::Probe => "/api/v1/me",
            Self::Settings => "/api/v1/settings.public",
            Self::Permissions => "/api/v1/permissions.listAll",
            Self::UserInfo => "/api/v1/users.info",
            Self::CreateUser => "/api/v1/users.create",
            Self::UpdateUser => "/api/v1/users.update",
            Self::CreateToken => "/api/v1/users.createToken",
            Self::Login => "/api/v1/login",
            Self::Logout => "/api/v1/logout",
            Self::RemoveOtherTokens => "/api/v1/users.removeOtherTokens",
        }
    }

    /// Does a good answer carry an auth token, which must then be used or logged out.
    pub(in crate::rocketchat) fn mints(self) -> bool {
        matches!(self, Self::CreateToken | Self::Login)
    }

    /// What the service account may not do when this is refused, to follow "does not permit the service account to".
    pub(in crate::rocketchat) fn verb(self) -> &'static str {
        match self {
            Self::Info => "read the version",
            Self::Me | Self::Probe => "read its own profile",
            Self::Settings => "read public settings",
            Self::Permissions => "read which roles hold which permission",
            Self::UserInfo => "look users up",
            Self::CreateUser => "create users with the configured roles",
            Self::UpdateUser => "edit users",
            Self::CreateToken => "mint auth tokens",
            Self::Login => "log in",
            Self::Logout => "log out",
            Self::RemoveOtherTokens => "remove a user's other tokens",
        }
    }

    /// The mend of such a refusal, for the operator (RC §11).
    pub(in crate::rocketchat) fn mend(self) -> &'static str {
        match self {
            Self::CreateUser => {
                "give a role of the service account the permission create-user, and see that every role in \
                 users.default_roles and users.roles exists in Rocket.Chat"
            }
            Self::UpdateUser => {
                "give a role of the service account the permission edit-other-user-info, or set users.sync_profile to false"
            }
            Self::CreateToken => {
                "give a role of the service account the permission user-generate-access-token"
            }
            Self::Info
            | Self::Me
            | Self::Probe
            | Self::Settings
            | Self::Permissions
            | Self::UserInfo
            | Self::Login
            | Self::Logout
            | Self::RemoveOtherTokens => {
                "check rocketchat.service_account and what stands before Rocket.Chat"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_stands_at_its_own_place_under_its_own_name() {
        for (place, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, place);
            let same = Operation::ALL
                .iter()
                .filter(|other| other.name() == operation.name())
                .count();
            assert_eq!(same, 1, "{operation:?} shares its name");
        }
    }
}

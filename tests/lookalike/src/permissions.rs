//! Which role holds which permission (RC §11).

use std::collections::{BTreeMap, BTreeSet};

/// What the service account's role is given at start, besides what bots hold anyway.
pub(crate) const SERVICE: &[&str] = &[
    "api-bypass-rate-limit",
    "create-personal-access-tokens",
    "create-user",
    "edit-other-user-active-status",
    "edit-other-user-info",
    "logout-other-user",
    "user-generate-access-token",
    "view-full-other-user-info",
    "view-statistics",
];

/// The role of the service account.
pub(crate) const SERVICE_ROLE: &str = "bot";

/// The roles that exist in a fresh workspace.
pub(crate) const ROLES: &[&str] = &[
    "admin",
    "anonymous",
    "app",
    "bot",
    "guest",
    "leader",
    "moderator",
    "owner",
    "user",
];

/// Permission to roles.
pub(crate) struct Permissions {
    roles: BTreeMap<String, BTreeSet<String>>,
}

impl Permissions {
    /// The default holders, with the service account's grants added.
    pub(crate) fn new() -> Self {
        let mut permissions = Self {
            roles: BTreeMap::new(),
        };
        for permission in SERVICE {
            permissions.grant(permission, "admin");
            permissions.grant(permission, SERVICE_ROLE);
        }
        for permission in [
            "access-permissions",
            "assign-admin-role",
            "manage-moderation-actions",
            "delete-user",
            "view-privileged-setting",
        ] {
            permissions.grant(permission, "admin");
        }
        permissions.grant("api-bypass-rate-limit", "app");
        permissions.grant("create-personal-access-tokens", "user");
        for role in ["admin", "user", "bot", "app"] {
            permissions.grant("create-c", role);
            permissions.grant("create-d", role);
            permissions.grant("create-p", role);
        }
        permissions
    }

    pub(crate) fn grant(&mut self, permission: &str, role: &str) {
        self.roles
            .entry(permission.to_owned())
            .or_default()
            .insert(role.to_owned());
    }

    pub(crate) fn revoke(&mut self, permission: &str, role: &str) {
        if let Some(roles) = self.roles.get_mut(permission) {
            roles.remove(role);
        }
    }

    /// Sets who holds a permission.
    pub(crate) fn set(&mut self, permission: &str, roles: &[String]) {
        let roles = roles.iter().cloned().collect();
        self.roles.insert(permission.to_owned(), roles);
    }

    /// Whether there is such a permission.
    pub(crate) fn is_known(&self, permission: &str) -> bool {
        self.roles.contains_key(permission)
    }

    /// Every permission that somebody may hold, with its roles.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.roles
            .iter()
            .map(|(permission, roles)| (permission.as_str(), roles))
    }

    /// Whether one of the roles holds the permission.
    pub(crate) fn held(&self, permission: &str, roles: &[String]) -> bool {
        self.roles
            .get(permission)
            .is_some_and(|holders| roles.iter().any(|r| holders.contains(r)))
    }
}

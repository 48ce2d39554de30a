//! Section `users`: how a principal becomes a Rocket.Chat user.

use std::collections::BTreeMap;

/// Rules for finding, creating and keeping users.
#[derive(Clone, Debug)]
pub struct Users {
    /// Create unknown users; default true. False answers them 403.
    pub provision: bool,
    /// Template over mapped claims (`{username}`, `{name}`, `{email}`, `{subject}`, `{issuer}`); default `{username}`.
    pub username: String,
    /// Domain for principals without e-mail; empty means such principals are refused at creation.
    pub email_domain: String,
    /// May a principal take over a user that was there before; default true.
    pub adopt_existing: bool,
    /// Roles whose holders are never impersonated; default `[admin]`.
    pub protected_roles: Vec<String>,
    /// Host role to Rocket.Chat roles.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Roles every created user gets; default `[user]`.
    pub default_roles: Vec<String>,
    /// Join the workspace's default channels at creation; default true.
    pub join_default_channels: bool,
    /// Keep name, e-mail and roles in step with the claims; default true.
    pub sync_profile: bool,
}

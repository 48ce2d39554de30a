//! A Rocket.Chat user as the service account sees it, and as it makes one.

/// A Rocket.Chat user as the service account sees it (RC §2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `_id`.
    pub id: String,
    /// `username`.
    pub username: String,
    /// `name`.
    pub name: Option<String>,
    /// `active`; false when Rocket.Chat did not show it.
    pub active: bool,
    /// `type`; `None` when Rocket.Chat did not show it.
    pub user_type: Option<String>,
    /// `roles`; `None` when the service account may not see them, which forbids adoption.
    pub roles: Option<Vec<String>>,
    /// First e-mail address; `None` when not shown or absent.
    pub email: Option<String>,
}

/// What `users.create` needs (RC §4.2). The password is the client's business.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// Already cleaned to Rocket.Chat's pattern.
    pub username: &'a str,
    /// Display name, never empty.
    pub name: &'a str,
    /// E-mail address.
    pub email: &'a str,
    /// Mark the address as verified.
    pub email_verified: bool,
    /// Role ids; none means the workspace's default.
    pub roles: &'a [String],
    /// Join the default channels.
    pub join_default_channels: bool,
}

//! The audit log: sessions that begin and end, as events of a target of their own, so that they are written whatever the log's level is,
//! and can be sent elsewhere. Ids only, no names.

/// What the events are called by; filters and readers go by it.
pub const TARGET: &str = "gantry::audit";

/// The session that an event is about, as far as it is known here.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// `session.id`.
    pub session_id: &'a str,
    /// `rocketchat.user_id`.
    pub user_id: Option<&'a str>,
    /// `issuer`.
    pub issuer: Option<&'a str>,
}

/// It began here.
pub fn session_began(about: About<'_>) {
    tracing::info!(
        target: TARGET,
        {
            session.id = about.session_id,
            rocketchat.user_id = about.user_id,
            issuer = about.issuer,
        },
        "a session began"
    );
}

/// It ended because of `cause`; `ended_by` is who wanted it: `client`, `issuer`, `administrator` or `gantry`.
pub fn session_ended(about: About<'_>, cause: &'static str, ended_by: &'static str) {
    tracing::info!(
        target: TARGET,
        {
            session.id = about.session_id,
            rocketchat.user_id = about.user_id,
            issuer = about.issuer,
            cause,
            ended_by,
        },
        "a session ended"
    );
}

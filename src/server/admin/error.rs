//! Why the admin listener refused.

/// Why a request on the admin listener got no answer of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Nothing has this path.
    #[error("nothing has this path")]
    NotFound,
    /// What has this path does not know the method; these it does.
    #[error("path does not know the method")]
    MethodNotAllowed(&'static str),
    /// No token is configured, so nobody may ask.
    #[error("admin API has no token")]
    Closed,
    /// No bearer is shown.
    #[error("request shows no bearer")]
    MissingToken,
    /// `Authorization` stands twice.
    #[error("request has a duplicated header that may stand once")]
    Duplicated,
    /// The bearer is not the token.
    #[error("bearer is not the token")]
    WrongToken,
    /// The query is longer than all parameters together may be.
    #[error("query is too long")]
    LongQuery,
    /// A parameter is unknown, missing, duplicated or unreadable.
    #[error("parameter is wrong")]
    Parameter {
        /// Its name, if it has one that may be repeated.
        name: Option<String>,
        /// What would be right.
        wanted: &'static str,
    },
    /// The session store does not answer.
    #[error("session store cannot be used")]
    Store,
    /// No live session has this id.
    #[error("no live session has this id")]
    UnknownSession,
}

impl AdminError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Store => "store-unavailable",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::Closed => "admin-closed",
            Self::MissingToken => "missing-token",
            Self::Duplicated => "duplicated-header",
            Self::WrongToken => "wrong-admin-token",
            Self::LongQuery => "long-query",
            Self::Parameter { .. } => "bad-parameter",
            Self::UnknownSession => "unknown-session",
        }
    }

    /// What is wrong with a parameter, for its caller.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Parameter {
                name: Some(name),
                wanted,
            } => Some(format!("`{name}` {wanted}.")),
            Self::Parameter { name: None, wanted } => Some(format!("A parameter {wanted}.")),
            Self::NotFound
            | Self::MethodNotAllowed(_)
            | Self::Closed
            | Self::MissingToken
            | Self::Duplicated
            | Self::WrongToken
            | Self::LongQuery
            | Self::Store
            | Self::UnknownSession => None,
        }
    }
}
